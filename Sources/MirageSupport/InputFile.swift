import CMedia
import Glibc

/// A file that is open for reading at any offset from any thread. It is read, not mapped: if the file is truncated
/// meanwhile, reading is an error and not a crash, and its pages do not count as memory of the process.
package final class InputFile: Sendable {
  /// Path of the file as the user named it, even if the bytes come from an unpacked copy.
  package let path: String
  /// Number of bytes.
  package let size: Int
  private let descriptor: Int32

  /// Opens a file.
  /// - Throws: missing input if the file does not exist, may not be read or is not a regular file.
  package convenience init(_ path: String) throws {
    let descriptor = try openForReading(path)
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw MirageError(.missingInput, "not a regular file", file: path)
    }
    self.init(path: path, descriptor: descriptor, size: Int(status.st_size))
  }

  init(path: String, descriptor: Int32, size: Int) {
    self.path = path
    self.descriptor = descriptor
    self.size = size
  }

  deinit { close(descriptor) }

  /// Reads the bytes `offset ..< offset + count`.
  /// - Throws: bad data naming the offset if the file ends earlier; an I/O error.
  package func read(at offset: Int, count: Int) throws -> [UInt8] {
    guard offset >= 0, count >= 0, count <= size, offset <= size - count else {
      throw MirageError.badData(
        "the file ends at byte \(size), before the \(count) bytes needed here", file: path, place: "byte \(offset)")
    }
    return try [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      var done = 0
      while done < count {
        let got = pread(descriptor, buffer.baseAddress! + done, count - done, off_t(offset + done))
        if got < 0 && errno == EINTR { continue }
        guard got > 0 else {
          throw got == 0
            ? MirageError.badData(
              "the file became shorter while it was read", file: path, place: "byte \(offset + done)")
            : MirageError(.ioError, "cannot be read: \(errorText(errno))", file: path, place: "byte \(offset + done)")
        }
        done += got
      }
      initialized = count
    }
  }

  /// Reads a whole file.
  /// - Throws: bad data if the file is larger than `limit` bytes.
  package static func contents(of path: String, limit: Int = 1 << 30) throws -> [UInt8] {
    let file = try InputFile(path)
    guard file.size <= limit else {
      throw MirageError.badData("\(file.size) bytes, over the limit of \(limit) for such a file", file: path)
    }
    return try file.read(at: 0, count: file.size)
  }

  /// Reads the lines of a file, without their ends (LF or CR LF) and without a byte order mark.
  /// - Throws: bad data naming the line if the text is not UTF-8.
  package static func lines(of path: String) throws -> [Substring] {
    let bytes = try contents(of: path)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      var line = 1
      for part in bytes.split(separator: 0x0A, omittingEmptySubsequences: false) {
        if String(validating: part, as: UTF8.self) == nil { break }
        line += 1
      }
      throw MirageError.badData("the text is not UTF-8", file: path, place: "line \(line)")
    }
    var lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
    if lines.last == "" { lines.removeLast() }
    if let first = lines.first, first.hasPrefix("\u{FEFF}") { lines[0] = first.dropFirst() }
    return lines
  }

  /// Default limit on the unpacked size of a compressed file: 64 GiB.
  package static let inflationLimit = 64 << 30

  /// Opens a file that may be gzip-compressed. A compressed file is unpacked once into a temporary file without a name,
  /// which disappears with the process.
  /// - Throws: bad data if the compressed data is corrupt, truncated, or unpacks to more than `limit` bytes; an I/O
  ///   error if the temporary directory is full.
  package static func openInflated(_ path: String, limit: Int = inflationLimit) throws -> InputFile {
    let plain = try InputFile(path)
    guard plain.size >= 2, try plain.read(at: 0, count: 2) == [0x1F, 0x8B] else { return plain }
    let temporary = try unlinkedTemporaryFile()
    let unpacked = InputFile(path: path, descriptor: temporary, size: 0)  // closes the descriptor on a throw
    guard let input = gzopen(path, "rb") else {
      throw MirageError(.missingInput, "cannot be opened", file: path)
    }
    defer { gzclose_r(input) }
    gzbuffer(input, 1 << 17)
    var buffer = [UInt8](repeating: 0, count: 1 << 18)
    var total = 0
    while true {
      try Task.checkCancellation()
      let got = gzread(input, &buffer, UInt32(buffer.count))
      var status: Int32 = 0
      let message = gzerror(input, &status).map { String(cString: $0) } ?? ""
      guard got >= 0, status == Z_OK || status == Z_STREAM_END else {
        throw MirageError.badData(
          status == Z_BUF_ERROR ? "the compressed data is truncated" : "the compressed data is corrupt (\(message))",
          file: path, place: "byte \(total) of the unpacked data", remedy: "Fetch the file again.")
      }
      if got == 0 { break }
      total += Int(got)
      guard total <= limit else {
        throw MirageError.badData("unpacks to more than the limit of \(limit) bytes", file: path)
      }
      try writeAll(buffer[..<Int(got)], to: temporary, path: temporaryDirectory())
    }
    return withExtendedLifetime(unpacked) { InputFile(path: path, descriptor: dup(temporary), size: total) }
  }
}

extension InputFile {
  /// Moves bytes from memory to a temporary file without a name.
  ///
  /// - Parameters:
  ///   - bytes: the content.
  ///   - path: path of the original file, for messages.
  package static func spooled(_ bytes: some Collection<UInt8>, path: String) throws -> InputFile {
    let spool = InputFile(path: path, descriptor: try unlinkedTemporaryFile(), size: bytes.count)
    try writeAll(bytes, to: spool.descriptor, path: temporaryDirectory())
    return spool
  }
}

/// Kind of the entry at a path: nothing, a file or a directory.
package enum FileKind: Sendable {
  case missing, file, directory

  package init(_ path: String) {
    var status = stat()
    if stat(path, &status) != 0 {
      self = .missing
    } else {
      self = status.st_mode & S_IFMT == S_IFDIR ? .directory : .file
    }
  }
}

/// Identity of the file at a path, independent of the path's spelling. It reveals symbolic links that lead back to a
/// directory that is being walked.
package struct FileIdentity: Hashable, Sendable {
  private let device, inode: UInt

  /// Finds the identity of the file at a path; nil if there is none.
  package init?(_ path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    (device, inode) = (UInt(status.st_dev), UInt(status.st_ino))
  }
}

/// Returns the names in a directory, sorted by their bytes, without `.` and `..`.
/// - Throws: missing input if it does not exist or may not be read; bad data if a name is not UTF-8.
package func directoryEntries(_ path: String) throws -> [String] {
  guard let directory = opendir(path) else { throw openingError(path) }
  defer { closedir(directory) }
  var names: [String] = []
  while let entry = readdir(directory) {
    let name = withUnsafePointer(to: &entry.pointee.d_name) {
      $0.withMemoryRebound(to: UInt8.self, capacity: 256) { pointer in
        String(validating: UnsafeBufferPointer(start: pointer, count: strlen(pointer)), as: UTF8.self)
      }
    }
    guard let name else { throw MirageError.badData("holds a file whose name is not UTF-8", file: path) }
    if name != "." && name != ".." { names.append(name) }
  }
  return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
}

package func errorText(_ code: Int32) -> String { String(cString: strerror(code)) }

func openingError(_ path: String) -> MirageError {
  switch errno {
  case ENOENT, ENOTDIR: MirageError(.missingInput, "no such file or directory", file: path)
  case EACCES, EPERM:
    MirageError(
      .missingInput, "may not be read (permission denied)", file: path, remedy: "Give yourself permission to read it.")
  case EMFILE, ENFILE:
    MirageError(
      .ioError, "cannot be opened: too many files are open", file: path, remedy: "Raise the limit with `ulimit -n`.")
  default: MirageError(.missingInput, "cannot be opened: \(errorText(errno))", file: path)
  }
}

private func openForReading(_ path: String) throws -> Int32 {
  guard !path.utf8.contains(0) else { throw MirageError(.missingInput, "the path holds a zero byte", file: path) }
  // A named pipe would block until another process writes into it; with O_NONBLOCK it opens, and is refused.
  let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
  guard descriptor >= 0 else { throw openingError(path) }
  return descriptor
}

func temporaryDirectory() -> String {
  getenv("TMPDIR").map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
}

private func unlinkedTemporaryFile() throws -> Int32 {
  var template = Array((temporaryDirectory() + "/mirage-XXXXXX").utf8CString)
  let descriptor = mkstemp(&template)
  guard descriptor >= 0 else {
    throw MirageError(
      .ioError, "cannot make a temporary file: \(errorText(errno))", file: temporaryDirectory(),
      remedy: "Set TMPDIR to a directory with room.")
  }
  unlink(template)
  _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
  return descriptor
}

/// Writes all bytes at the descriptor's position.
/// - Throws: an I/O error, which says so if the disk is full.
func writeAll(_ bytes: some Collection<UInt8>, to descriptor: Int32, path: String) throws {
  let done: Void? = try bytes.withContiguousStorageIfAvailable { buffer in
    var rest = UnsafeRawBufferPointer(buffer)
    while !rest.isEmpty {
      let written = Glibc.write(descriptor, rest.baseAddress, rest.count)
      if written < 0 && errno == EINTR { continue }
      guard written > 0 else { throw writingError(path, code: errno) }
      rest = UnsafeRawBufferPointer(rebasing: rest[written...])
    }
  }
  if done == nil { try writeAll(Array(bytes), to: descriptor, path: path) }
}

func writingError(_ path: String, code: Int32) -> MirageError {
  code == ENOSPC || code == EDQUOT
    ? MirageError(.ioError, "the disk is full", file: path, remedy: "Make room, then run again with --resume.")
    : MirageError(.ioError, "cannot be written: \(errorText(code))", file: path)
}
