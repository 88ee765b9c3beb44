import CMedia
import Glibc

/// A file written from its end, through a buffer, whose length a journal can hold so that a later run continues it.
public final class OutputFile {
  public let path: String
  /// Bytes written so far, the buffered ones included.
  public private(set) var length: Int
  private let descriptor: Int32
  private var buffer: [UInt8] = []

  /// Opens the file, made if need be, and cuts it to `length` bytes.
  /// - Throws: an I/O error; bad data where it is shorter than `length`.
  public init(_ path: String, continuingAt length: Int = 0) throws {
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

  public func append(_ bytes: some Collection<UInt8>) throws {
    buffer.append(contentsOf: bytes)
    length += bytes.count
    if buffer.count >= 1 << 18 { try flush() }
  }

  /// Hands what is buffered to the operating system.
  public func flush() throws {
    try writeAll(buffer, to: descriptor, path: path)
    buffer.removeAll(keepingCapacity: true)
  }

  /// Overwrites bytes that were flushed before.
  public func patch(_ bytes: [UInt8], at offset: Int) throws {
    try flush()
    guard pwrite(descriptor, bytes, bytes.count, off_t(offset)) == bytes.count else {
      throw writingError(path, code: errno)
    }
  }

  /// Writes a whole small file such that a reader or a crash sees the old content or the new one, nothing between.
  public static func replace(_ path: String, with bytes: some Collection<UInt8>) throws {
    try replace(path) { append in try append(bytes) }
  }

  /// The same for a file that is written piece by piece: `write` is handed what appends a piece.
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

  /// Writes a whole file. A torn one after a crash is written again by the run that resumes.
  public static func write(_ path: String, _ bytes: some Collection<UInt8>) throws {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw writingError(path, code: errno) }
    defer { close(descriptor) }
    try writeAll(bytes, to: descriptor, path: path)
  }
}

/// Waits until everything written to the path's file system is on the disk.
public func syncFileSystem(of path: String) throws {
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { throw writingError(path, code: errno) }
  defer { close(descriptor) }
  guard syncfs(descriptor) == 0 else { throw writingError(path, code: errno) }
}

public func moveFile(_ source: String, to destination: String) throws {
  guard rename(source, destination) == 0 else { throw writingError(destination, code: errno) }
}

/// Makes the directory and those above it.
public func makeDirectories(_ path: String) throws {
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

/// Removes a file, or a directory with all it holds; symbolic links are removed, not followed.
public func removeTree(_ path: String) throws {
  var status = stat()
  guard lstat(path, &status) == 0 else { return }
  if status.st_mode & S_IFMT == S_IFDIR {
    for name in try directoryEntries(path) { try removeTree(path + "/" + name) }
    guard rmdir(path) == 0 else { throw writingError(path, code: errno) }
  } else if unlink(path) != 0 {
    throw writingError(path, code: errno)
  }
}

/// A lock that one process at a time holds on a path; it ends with the process, however that ends.
public final class FileLock: Sendable {
  private let descriptor: Int32

  /// - Parameters:
  ///   - file: what is locked by it, for the message.
  ///   - holder: what the other process is doing, for the message.
  /// - Throws: cannot-create where another process holds it.
  public init(_ path: String, of file: String? = nil, holder: String = "another run is writing this output") throws {
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw creatingError(path, code: errno) }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      throw MirageError(.cannotCreate, holder, file: file ?? path, remedy: "Wait until it ends.")
    }
  }

  deinit { close(descriptor) }
}

/// Gives a file a second name, in place of what may have it.
public func linkFile(_ source: String, to destination: String) throws {
  unlink(destination)
  guard link(source, destination) == 0 else { throw writingError(destination, code: errno) }
}
