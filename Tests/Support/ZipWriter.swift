/// Writes zip archives without compression, and whatever else a test needs to stand in one.
public struct ZipWriter {
  private var bytes: [UInt8] = []
  private var directory: [UInt8] = []
  private var count = 0

  public init() {}

  /// Appends one member.
  ///
  /// - Parameters:
  ///   - mode: the Unix file type and permissions, such as `0o120777` for a symbolic link.
  ///   - size: what the archive claims of the content's size.
  ///   - checksum: what it claims of its CRC-32.
  public mutating func add(
    _ name: some Sequence<UInt8>, _ content: [UInt8], mode: UInt32 = 0o100644, size: Int? = nil, checksum: UInt32? = nil
  ) {
    let name = Array(name)
    let offset = bytes.count
    let size = littleEndian(size ?? content.count, 4)
    // Version 2.0, no flags, stored, 1980-01-01 00:00.
    var common: [UInt8] = [20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0]
    common += littleEndian(Int(checksum ?? crc32(content)), 4) + size + size
    common += littleEndian(name.count, 2) + littleEndian(0, 2)
    bytes += littleEndian(0x0403_4B50, 4) + common
    bytes += name + content
    directory += littleEndian(0x0201_4B50, 4) + littleEndian(0x0314, 2) + common
    directory += [UInt8](repeating: 0, count: 6) + littleEndian(Int(mode) << 16, 4) + littleEndian(offset, 4) + name
    count += 1
  }

  public mutating func add(_ name: String, _ content: [UInt8], mode: UInt32 = 0o100644) {
    add(name.utf8, content, mode: mode)
  }

  /// The whole archive.
  public func finished() -> [UInt8] {
    var end = littleEndian(0x0605_4B50, 4) + littleEndian(0, 4) + littleEndian(count, 2) + littleEndian(count, 2)
    end += littleEndian(directory.count, 4) + littleEndian(bytes.count, 4) + littleEndian(0, 2)
    return bytes + directory + end
  }
}

private func littleEndian(_ value: Int, _ count: Int) -> [UInt8] {
  (0..<count).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
}

/// The check sum of zip members and PNG chunks.
public func crc32(_ bytes: some Sequence<UInt8>) -> UInt32 {
  var sum = UInt32.max
  for byte in bytes {
    sum ^= UInt32(byte)
    for _ in 0..<8 { sum = sum & 1 == 0 ? sum >> 1 : (sum >> 1) ^ 0xEDB8_8320 }
  }
  return ~sum
}
