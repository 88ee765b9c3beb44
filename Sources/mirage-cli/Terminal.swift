import Foundation
import Mirage
import Synchronization

/// Messages for people, on standard error.
enum Terminal {
  static let isInteractive = isatty(STDERR_FILENO) == 1
  private static let hasColor =
    isInteractive && (ProcessInfo.processInfo.environment["NO_COLOR"] ?? "").isEmpty
    && ProcessInfo.processInfo.environment["TERM"] != "dumb"

  static func message(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }

  static func error(_ text: String) {
    message((hasColor ? "\u{1B}[1;31merror:\u{1B}[0m " : "error: ") + text)
  }

  static func warning(_ text: String) {
    message((hasColor ? "\u{1B}[1;33mwarning:\u{1B}[0m " : "warning: ") + text)
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
    var text = "\(NumberText.grouped(progress.done)) of \(NumberText.grouped(progress.total))"
    if rate > 0 {
      text += "  \(NumberText.grouped(Int(rate))) images/s"
      if progress.done < progress.total {
        let left = Int(Double(progress.total - progress.done) / rate)
        text += "  \(left / 60):\(left % 60 < 10 ? "0" : "")\(left % 60) left"
      }
    }
    if progress.skipped > 0 { text += "  \(NumberText.grouped(progress.skipped)) skipped" }
    FileHandle.standardError.write(Data("\r\u{1B}[K\(text)".utf8))
  }

  func end() {
    if isShown { FileHandle.standardError.write(Data("\r\u{1B}[K".utf8)) }
  }
}

/// Shows how far the fitting of a stage is: on terminals a line that changes, and everywhere what happened.
final class FittingLine: Sendable {
  private struct State {
    var activity = ""
    var start = ContinuousClock.now
    var first = 0
    var last: ContinuousClock.Instant?
    var isDrawn = false
  }

  private let state = Mutex(State())
  private let isQuiet: Bool

  init(isQuiet: Bool) { self.isQuiet = isQuiet }

  func show(_ progress: FittingProgress) {
    if isQuiet { return }
    state.withLock { state in
      let now = ContinuousClock.now
      if state.activity != progress.activity {
        state = State(activity: progress.activity, start: now, first: progress.done, isDrawn: state.isDrawn)
      }
      if let event = progress.event {
        clear(&state)
        Terminal.message("\(progress.stage): \(event)")
      }
      guard Terminal.isInteractive else { return }
      if let last = state.last, last.duration(to: now) < .milliseconds(200), progress.done < progress.total { return }
      state.last = now
      var text =
        "\(progress.stage), \(progress.activity): \(NumberText.grouped(progress.done)) of \(NumberText.grouped(progress.total))"
      for measure in progress.measures {
        text += "  \(measure.name) \(NumberText.significant(measure.value, digits: 3))"
      }
      let seconds = state.start.duration(to: now) / .seconds(1)
      if progress.done > state.first, progress.done < progress.total {
        let left = Int(seconds / Double(progress.done - state.first) * Double(progress.total - progress.done))
        text += "  \(left / 60):\(left % 60 < 10 ? "0" : "")\(left % 60) left"
      }
      state.isDrawn = true
      FileHandle.standardError.write(Data("\r\u{1B}[K\(text)".utf8))
    }
  }

  func end() { state.withLock { clear(&$0) } }

  private func clear(_ state: inout State) {
    if state.isDrawn { FileHandle.standardError.write(Data("\r\u{1B}[K".utf8)) }
    state.isDrawn = false
  }
}

/// One line that says what is being done, on terminals only.
final class StatusLine: Sendable {
  private let last = Mutex<ContinuousClock.Instant?>(nil)
  private let isShown: Bool

  init(isShown: Bool) { self.isShown = isShown && Terminal.isInteractive }

  func show(_ text: String) {
    guard isShown else { return }
    let now = ContinuousClock.now
    let isDue = last.withLock { last in
      if let last, last.duration(to: now) < .milliseconds(50) { return false }
      last = now
      return true
    }
    if isDue { FileHandle.standardError.write(Data("\r\u{1B}[K\(text)".utf8)) }
  }

  func end() { if isShown { FileHandle.standardError.write(Data("\r\u{1B}[K".utf8)) } }
}

/// What would keep the file from being written is found out now, not after the work.
func checkWritable(_ output: String, overwrite: Bool) throws {
  switch FileKind(output) {
  case .directory:
    throw MirageError(.cannotCreate, "is a directory", file: output, remedy: "Name a file to write.")
  case .file where !overwrite:
    throw MirageError(
      .cannotCreate, "is there already", file: output, remedy: "Replace it with --overwrite, or name another file.")
  case .file, .missing: break
  }
  try makeDirectories(parentDirectory(output))
  guard access(parentDirectory(output), W_OK) == 0 else {
    throw MirageError(
      .cannotCreate, "may not be written into (permission denied)", file: parentDirectory(output),
      remedy: "Give yourself permission, or name a file elsewhere.")
  }
}
