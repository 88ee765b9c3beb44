import CPNG
import MirageSupport
import Glibc

/// Decoder and encoder of PNG files, with libpng.
public enum PNG {
  /// First eight bytes of a PNG file.
  package static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

  /// Decodes an image of any color type, depth and interlacing to 8 bits per channel, as Pillow does: 16-bit samples
  /// keep their high byte, palettes are expanded, a tRNS chunk becomes alpha, and gamma is not applied.
  /// - Throws: bad data if the file is damaged or truncated, or the image exceeds the size limits.
  public static func decode(_ bytes: [UInt8]) throws -> Image {
    var header = cpng_header()
    var error = [CChar](repeating: 0, count: 200)
    func failure() -> MirageError { .badData("not a PNG image that can be read: \(text(error))") }
    guard cpng_read_header(bytes, bytes.count, &header, &error) == 0 else { throw failure() }
    let (height, width, channels) = (Int(header.height), Int(header.width), Int(header.channels))
    try checkSize(width: width, height: height)
    return try Image(height: height, width: width, channels: channels) { buffer in
      guard cpng_read(bytes, bytes.count, buffer.baseAddress, buffer.count, &error) == 0 else { throw failure() }
    }
  }

  /// Encodes an image.
  ///
  /// - Parameters:
  ///   - image: the image.
  ///   - level: compression level, 0 (none) to 9 (smallest). Defaults to 6.
  public static func encode(_ image: borrowing Image, level: Int = 6) throws -> [UInt8] {
    let header = cpng_header(
      width: UInt32(image.width), height: UInt32(image.height), channels: Int32(image.channels))
    var data: UnsafeMutablePointer<UInt8>?
    var size = 0
    var error = [CChar](repeating: 0, count: 200)
    let status = image.pixels.withUnsafeBufferPointer {
      cpng_write($0.baseAddress, header, Int32(level), &data, &size, &error)
    }
    guard status == 0, let data else {
      throw MirageError(.ioError, "a PNG image cannot be written: \(text(error))")
    }
    defer { free(data) }
    return Array(UnsafeBufferPointer(start: data, count: size))
  }
}

private func text(_ message: [CChar]) -> String {
  String(decoding: message.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
}

/// - Throws: bad data if a header has a size over the limits of `Image`.
func checkSize(width: Int, height: Int) throws {
  guard width > 0, height > 0 else { throw MirageError.badData("an image of \(width) x \(height) pixels") }
  guard width <= Image.sideLimit, height <= Image.sideLimit, width * height <= Image.pixelLimit else {
    throw MirageError.badData(
      "an image of \(width) x \(height) pixels, over the limit of \(Image.sideLimit) a side and"
        + " \(Image.pixelLimit >> 20) megapixels")
  }
}
