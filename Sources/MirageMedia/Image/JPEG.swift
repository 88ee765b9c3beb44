import CMedia
import MirageSupport
import Synchronization

/// Decoder and encoder of JPEG files, with libjpeg-turbo.
public enum JPEG {
  /// Decodes baseline and progressive files in gray, YCbCr, RGB, CMYK and YCCK, and applies the EXIF orientation. It
  /// uses the accurate integer transform and smooth chroma upsampling, as Pillow does.
  ///
  /// CMYK becomes RGB as C × K / 255 of the inverted values that Adobe stores. A truncated file is an error, although
  /// libjpeg could fill the rest with gray; stray bytes between markers are not. Progressive files with more than 500
  /// scans are refused, since each scan takes as much time as the whole image.
  /// - Throws: bad data if the file is damaged or truncated, or the image exceeds the size limits.
  public static func decode(_ bytes: [UInt8], as mode: ColorMode = .keep) throws -> Image {
    try decompressors.withHandle { handle in
      var width: Int32 = 0
      var height: Int32 = 0
      var subsampling: Int32 = 0
      var space: Int32 = 0
      guard
        tjDecompressHeader3(handle, bytes, UInt(bytes.count), &width, &height, &subsampling, &space) == 0
          || tjGetErrorCode(handle) == TJERR_WARNING.rawValue
      else { throw failure(handle) }
      try checkSize(width: Int(width), height: Int(height))
      let format: TJPF
      switch space {
      case Int32(TJCS_GRAY.rawValue): format = TJPF_GRAY
      case Int32(TJCS_CMYK.rawValue), Int32(TJCS_YCCK.rawValue): format = TJPF_CMYK
      default: format = TJPF_RGB
      }
      let channels = format == TJPF_GRAY ? 1 : format == TJPF_CMYK ? 4 : 3
      var image = try Image(height: Int(height), width: Int(width), channels: channels) { buffer in
        let status = tjDecompress2(
          handle, bytes, UInt(bytes.count), buffer.baseAddress, width, 0, height, format.rawValue,
          Int32(TJFLAG_LIMITSCANS))
        if status != 0 {
          let message = String(cString: tjGetErrorStr2(handle))
          let harmless = tjGetErrorCode(handle) == TJERR_WARNING.rawValue && message.contains("extraneous bytes")
          guard harmless else { throw failure(handle) }
        }
      }
      if format == TJPF_CMYK { image = rgb(fromInvertedCMYK: image) }
      return image.oriented(by: EXIF.orientation(of: bytes)).converted(to: mode)
    }
  }

  /// Encodes an image as gray or RGB, without alpha and with 4:2:0 chroma subsampling, as Pillow does.
  ///
  /// - Parameters:
  ///   - image: the image.
  ///   - quality: quality, 1 (smallest) to 100 (best). Defaults to 95.
  public static func encode(_ image: borrowing Image, quality: Int = 95) throws -> [UInt8] {
    let plain = (copy image).converted(to: image.channels <= 2 ? .gray : .rgb)
    return try compressors.withHandle { handle in
      var data: UnsafeMutablePointer<UInt8>?
      var size: UInt = 0
      defer { tjFree(data) }
      let gray = plain.channels == 1
      let status = plain.pixels.withUnsafeBufferPointer {
        tjCompress2(
          handle, $0.baseAddress, Int32(plain.width), 0, Int32(plain.height),
          (gray ? TJPF_GRAY : TJPF_RGB).rawValue, &data, &size,
          Int32((gray ? TJSAMP_GRAY : TJSAMP_420).rawValue), Int32(quality), Int32(TJFLAG_ACCURATEDCT))
      }
      guard status == 0, let data else { throw failure(handle) }
      return Array(UnsafeBufferPointer(start: data, count: Int(size)))
    }
  }

  private static func failure(_ handle: tjhandle) -> MirageError {
    .badData("not a JPEG image that can be read: \(String(cString: tjGetErrorStr2(handle)))")
  }

  private static func rgb(fromInvertedCMYK image: borrowing Image) -> Image {
    let source = image.pixels
    return Image(height: image.height, width: image.width, channels: 3) { buffer in
      for pixel in 0..<buffer.count / 3 {
        let black = Int(source[pixel * 4 + 3])
        for c in 0..<3 { buffer[pixel * 3 + c] = UInt8((Int(source[pixel * 4 + c]) * black + 127) / 255) }
      }
    }
  }

  private static let decompressors = HandlePool { tjInitDecompress() }
  private static let compressors = HandlePool { tjInitCompress() }
}

/// Pool of libjpeg-turbo's handles, which are costly to create and can be used by one thread at a time.
private final class HandlePool: Sendable {
  /// Addresses of unused handles.
  private let free = Mutex<[UInt]>([])
  private let make: @Sendable () -> tjhandle?

  init(_ make: @escaping @Sendable () -> tjhandle?) { self.make = make }

  func withHandle<Result>(_ body: (tjhandle) throws -> Result) throws -> Result {
    let pooled = free.withLock { $0.popLast() }
    guard let handle = pooled.flatMap(tjhandle.init(bitPattern:)) ?? make() else {
      throw MirageError(.ioError, "libjpeg-turbo cannot start: out of memory")
    }
    do {
      let result = try body(handle)
      let address = UInt(bitPattern: handle)
      free.withLock { $0.append(address) }
      return result
    } catch {
      // After an error, the handle is inside of the bad header, and the next file would be read from there.
      tjDestroy(handle)
      throw error
    }
  }
}
