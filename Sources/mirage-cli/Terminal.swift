import Foundation
import Mirage
import Synchronization

/// Messages for people, on standard error.
enum Terminal {
  static let isInteractive = isatty(STDERR_FILENO) == 1
  private static let hasColour =
    isInteractive && (ProcessInfo.processInfo.environment["NO_COLOR"] ?? "").isEmpty
    && ProcessInfo.processInfo.environment["TERM"] != "dumb"

  static func message(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }

  static func error(_ text: String) {
    message((hasColour ? "\u{1B}[1;31merror:\u{1B}[0m " : "error: ") + text)
  }

  static func warning(_ text: String) {
    message((hasColour ? "\u{1B}[1;33mwarning:\u{1B}[0m " : "warning: ") + text)
  }
}

/// The line that shows how far a run is: on terminals only, ten times a second at most.
final class ProgressLine: Sendable {
  private let start = ContinuousClock.now
  private let state = Mutex<(last: ContinuousClock.Instant?, first: Int)>((nil, 0))
  private let isShown: Bool

  init(isShown: Bool) { self.isShown = isShown && Terminal.isInteractive }

  func show(_ progress: RunProgress) {
    guard isShown else { return }
    let now = ContinuousClock.now
    let first: Int? = state.withLock { state in
      if state.last == nil { state.first = progress.done }
      if let last = state.last, last.duration(to: now) < .milliseconds(100), progress.done < progress.total {
        return nil
      }
      state.last = now
      return state.first
    }
    guard let first else { return }
    let seconds = start.duration(to: now) / .seconds(1)
    let rate = seconds > 0 ? Double(progress.done - first) / seconds : 0
    var text = "\(grouped(progress.done)) of \(grouped(progress.total))"
    if rate > 0 {
      text += "  \(grouped(Int(rate))) images/s"
      if progress.done < progress.total {
        let left = Int(Double(progress.total - progress.done) / rate)
        text += "  \(left / 60):\(left % 60 < 10 ? "0" : "")\(left % 60) left"
      }
    }
    if progress.skipped > 0 { text += "  \(grouped(progress.skipped)) skipped" }
    FileHandle.standardError.write(Data("\r\u{1B}[K\(text)".utf8))
  }

  func end() {
    if isShown { FileHandle.standardError.write(Data("\r\u{1B}[K".utf8)) }
  }
}

/// A number with its thousands apart.
func grouped(_ number: Int) -> String {
  var digits = String(abs(number))
  var groups: [Substring] = []
  while digits.count > 3 {
    groups.insert(digits.suffix(3), at: 0)
    digits.removeLast(3)
  }
  return (number < 0 ? "-" : "") + ([digits[...]] + groups).joined(separator: ",")
}

/// A number with a few decimals.
func decimal(_ number: Double, places: Int = 4) -> String { String(format: "%.\(places)f", number) }
