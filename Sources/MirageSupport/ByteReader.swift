/// Reads numbers and runs of bytes in order from a buffer; every read is checked against the buffer's end.
public struct ByteReader: Sendable {
  public let bytes: ArraySlice<UInt8>
  public private(set) var position: Int

  public init(_ bytes: some Sequence<UInt8>) {
    self.bytes = Array(bytes)[...]
    position = 0
  }

  public var remaining: Int { bytes.count - position }

  /// The next `count` bytes.
  /// - Throws: bad data naming the offset, where fewer are left.
  public mutating func take(_ count: Int) throws -> ArraySlice<UInt8> {
    guard count >= 0, count <= remaining else {
      throw MirageError.badData("the data ends where \(count) more bytes are needed", place: "byte \(position)")
    }
    let start = bytes.startIndex + position
    position += count
    return bytes[start..<start + count]
  }

  public mutating func u8() throws -> UInt8 { try take(1).first! }

  public mutating func bigEndian<T: FixedWidthInteger & UnsignedInteger>(_: T.Type) throws -> T {
    try take(T.bitWidth / 8).reduce(0) { $0 << 8 | T($1) }
  }

  public mutating func littleEndian<T: FixedWidthInteger & UnsignedInteger>(_: T.Type) throws -> T {
    try take(T.bitWidth / 8).reversed().reduce(0) { $0 << 8 | T($1) }
  }

  /// The text up to the next line feed, which is consumed but not part of it.
  public mutating func line() throws -> String { String(decoding: try lineBytes(), as: UTF8.self) }

  /// The bytes up to the next line feed, which is consumed but not one of them.
  public mutating func lineBytes() throws -> ArraySlice<UInt8> {
    guard let end = bytes.dropFirst(position).firstIndex(of: 0x0A) else {
      throw MirageError.badData("a line without an end", place: "byte \(position)")
    }
    let text = bytes[(bytes.startIndex + position)..<end]
    position = end - bytes.startIndex + 1
    return text
  }
}
