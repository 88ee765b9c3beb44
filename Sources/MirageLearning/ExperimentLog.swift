import MirageSupport

/// Outcomes of an experiment on the disk, one a line, after a line that says what they are of: an interrupted experiment
/// goes on with what is missing.
public final class ExperimentLog<Outcome: Codable & Sendable> {
  /// The outcomes, in the order they were logged, those of earlier runs first.
  public private(set) var outcomes: [Outcome] = []
  private let file: OutputFile

  /// Opens a log, or begins it.
  ///
  /// - Parameter identity: everything that determines the outcomes.
  /// - Throws: bad data if the file holds outcomes of something else, or is no log; an I/O error.
  public init(_ path: String, identity: Fingerprint) throws {
    var length = 0
    if FileKind(path) == .file {
      // A line that a crash tore has no end.
      let lines = try InputFile.contents(of: path).split(
        separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false
      )
      .dropLast()
      for (number, line) in lines.enumerated() {
        let value = try? JSONValue(parsing: line)
        if number == 0 {
          try Self.expect(value, identity, in: path)
        } else if let outcome = try? value?.decoded(as: Outcome.self) {
          outcomes.append(outcome)
        } else {
          throw MirageError.badData("is not an outcome", file: path, place: "line \(number + 1)")
        }
        length += line.count + 1
      }
    }
    file = try OutputFile(path, continuingAt: length)
    if length == 0 { try write(identity.document) }
  }

  private static func expect(_ found: JSONValue?, _ identity: Fingerprint, in path: String) throws {
    if found == identity.document { return }
    var difference = ""
    if case .object(let parts)? = found, let words = identity.firstDifference(from: Fingerprint(parts)) {
      difference = ": \(words)"
    }
    throw MirageError.badData(
      "these are the outcomes of other settings, or of another pipeline\(difference)", file: path,
      remedy: "Choose another --output, or remove this one.")
  }

  /// Logs an outcome; it is on the disk when this returns.
  public func append(_ outcome: Outcome) throws {
    try write(JSONValue(encoding: outcome))
    outcomes.append(outcome)
  }

  private func write(_ value: JSONValue) throws {
    try file.append((value.text + "\n").utf8)
    try file.flush()
  }
}
