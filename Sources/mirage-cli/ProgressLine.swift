import Foundation
import Mirage
import Synchronization

/// Progress and events of a command, on standard error.
///
/// Progress is one line that is overwritten, on terminals only: whenever its text changes, else at most ten times a
/// second. Each event is a line of its own, also if standard error is not a terminal.
final class ProgressLine: Sendable {
  private struct State {
    /// Current activity, and the time and count at its beginning.
    var text: String?
    var start = ContinuousClock.now
    var first = 0
    var lastDrawn = ContinuousClock.now
    var isDrawn = false
  }

  private let state = Mutex(State())
  private let isQuiet: Bool

  init(isQuiet: Bool) { self.isQuiet = isQuiet }

  /// Shows an activity without a count.
  func show(_ text: String) {
    draw(text, done: 0, isLast: false) { _, _ in text }
  }

  /// Shows a count, with its rate and the remaining time, both measured since the beginning of the activity.
  ///
  /// - Parameters:
  ///   - text: Text before the numbers; may be empty. A different text begins a new count.
  ///   - unit: Unit of the rate, such as `images/s`; no rate if nil.
  ///   - details: Further parts of the line.
  func show(_ text: String, done: Int, of total: Int, unit: String? = nil, details: [String] = []) {
    draw(text, done: done, isLast: done >= total) { state, now in
      var parts = [(text.isEmpty ? "" : text + ": ") + "\(NumberText.grouped(done)) of \(NumberText.grouped(total))"]
      let seconds = state.start.duration(to: now) / .seconds(1)
      let rate = seconds > 0 ? Double(done - state.first) / seconds : 0
      if let unit, rate > 0 { parts.append("\(NumberText.significant(rate, digits: 3)) \(unit)") }
      parts += details
      if rate > 0, done < total { parts.append("\(NumberText.clock(Double(total - done) / rate)) left") }
      return parts.joined(separator: "  ")
    }
  }

  private func draw(_ text: String, done: Int, isLast: Bool, line: (State, ContinuousClock.Instant) -> String) {
    guard !isQuiet, Terminal.isInteractive else { return }
    state.withLock { state in
      let now = ContinuousClock.now
      if state.text != text {
        (state.text, state.start, state.first) = (text, now, done)
      } else if !isLast, state.lastDrawn.duration(to: now) < .milliseconds(100) {
        return
      }
      (state.lastDrawn, state.isDrawn) = (now, true)
      FileHandle.standardError.write(Data("\r\u{1B}[K\(line(state, now))".utf8))
    }
  }

  /// Writes a line that remains.
  func event(_ text: String) {
    if isQuiet { return }
    state.withLock { state in
      clear(&state)
      Terminal.message(text)
    }
  }

  /// Removes the progress line.
  func end() { state.withLock { clear(&$0) } }

  private func clear(_ state: inout State) {
    if state.isDrawn { FileHandle.standardError.write(Data("\r\u{1B}[K".utf8)) }
    state.isDrawn = false
  }
}

extension ProgressLine {
  func show(_ progress: RunProgress) {
    let skipped = progress.skipped > 0 ? ["\(NumberText.grouped(progress.skipped)) skipped"] : []
    show("", done: progress.done, of: progress.total, unit: "images/s", details: skipped)
  }

  func show(_ progress: FittingProgress) {
    if let event = progress.event { self.event("\(progress.stage): \(event)") }
    show(
      "\(progress.stage), \(progress.activity)", done: progress.done, of: progress.total,
      details: progress.measures.map { "\($0.name) \(NumberText.significant($0.value, digits: 3))" })
  }

  func show(_ progress: ClassifierTraining.Progress) {
    let loss = NumberText.fixed(Double(progress.loss), decimals: 4)
    let epoch = "epoch \(progress.epoch + 1) of \(progress.epochs), loss \(loss)"
    if let accuracy = progress.accuracy {
      event("\(epoch), \(NumberText.percent(accuracy)) % of the test samples right")
    } else {
      show("training", done: progress.step, of: progress.steps, unit: "steps/s", details: [epoch])
    }
  }
}
