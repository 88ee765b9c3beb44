import MirageSupport

/// Outcomes of an experiment in a file, one per line after a first line with the experiment's identity, so that an
/// interrupted experiment continues with the missing ones.
package final class ExperimentLog<Outcome: Codable & Sendable> {
  /// Outcomes in the order of logging, including those of earlier runs.
  package private(set) var outcomes: [Outcome] = []
  private let file: OutputFile

  /// Opens or creates the log of an experiment whose outcomes are determined by `identity`.
  /// - Throws: bad data if the file is not a log, or holds outcomes of another experiment; an I/O error.
  package init(_ path: String, identity: Fingerprint) throws {
    var length = 0
    if FileKind(path) == .file {
      // A line that a crash left incomplete has no line feed.
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

  /// Logs an outcome and writes it to the operating system.
  package func append(_ outcome: Outcome) throws {
    try write(JSONValue(encoding: outcome))
    outcomes.append(outcome)
  }

  private func write(_ value: JSONValue) throws {
    try file.append((value.text + "\n").utf8)
    try file.flush()
  }
}
