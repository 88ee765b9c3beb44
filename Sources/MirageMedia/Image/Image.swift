/// An image of 8-bit samples: height × width × channels, interleaved, rows from top to bottom.
public struct Image: Sendable, Equatable {
  /// Number of rows.
  public let height: Int
  /// Number of columns.
  public let width: Int
  /// Number of channels: 1 gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha.
  public let channels: Int
  /// The bytes, height × width × channels.
  public var pixels: [UInt8]

  /// Maximum number of pixels on a side.
  public static let sideLimit = 65_535
  /// Maximum number of pixels in an image that is read (256 megapixels).
  public static let pixelLimit = 1 << 28

  /// Creates an image of bytes.
  /// - Precondition: sides are positive, there are 1 to 4 channels, and the number of bytes fits.
  public init(height: Int, width: Int, channels: Int, pixels: [UInt8]) {
    precondition(
      height > 0 && width > 0 && (1...4).contains(channels) && pixels.count == height * width * channels,
      "\(pixels.count) bytes do not make an image of \(height) x \(width) x \(channels)")
    self.height = height
    self.width = width
    self.channels = channels
    self.pixels = pixels
  }

  /// Creates an image whose bytes a closure writes, all height × width × channels of them.
  public init(
    height: Int, width: Int, channels: Int, filling fill: (UnsafeMutableBufferPointer<UInt8>) throws -> Void
  ) rethrows {
    let count = height * width * channels
    self.init(
      height: height, width: width, channels: channels,
      pixels: try [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
        try fill(UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
        initialized = count
      })
  }

  /// Creates an image of one color, given as one value for all channels or a value for each.
  public init(height: Int, width: Int, channels: Int, fill: [UInt8]) {
    let color = Image.color(fill, channels: channels)
    self.init(height: height, width: width, channels: channels) { buffer in
      for index in buffer.indices { buffer[index] = color[index % channels] }
    }
  }

  /// Number of bytes in a row.
  public var stride: Int { width * channels }

  /// Number of channels with color; the other channel is alpha.
  public var colorChannels: Int { channels >= 3 ? 3 : 1 }

  /// True if the last channel is alpha.
  public var hasAlpha: Bool { channels == 2 || channels == 4 }

  /// The byte at row y and column x of channel c.
  public subscript(y: Int, x: Int, c: Int) -> UInt8 {
    get { pixels[(y * width + x) * channels + c] }
    set { pixels[(y * width + x) * channels + c] = newValue }
  }

  /// Returns a color as a value for each channel: a single value applies to all, and a missing alpha is opaque.
  public static func color(_ fill: [UInt8], channels: Int) -> [UInt8] {
    (0..<channels).map { channel in
      if channel < fill.count { return fill[channel] }
      let isAlpha = channels % 2 == 0 && channel == channels - 1
      return isAlpha && fill.count > 1 ? 255 : fill[fill.count == 1 ? 0 : fill.count - 1]
    }
  }
}

/// Color mode that a reader converts images to; `keep` leaves them unchanged.
public enum ColorMode: String, Sendable, Codable, CaseIterable {
  case gray, rgb, rgba, keep
}

extension Image {
  /// Converts the image to another color mode. Gray from color is ITU-R 601 luma,
  /// `(19595 R + 38470 G + 7471 B + 32768) >> 16`, as in Pillow. Alpha is dropped without blending; an added alpha is
  /// opaque.
  public consuming func converted(to mode: ColorMode) -> Image {
    let target =
      switch mode {
      case .gray: 1
      case .rgb: 3
      case .rgba: 4
      case .keep: channels
      }
    if target == channels { return self }
    let (source, sourceChannels, colored) = (pixels, channels, channels >= 3)
    return Image(height: height, width: width, channels: target) { buffer in
      for pixel in 0..<buffer.count / target {
        let from = pixel * sourceChannels
        let to = pixel * target
        if target == 1 {
          buffer[to] = colored ? luma(source[from], source[from + 1], source[from + 2]) : source[from]
        } else {
          for c in 0..<3 { buffer[to + c] = source[colored ? from + c : from] }
          if target == 4 { buffer[to + 3] = sourceChannels == 2 ? source[from + 1] : 255 }
        }
      }
    }
  }
}

/// Returns the ITU-R 601 luma of a color, rounded.
@inline(__always)
public func luma(_ r: UInt8, _ g: UInt8, _ b: UInt8) -> UInt8 {
  let sum: UInt32 = UInt32(r) &* 19595 &+ UInt32(g) &* 38470 &+ UInt32(b) &* 7471
  return UInt8(truncatingIfNeeded: (sum &+ 0x8000) >> 16)
}

/// An image of 32-bit floats with the map from bytes to floats, so that sinks can convert back exactly.
public struct ScaledImage: Sendable, Equatable {
  /// Number of rows.
  public let height: Int
  /// Number of columns.
  public let width: Int
  /// Number of channels.
  public let channels: Int
  /// The values, height × width × channels, interleaved as in `Image`.
  public var values: [Float]
  /// A map for each channel.
  public var maps: [AffineMap]

  /// A map from bytes to floats: value = byte × scale + offset.
  public struct AffineMap: Sendable, Equatable, Codable {
    /// Factor of the byte.
    public var scale: Float
    /// Term added to the scaled byte.
    public var offset: Float

    /// Creates the map byte × scale + offset.
    public init(scale: Float, offset: Float) {
      self.scale = scale
      self.offset = offset
    }
  }

  /// Creates an image of floats.
  /// - Precondition: there are height × width × channels values and a map for each channel.
  public init(height: Int, width: Int, channels: Int, values: [Float], maps: [AffineMap]) {
    precondition(values.count == height * width * channels && maps.count == channels)
    self.height = height
    self.width = width
    self.channels = channels
    self.values = values
    self.maps = maps
  }

  /// Converts an image of bytes by the map of each channel.
  public init(_ image: borrowing Image, maps: [AffineMap]) {
    let (channels, pixels) = (image.channels, image.pixels)
    precondition(maps.count == channels)
    let values = [Float](unsafeUninitializedCapacity: pixels.count) { buffer, count in
      if maps.allSatisfy({ $0 == maps[0] }) {
        let map = maps[0]
        pixels.withUnsafeBufferPointer { pixels in
          for index in 0..<pixels.count { buffer[index] = Float(pixels[index]) * map.scale + map.offset }
        }
      } else {
        for c in 0..<channels {
          for index in Swift.stride(from: c, to: pixels.count, by: channels) {
            buffer[index] = Float(pixels[index]) * maps[c].scale + maps[c].offset
          }
        }
      }
      count = pixels.count
    }
    self.init(height: image.height, width: image.width, channels: channels, values: values, maps: maps)
  }

  /// Returns the image of bytes: the inverse map of each value, rounded to the nearest byte and limited to 0 ... 255.
  public func image() -> Image {
    let inverse = maps.map { 1 / Double($0.scale) }
    return Image(height: height, width: width, channels: channels) { buffer in
      for index in buffer.indices {
        let c = index % channels
        let byte = ((Double(values[index]) - Double(maps[c].offset)) * inverse[c]).rounded()
        buffer[index] = UInt8(max(0, min(255, byte.isNaN ? 0 : byte)))
      }
    }
  }
}
