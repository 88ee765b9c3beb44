import MirageSupport
import Glibc

/// A directory of its own for one test, removed when the test ends.
public final class TemporaryDirectory {
  public let path: String

  public init() {
    var template = Array("/tmp/mirage-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { fatalError("no temporary directory") }
    path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  deinit { try? removeTree(path) }

  /// A path inside it.
  public func file(_ name: String) -> String { path + "/" + name }

  /// Writes a file, with the folders above it.
  @discardableResult
  public func write(_ name: String, _ bytes: some Collection<UInt8>) throws -> String {
    try makeDirectories(parentDirectory(file(name)))
    try OutputFile.write(file(name), bytes)
    return file(name)
  }

  @discardableResult
  public func write(_ name: String, _ text: String) throws -> String { try write(name, Array(text.utf8)) }
}

/// The repository's root directory.
public let repository = String(#filePath.dropLast("/Tests/Support/TemporaryDirectory.swift".count))

/// Every file below a directory: its path from there and its bytes.
public func snapshot(_ directory: String) throws -> [String: [UInt8]] {
  var files: [String: [UInt8]] = [:]
  func visit(_ path: String, _ name: String) throws {
    for entry in try directoryEntries(path) {
      let inner = name.isEmpty ? entry : name + "/" + entry
      if FileKind(path + "/" + entry) == .directory {
        try visit(path + "/" + entry, inner)
      } else {
        files[inner] = try InputFile.contents(of: path + "/" + entry)
      }
    }
  }
  try visit(directory, "")
  return files
}
