/// An error in a user's data, disk or pipeline, as data for the caller to show.
public struct MirageError: Error, Sendable, Equatable {
  /// Kind of an error; the raw value is the exit code of the command line.
  public enum Kind: Int32, Sendable {
    /// Wrong use of a command or a function.
    case usage = 64
    /// Input that is damaged or does not fit.
    case badData = 65
    /// Input that does not exist or may not be read.
    case missingInput = 66
    /// Output that cannot be created.
    case cannotCreate = 73
    /// Failure to read or write, such as a full disk.
    case ioError = 74
    /// Wrong settings or a wrong combination of stages.
    case badPipeline = 78
  }

  /// Kind of the error.
  public var kind: Kind
  /// The problem, as one sentence without a period.
  public var message: String
  /// Path of the file with the error.
  public var file: String?
  /// Place in the file or pipeline, such as `byte 16`, `line 3` or `stages/2 (rotate)`.
  public var place: String?
  /// Advice on how to solve the problem, as sentences.
  public var remedy: String?
  /// Line of text with the error, and a caret below it.
  public var excerpt: String?

  /// Creates an error of a kind, with its message.
  public init(
    _ kind: Kind, _ message: String, file: String? = nil, place: String? = nil, remedy: String? = nil,
    excerpt: String? = nil
  ) {
    self.kind = kind
    self.message = message
    self.file = file
    self.place = place
    self.remedy = remedy
    self.excerpt = excerpt
  }

  /// Returns the same error with a file and a place, unless it has them already.
  public func located(file: String, place: String? = nil) -> MirageError {
    var copy = self
    copy.file = copy.file ?? file
    copy.place = copy.place ?? place
    return copy
  }

  /// Returns an error in the content of a file.
  public static func badData(
    _ message: String, file: String? = nil, place: String? = nil, remedy: String? = nil
  ) -> MirageError {
    MirageError(.badData, message, file: file, place: place, remedy: remedy)
  }
}

extension MirageError: CustomStringConvertible {
  /// File, place, problem, excerpt and remedy.
  public var description: String {
    var text = ""
    if let file { text += file + (place.map { ", \($0)" } ?? "") + ": " } else if let place { text += place + ": " }
    text += message
    if let excerpt { text += "\n" + excerpt }
    if let remedy { text += "\n  " + remedy }
    return text
  }
}
