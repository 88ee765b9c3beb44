import CMedia
import Glibc

/// Writes a gzip file, without name and time in its header, so that equal content gives equal files.
package final class GzipWriter {
  private let path: String
  private var stream: gzFile?

  /// Creates the file.
  ///
  /// - Parameters:
  ///   - path: path of the file.
  ///   - level: compression level, 1 (fastest) to 9 (smallest).
  /// - Throws: an I/O error.
  package init(_ path: String, level: Int) throws {
    self.path = path
    stream = gzopen(path, "wb\(level)")
    guard stream != nil else { throw writingError(path, code: errno) }
  }

  deinit { if stream != nil { gzclose_w(stream) } }

  /// Compresses bytes, a part at a time; between two parts, a cancelled task throws `CancellationError`.
  package func append(_ bytes: [UInt8]) throws {
    try bytes.withUnsafeBufferPointer { bytes in
      for start in stride(from: 0, to: bytes.count, by: 1 << 20) {
        try Task.checkCancellation()
        let count = min(1 << 20, bytes.count - start)
        guard gzwrite(stream, bytes.baseAddress! + start, UInt32(count)) == count else {
          throw writingError(path, code: errno)
        }
      }
    }
  }

  /// Writes the remaining data and the checksum.
  package func close() throws {
    let status = gzclose_w(stream)
    stream = nil
    guard status == Z_OK else { throw writingError(path, code: errno) }
  }

  /// Compresses a file into another.
  package static func compress(_ source: String, to destination: String, level: Int) throws {
    let file = try InputFile(source)
    let writer = try GzipWriter(destination, level: level)
    var offset = 0
    while offset < file.size {
      let part = try file.read(at: offset, count: min(1 << 20, file.size - offset))
      try writer.append(part)
      offset += part.count
    }
    try writer.close()
  }
}
