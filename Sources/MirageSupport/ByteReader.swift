/// A cursor that reads numbers and bytes in order from a buffer; every read is checked against the buffer's end.
package struct ByteReader: Sendable {
  /// The whole buffer.
  package let bytes: ArraySlice<UInt8>
  /// Offset of the next byte from the beginning of the buffer.
  package private(set) var position: Int

  package init(_ bytes: some Sequence<UInt8>) {
    self.bytes = Array(bytes)[...]
    position = 0
  }

  /// Number of bytes that are left.
  package var remaining: Int { bytes.count - position }

  /// Reads the next `count` bytes.
  /// - Throws: bad data naming the offset if fewer are left.
  package mutating func take(_ count: Int) throws -> ArraySlice<UInt8> {
    guard count >= 0, count <= remaining else {
      throw MirageError.badData("the data ends where \(count) more bytes are needed", place: "byte \(position)")
    }
    let start = bytes.startIndex + position
    position += count
    return bytes[start..<start + count]
  }

  /// Reads a byte.
  package mutating func u8() throws -> UInt8 { try take(1).first! }

  /// Reads an unsigned number whose most significant byte comes first.
  package mutating func bigEndian<T: FixedWidthInteger & UnsignedInteger>(_: T.Type) throws -> T {
    try take(T.bitWidth / 8).reduce(0) { $0 << 8 | T($1) }
  }

  /// Reads an unsigned number whose least significant byte comes first.
  package mutating func littleEndian<T: FixedWidthInteger & UnsignedInteger>(_: T.Type) throws -> T {
    try take(T.bitWidth / 8).reversed().reduce(0) { $0 << 8 | T($1) }
  }

  /// Reads the text up to the next line feed, which is consumed but not part of the text.
  package mutating func line() throws -> String { String(decoding: try lineBytes(), as: UTF8.self) }

  /// Reads the bytes up to the next line feed, which is consumed but not one of them.
  package mutating func lineBytes() throws -> ArraySlice<UInt8> {
    guard let end = bytes.dropFirst(position).firstIndex(of: 0x0A) else {
      throw MirageError.badData("a line without an end", place: "byte \(position)")
    }
    let text = bytes[(bytes.startIndex + position)..<end]
    position = end - bytes.startIndex + 1
    return text
  }
}
