/// Operation that composes two images, byte by byte.
public enum CompositionMode: String, Sendable, Codable, CaseIterable {
  /// Absolute difference |a - b|.
  case difference
  /// Inverse of the product of the inverses: 255 - (255 - a) (255 - b) / 255. Black leaves the other image.
  case screen
  /// Product a b / 255. White leaves the other image.
  case multiply
  /// Weighted mean of both.
  case blend
}

extension Image {
  /// Composes the image with a window of its size of another one. Alpha does not change.
  ///
  /// - Parameters:
  ///   - other: an image of as many channels.
  ///   - x: left column of the window in `other`.
  ///   - y: top row of the window in `other`.
  ///   - mode: operation on each color byte, rounded to the nearest byte.
  ///   - weight: weight of this image in `blend`, 0 to 1; the other one has the rest.
  /// - Precondition: both have as many channels, and the window lies inside `other`.
  public mutating func compose(with other: Image, x: Int, y: Int, by mode: CompositionMode, weight: Double) {
    precondition(channels == other.channels && x >= 0 && x + width <= other.width)
    precondition(y >= 0 && y + height <= other.height)
    let share = Int((weight * 65536).rounded())
    switch mode {
    case .difference: combine(with: other, x, y) { abs($0 - $1) }
    case .screen: combine(with: other, x, y) { 255 - ((255 - $0) * (255 - $1) + 127) / 255 }
    case .multiply: combine(with: other, x, y) { ($0 * $1 + 127) / 255 }
    case .blend: combine(with: other, x, y) { ($0 * share + $1 * (65536 - share) + 32768) >> 16 }
    }
  }

  @inline(__always)
  private mutating func combine(with other: Image, _ x: Int, _ y: Int, _ operation: (Int, Int) -> Int) {
    let (channels, colors) = (channels, colorChannels)
    for row in 0..<height {
      var (own, theirs) = (row * stride, (y + row) * other.stride + x * channels)
      for _ in 0..<width {
        for c in 0..<colors {
          pixels[own + c] = UInt8(operation(Int(pixels[own + c]), Int(other.pixels[theirs + c])))
        }
        own += channels
        theirs += channels
      }
    }
  }
}
