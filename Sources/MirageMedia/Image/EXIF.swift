import MirageSupport

/// EXIF orientation of images.
enum EXIF {
  /// Returns the orientation of a JPEG file, 1 to 8 (tag 0x0112 of the first image directory); 1 if it is missing or
  /// damaged.
  static func orientation(of jpeg: [UInt8]) -> Int {
    var reader = ByteReader(jpeg)
    return (try? scan(&reader)) ?? 1
  }

  private static func scan(_ reader: inout ByteReader) throws -> Int {
    guard try reader.bigEndian(UInt16.self) == 0xFFD8 else { return 1 }
    while true {
      guard try reader.u8() == 0xFF else { return 1 }
      var marker = try reader.u8()
      while marker == 0xFF { marker = try reader.u8() }
      if marker == 0xDA || marker == 0xD9 { return 1 }
      let segment = try reader.take(Int(try reader.bigEndian(UInt16.self)) - 2)
      if marker == 0xE1, segment.starts(with: [0x45, 0x78, 0x69, 0x66, 0, 0]) {
        return try orientation(inTIFF: segment.dropFirst(6))
      }
    }
  }

  private static func orientation(inTIFF tiff: ArraySlice<UInt8>) throws -> Int {
    var reader = ByteReader(tiff)
    let order = try reader.bigEndian(UInt16.self)
    let little = order == 0x4949
    guard little || order == 0x4D4D else { return 1 }
    func u16(_ reader: inout ByteReader) throws -> Int {
      Int(little ? try reader.littleEndian(UInt16.self) : try reader.bigEndian(UInt16.self))
    }
    func u32(_ reader: inout ByteReader) throws -> Int {
      Int(little ? try reader.littleEndian(UInt32.self) : try reader.bigEndian(UInt32.self))
    }
    guard try u16(&reader) == 42 else { return 1 }
    _ = try reader.take(try u32(&reader) - 8)
    for _ in 0..<(try u16(&reader)) {
      let tag = try u16(&reader)
      _ = try reader.take(6)
      let value = try u16(&reader)
      _ = try reader.take(2)
      if tag == 0x0112 { return (1...8).contains(value) ? value : 1 }
    }
    return 1
  }
}

extension Image {
  /// Returns the image after applying an EXIF orientation.
  consuming func oriented(by orientation: Int) -> Image {
    switch orientation {
    case 2: flippedHorizontally()
    case 3: flippedHorizontally().flippedVertically()
    case 4: flippedVertically()
    case 5: transposed()
    case 6: transposed().flippedHorizontally()
    case 7: transposed().flippedHorizontally().flippedVertically()
    case 8: transposed().flippedVertically()
    default: self
    }
  }
}
