import MirageSupport
import Glibc
import MirageMedia

/// Records a training while it runs: in `history.jsonl` and `grids/` for the report, and in an event file for
/// TensorBoard.
///
/// Records are written to the operating system every two seconds, and by `flush`. Call `flush` at the end and before
/// each checkpoint, so that the history always includes the checkpoint's step. One training at a time may use a
/// directory; the lock on the checkpoint ensures that.
package final class TrainingLog {
  /// Directory of the training.
  package let directory: String
  /// Everything recorded so far, including the part before an interruption.
  package private(set) var history = TrainingHistory()

  private let file: OutputFile
  private let events: EventFile
  private let start = ContinuousClock.now
  private let secondsBefore: Double
  private var lastFlush = ContinuousClock.now

  /// Opens the log, and creates the directory if it is missing.
  ///
  /// - Parameters:
  ///   - directory: directory of the training.
  ///   - step: step of the checkpoint that the training resumes from; later records are removed, also for TensorBoard.
  ///     Nil for a new training: the records of an earlier one replace those in `previous/`, which TensorBoard shows as
  ///     a run of its own.
  /// - Throws: an I/O error; bad data if the history cannot be read.
  package init(_ directory: String, resumingAt step: Int? = nil) throws {
    self.directory = directory
    try makeDirectories(directory)
    let path = directory + "/" + TrainingHistory.fileName
    if let step {
      try Self.cut(path, in: directory, after: step, into: &history)
    } else {
      try Self.setAside(in: directory)
    }
    secondsBefore = history.seconds
    file = try OutputFile(path, continuingAt: FileKind(path) == .missing ? 0 : InputFile(path).size)
    events = try EventFile(in: directory, resumingAt: step)
  }

  /// Records a number in single precision; a number that is not finite is recorded as missing.
  /// - Throws: an I/O error.
  package func scalar(_ name: String, step: Int, value: Double) throws {
    let short = Float(value)
    // The decimal digits of a `Float` are a third of those of the same number as a `Double`.
    let kept = short.isFinite ? Double("\(short)")! : .nan
    try append(TrainingHistory.Record(name: name, step: step, seconds: seconds, content: .value(kept)))
    try events.scalar(name, step: step, value: short)
  }

  /// Records the distribution of the finite values, for TensorBoard only.
  /// - Throws: an I/O error.
  package func histogram(_ name: String, step: Int, values: [Float]) throws {
    try events.histogram(name, step: step, values: values)
  }

  /// Records a grid of samples, as `grids/step-0000500.png` or, with a name, as `grids/a-to-b/step-0000500.png`.
  /// - Throws: a usage error if the name cannot be part of a path; an I/O error.
  package func grid(_ name: String? = nil, step: Int, image: Image, caption: String) throws {
    let folder = "grids" + (name.map { "/" + $0 } ?? "")
    guard isInside(folder) else {
      throw MirageError(.usage, "“\(name ?? "")” cannot name a training's pictures: it is part of a file's path")
    }
    try makeDirectories(directory + "/" + folder)
    let digits = String(step)
    let path = folder + "/step-" + String(repeating: "0", count: max(0, 7 - digits.count)) + digits + ".png"
    let png = try PNG.encode(image)
    try OutputFile.replace(directory + "/" + path, with: png)
    try append(
      TrainingHistory.Record(
        name: folder, step: step, seconds: seconds,
        content: .picture(file: path, height: image.height, width: image.width, caption: caption)))
    try events.image(
      folder, step: step, png: png, height: image.height, width: image.width, channels: image.channels)
  }

  /// Writes buffered records to the operating system.
  /// - Throws: an I/O error.
  package func flush() throws {
    try file.flush()
    try events.flush()
    lastFlush = .now
  }

  private var seconds: Double {
    let (seconds, attoseconds) = (.now - start).components
    return secondsBefore + Double(seconds) + Double(attoseconds / 1_000_000_000_000_000) / 1000
  }

  private func append(_ record: TrainingHistory.Record) throws {
    try file.append(record.line.utf8)
    history.append(record)
    if .now - lastFlush > .seconds(2) { try flush() }
  }

  /// Keeps the records up to a step, and removes the pictures of later steps.
  private static func cut(
    _ path: String, in directory: String, after step: Int, into history: inout TrainingHistory
  ) throws {
    var kept: [UInt8] = []
    var pictures: [String] = []
    for (line, record) in try TrainingHistory.records(in: directory) {
      if record.step <= step {
        kept += line
        history.append(record)
      } else if case .picture(let file, _, _, _) = record.content {
        pictures.append(file)
      }
    }
    try OutputFile.replace(path, with: kept)
    for file in Set(pictures).subtracting(history.grids.map(\.file)) { try removeTree(directory + "/" + file) }
  }

  private static func setAside(in directory: String) throws {
    let names = try directoryEntries(directory).filter {
      [TrainingHistory.fileName, TrainingReport.fileName, "grids"].contains($0) || EventFile.isOurs($0)
    }
    if names.isEmpty { return }
    let previous = directory + "/previous"
    try removeTree(previous)
    try makeDirectories(previous)
    for name in names { try moveFile(directory + "/" + name, to: previous + "/" + name) }
  }
}
