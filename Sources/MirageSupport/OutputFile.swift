import CMedia
import Glibc

/// A file that is appended to through a buffer. A journal can record its length, so that a later run continues it.
package final class OutputFile {
  /// Path of the file.
  package let path: String
  /// Number of bytes written so far, including buffered ones.
  package private(set) var length: Int
  private let descriptor: Int32
  private var buffer: [UInt8] = []

  /// Opens or creates the file and truncates it to `length` bytes.
  /// - Throws: an I/O error; bad data if the file is shorter than `length`.
  package init(_ path: String, continuingAt length: Int = 0) throws {
    self.path = path
    self.length = length
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw creatingError(path, code: errno) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, Int(status.st_size) >= length else {
      throw MirageError.badData(
        "is shorter than the \(length) bytes its journal says", file: path, remedy: "Start again with --overwrite.")
    }
    guard ftruncate(descriptor, off_t(length)) == 0, lseek(descriptor, off_t(length), SEEK_SET) >= 0 else {
      throw writingError(path, code: errno)
    }
  }

  deinit { close(descriptor) }

  /// Appends bytes; they are written when 256 KiB have accumulated.
  package func append(_ bytes: some Collection<UInt8>) throws {
    buffer.append(contentsOf: bytes)
    length += bytes.count
    if buffer.count >= 1 << 18 { try flush() }
  }

  /// Writes buffered bytes to the operating system.
  package func flush() throws {
    try writeAll(buffer, to: descriptor, path: path)
    buffer.removeAll(keepingCapacity: true)
  }

  /// Overwrites earlier bytes, after a flush.
  package func patch(_ bytes: [UInt8], at offset: Int) throws {
    try flush()
    guard pwrite(descriptor, bytes, bytes.count, off_t(offset)) == bytes.count else {
      throw writingError(path, code: errno)
    }
  }

  /// Replaces a whole file. A reader, or a crash, finds either the old content or the new one.
  package static func replace(_ path: String, with bytes: some Collection<UInt8>) throws {
    try replace(path) { append in try append(bytes) }
  }

  /// Replaces a whole file with pieces that `write` appends.
  static func replace(
    _ path: String, writing write: (_ append: (any Collection<UInt8>) throws -> Void) throws -> Void
  ) throws {
    let temporary = path + ".tmp"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw creatingError(path, code: errno) }
    defer { close(descriptor) }
    do {
      try write { try writeAll($0, to: descriptor, path: temporary) }
      guard fsync(descriptor) == 0 else { throw writingError(temporary, code: errno) }
      try moveFile(temporary, to: path)
    } catch {
      unlink(temporary)
      throw error
    }
  }

  /// Writes a whole file. After a crash it may be incomplete; a resumed run writes it again.
  package static func write(_ path: String, _ bytes: some Collection<UInt8>) throws {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw writingError(path, code: errno) }
    defer { close(descriptor) }
    try writeAll(bytes, to: descriptor, path: path)
  }
}

/// Waits until everything written to the file system of a path is on the disk.
package func syncFileSystem(of path: String) throws {
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { throw writingError(path, code: errno) }
  defer { close(descriptor) }
  guard syncfs(descriptor) == 0 else { throw writingError(path, code: errno) }
}

/// Renames a file or directory, replacing a file at the destination.
package func moveFile(_ source: String, to destination: String) throws {
  guard rename(source, destination) == 0 else { throw writingError(destination, code: errno) }
}

/// Creates a directory and its parents.
package func makeDirectories(_ path: String) throws {
  if FileKind(path) == .directory { return }
  if let slash = path.lastIndex(of: "/"), slash > path.startIndex { try makeDirectories(String(path[..<slash])) }
  if mkdir(path, 0o755) != 0 && !(errno == EEXIST && FileKind(path) == .directory) {
    throw creatingError(path, code: errno)
  }
}

private func creatingError(_ path: String, code: Int32) -> MirageError {
  code == ENOSPC || code == EDQUOT
    ? writingError(path, code: code)
    : MirageError(.cannotCreate, "cannot be created: \(errorText(code))", file: path)
}

/// Removes a file, or a directory with its content; symbolic links are removed and not followed.
package func removeTree(_ path: String) throws {
  var status = stat()
  guard lstat(path, &status) == 0 else { return }
  if status.st_mode & S_IFMT == S_IFDIR {
    for name in try directoryEntries(path) { try removeTree(path + "/" + name) }
    guard rmdir(path) == 0 else { throw writingError(path, code: errno) }
  } else if unlink(path) != 0 {
    throw writingError(path, code: errno)
  }
}

/// A lock on a path that one process at a time can hold. It ends with the object, and in any case with the process.
public final class FileLock: Sendable {
  private let descriptor: Int32

  /// Acquires the lock.
  ///
  /// - Parameters:
  ///   - path: path of the lock file, which is created.
  ///   - file: path of the locked file, for the message. Defaults to `path`.
  ///   - holder: activity of the process that holds the lock, for the message.
  /// - Throws: cannot-create if another process holds the lock.
  package init(_ path: String, of file: String? = nil, holder: String = "another run is writing this output") throws {
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw creatingError(path, code: errno) }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      throw MirageError(.cannotCreate, holder, file: file ?? path, remedy: "Wait until it ends.")
    }
  }

  deinit { close(descriptor) }
}

/// Gives a file a second name, replacing a file that has it.
package func linkFile(_ source: String, to destination: String) throws {
  unlink(destination)
  guard link(source, destination) == 0 else { throw writingError(destination, code: errno) }
}
