import CMedia
import Glibc
import Synchronization

/// A zip archive whose members are read in place, with libzip. Threads can share it; reads wait for each other.
package final class Zip: Sendable {
  /// Path of the archive.
  package let path: String
  /// Names of the files, in the archive's order, without directories.
  package let names: [String]
  private let indices: [UInt64]
  private let handle: Mutex<Handle>

  private struct Handle: @unchecked Sendable {  // libzip's handle may move between threads, only not be shared
    let archive: OpaquePointer
  }

  /// Maximum unpacked size of a member in bytes: 1 GiB.
  package static let memberLimit = 1 << 30

  /// Opens an archive.
  /// - Throws: missing input; bad data if it is not a zip archive, is damaged, or has a name that is absolute, climbs
  ///   with `..`, or belongs to a symbolic link.
  package init(_ path: String) throws {
    _ = try InputFile(path)
    var code: Int32 = 0
    guard let archive = zip_open(path, ZIP_RDONLY | ZIP_CHECKCONS, &code) else {
      var error = zip_error_t()
      zip_error_init_with_code(&error, code)
      defer { zip_error_fini(&error) }
      throw MirageError.badData(
        "not a zip archive that can be read: \(String(cString: zip_error_strerror(&error)))", file: path,
        remedy: "Fetch the file again.")
    }
    self.path = path
    handle = Mutex(Handle(archive: archive))
    var names: [String] = []
    var indices: [UInt64] = []
    do {
      for index in 0..<UInt64(max(0, zip_get_num_entries(archive, 0))) {
        guard let raw = zip_get_name(archive, index, zip_flags_t(ZIP_FL_ENC_RAW)),
          let name = String(validatingCString: raw)
        else { throw MirageError.badData("a member's name is not UTF-8", file: path, place: "member \(index)") }
        if name.hasSuffix("/") { continue }
        var system: UInt8 = 0
        var attributes: UInt32 = 0
        zip_file_get_external_attributes(archive, index, 0, &system, &attributes)
        if Int32(system) == ZIP_OPSYS_UNIX && (attributes >> 16) & S_IFMT == S_IFLNK {
          throw MirageError.badData("member \(name) is a symbolic link, which is refused", file: path)
        }
        names.append(try safeMemberName(name, in: path))
        indices.append(index)
      }
    } catch {
      zip_discard(archive)
      throw error
    }
    self.names = names
    self.indices = indices
  }

  deinit { handle.withLock { zip_discard($0.archive) } }

  /// Returns the unpacked bytes of the member at this index in `names`.
  /// - Throws: bad data if the member is damaged, encrypted, or over the size limit.
  package func contents(at place: Int) throws -> [UInt8] {
    try handle.withLock { handle in
      var status = zip_stat_t()
      guard zip_stat_index(handle.archive, indices[place], 0, &status) == 0, status.size <= Zip.memberLimit else {
        throw MirageError.badData(
          "claims more than the limit of \(Zip.memberLimit) bytes", file: path, place: "member \(names[place])")
      }
      func damaged(_ message: UnsafePointer<CChar>?) -> MirageError {
        .badData(
          "cannot be unpacked: \(message.map { String(cString: $0) } ?? "damaged")", file: path,
          place: "member \(names[place])")
      }
      guard let file = zip_fopen_index(handle.archive, indices[place], 0) else {
        throw damaged(zip_strerror(handle.archive))
      }
      defer { zip_fclose(file) }
      // No memory is allocated for the claimed size: the unpacked bytes are collected piece by piece.
      var bytes: [UInt8] = []
      let claimed = Int(status.size)
      while bytes.count < claimed {
        let piece = min(claimed - bytes.count, 1 << 20)
        let part = try [UInt8](unsafeUninitializedCapacity: piece) { buffer, count in
          let got = zip_fread(file, buffer.baseAddress, UInt64(piece))
          guard got > 0 else { throw damaged(zip_file_strerror(file)) }
          count = Int(got)
        }
        if bytes.isEmpty { bytes = part } else { bytes += part }
      }
      // One more read reaches the end, and with it the checksum.
      var extra: UInt8 = 0
      guard zip_fread(file, &extra, 1) == 0 else { throw damaged(zip_file_strerror(file)) }
      return bytes
    }
  }
}
