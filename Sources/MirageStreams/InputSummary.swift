import MirageSupport
import Glibc

/// Description of one input in a report: a file by its bytes, a directory by the names and sizes of all its files.
struct InputSummary {
  private let path: String
  private let files: Int?
  private let bytes: Int
  private let listing: String
  private let newest: Int

  static func all(_ paths: [String]) throws -> [InputSummary] { try paths.map(InputSummary.init) }

  private init(_ path: String) throws {
    self.path = path
    var (count, bytes, newest, listing) = (0, 0, 0, "")
    func visit(_ file: String, _ name: String, below above: Set<FileIdentity>) throws {
      var status = stat()
      guard stat(file, &status) == 0, let own = FileIdentity(file), !above.contains(own) else { return }
      if status.st_mode & S_IFMT == S_IFDIR {
        for entry in try directoryEntries(file) {
          try visit(file + "/" + entry, name + "/" + entry, below: above.union([own]))
        }
      } else {
        count += 1
        bytes += Int(status.st_size)
        newest = max(newest, Int(status.st_mtim.tv_sec) * 1_000_000_000 + Int(status.st_mtim.tv_nsec))
        listing += "\(name) \(status.st_size)\n"
      }
    }
    try visit(path, "", below: [])
    files = FileKind(path) == .directory ? count : nil
    (self.bytes, self.newest, self.listing) = (bytes, newest, listing)
  }

  /// Name and size, stored in reports; they must be unchanged for a run to be resumed.
  var size: JSONValue {
    var fields: [String: JSONValue] = ["file": .string(lastComponent(path)), "bytes": .integer(bytes)]
    if let files { fields["files"] = .integer(files) }
    return .object(fields)
  }

  /// Latest modification time in nanoseconds, to detect changes of an input during a run. It is not stored in reports.
  var stamp: JSONValue { .integer(newest) }

  /// Returns `size` with the SHA-256 of the file, or of a directory's listing.
  func digested() throws -> JSONValue {
    guard case .object(var fields) = size else { return size }
    if files == nil {
      fields["sha256"] = .string(try Digest.sha256(file: path))
    } else {
      fields["listing-sha256"] = .string(Digest.sha256(listing.utf8))
    }
    return .object(fields)
  }
}

extension DatasetInfo {
  /// Returns the identity of the data: names, sizes and SHA-256 of its files, or of the listings of its directories.
  /// - Throws: missing input or an I/O error if an input cannot be read.
  public func inputsDigest() throws -> JSONValue {
    .array(try InputSummary.all(inputs).map { try $0.digested() })
  }
}
