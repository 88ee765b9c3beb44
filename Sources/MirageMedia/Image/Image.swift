/// An image of 8-bit samples: height × width × channels, interleaved, rows from top to bottom.
public struct Image: Sendable, Equatable {
  public let height: Int
  public let width: Int
  /// 1 gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha.
  public let channels: Int
  /// `height * width * channels` bytes.
  public var pixels: [UInt8]

  /// A side may have at most this many pixels.
  public static let sideLimit = 65_535
  /// An image that is read may have at most this many pixels in all (256 megapixels).
  public static let pixelLimit = 1 << 28

  public init(height: Int, width: Int, channels: Int, pixels: [UInt8]) {
    precondition(
      height > 0 && width > 0 && (1...4).contains(channels) && pixels.count == height * width * channels,
      "\(pixels.count) bytes do not make an image of \(height) x \(width) x \(channels)")
    self.height = height
    self.width = width
    self.channels = channels
    self.pixels = pixels
  }

  /// An image whose pixels `fill` writes: all `height * width * channels` bytes.
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

  /// An image of one color, given as a value for all channels or one for each.
  public init(height: Int, width: Int, channels: Int, fill: [UInt8]) {
    let color = Image.color(fill, channels: channels)
    self.init(height: height, width: width, channels: channels) { buffer in
      for index in buffer.indices { buffer[index] = color[index % channels] }
    }
  }

  /// Bytes from one row to the next.
  public var stride: Int { width * channels }

  /// How many channels carry color; the rest is alpha.
  public var colorChannels: Int { channels >= 3 ? 3 : 1 }

  public var hasAlpha: Bool { channels == 2 || channels == 4 }

  public subscript(y: Int, x: Int, c: Int) -> UInt8 {
    get { pixels[(y * width + x) * channels + c] }
    set { pixels[(y * width + x) * channels + c] = newValue }
  }

  /// A color for each channel: a single value serves all, a missing alpha is opaque.
  public static func color(_ fill: [UInt8], channels: Int) -> [UInt8] {
    (0..<channels).map { channel in
      if channel < fill.count { return fill[channel] }
      let isAlpha = channels % 2 == 0 && channel == channels - 1
      return isAlpha && fill.count > 1 ? 255 : fill[fill.count == 1 ? 0 : fill.count - 1]
    }
  }
}

/// How many channels a reader gives, whatever the file holds.
public enum ColorMode: String, Sendable, Codable, CaseIterable {
  case gray, rgb, rgba, keep
}

extension Image {
  /// The image in another color mode. Gray from color is ITU-R 601 luma, `(19595 R + 38470 G + 7471 B + 32768) >> 16`,
  /// as Pillow computes it; alpha is dropped, not blended, and is opaque where it is added.
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

/// ITU-R 601 luma, rounded.
@inline(__always)
public func luma(_ r: UInt8, _ g: UInt8, _ b: UInt8) -> UInt8 {
  let sum: UInt32 = UInt32(r) &* 19595 &+ UInt32(g) &* 38470 &+ UInt32(b) &* 7471
  return UInt8(truncatingIfNeeded: (sum &+ 0x8000) >> 16)
}

/// An image of 32-bit floats with the map that made it from bytes, so that a sink can go back exactly.
public struct ScaledImage: Sendable, Equatable {
  public let height: Int
  public let width: Int
  public let channels: Int
  /// `height * width * channels` values, interleaved as in `Image`.
  public var values: [Float]
  /// One map a channel: value = byte × scale + offset.
  public var maps: [AffineMap]

  public struct AffineMap: Sendable, Equatable, Codable {
    public var scale: Float
    public var offset: Float

    public init(scale: Float, offset: Float) {
      self.scale = scale
      self.offset = offset
    }
  }

  public init(height: Int, width: Int, channels: Int, values: [Float], maps: [AffineMap]) {
    precondition(values.count == height * width * channels && maps.count == channels)
    self.height = height
    self.width = width
    self.channels = channels
    self.values = values
    self.maps = maps
  }

  /// Every byte of the image through its channel's map.
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

  /// The bytes again: each value back through its map, rounded to the nearest byte and clamped to 0 ... 255.
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
