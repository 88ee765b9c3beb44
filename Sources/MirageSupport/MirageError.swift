/// What went wrong with a user's data, disk or pipeline: data for the caller to render, never a trap.
public struct MirageError: Error, Sendable, Equatable {
  /// Which of the documented exit codes the error ends a command with.
  public enum Kind: Int32, Sendable {
    case usage = 64
    case badData = 65
    case missingInput = 66
    case cannotCreate = 73
    case ioError = 74
    case badPipeline = 78
  }

  public var kind: Kind
  /// One sentence: what is wrong.
  public var message: String
  /// The file the error is in.
  public var file: String?
  /// Where in the file: "byte 16", "line 3", "member data_batch_1.bin".
  public var place: String?
  /// What the user can do about it.
  public var remedy: String?
  /// The line of text the error is in, with a caret below.
  public var excerpt: String?

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

  /// The same error with the file and place named where it did not yet name them.
  public func located(file: String, place: String? = nil) -> MirageError {
    var copy = self
    copy.file = copy.file ?? file
    copy.place = copy.place ?? place
    return copy
  }

  public static func badData(
    _ message: String, file: String? = nil, place: String? = nil, remedy: String? = nil
  ) -> MirageError {
    MirageError(.badData, message, file: file, place: place, remedy: remedy)
  }
}

extension MirageError: CustomStringConvertible {
  public var description: String {
    var text = ""
    if let file { text += file + (place.map { ", \($0)" } ?? "") + ": " } else if let place { text += place + ": " }
    text += message
    if let excerpt { text += "\n" + excerpt }
    if let remedy { text += "\n  " + remedy }
    return text
  }
}
