import Foundation
import Mirage

/// Messages on standard error.
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

/// Checks before the work begins that the file can be written.
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
