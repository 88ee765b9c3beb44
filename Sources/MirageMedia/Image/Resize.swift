import CKernels
import MirageSupport

/// Interpolation between pixels.
public enum Interpolation: String, Sendable, Codable, CaseIterable {
  case nearest, bilinear, bicubic, area, lanczos
}

/// One axis of a separable resampling: for each output the first input and its weights, with 22 fractional bits.
struct ResamplingAxis {
  let taps: Int
  let first: [Int32]
  let weights: [Int32]

  static let fractionBits = 22

  /// Creates an axis. As in Pillow, a reduction widens the filter, and weights are 0 outside of the image and sum to 1.
  init(input: Int, output: Int, interpolation: Interpolation) {
    let scale = Double(input) / Double(output)
    let stretch = max(scale, 1)
    let radius: Double =
      switch interpolation {
      case .nearest, .area: 0.5
      case .bilinear: 1
      case .bicubic: 2
      case .lanczos: 3
      }
    let support = radius * stretch
    // Area weights partly covered pixels too, the other filters only those whose centers they cover.
    let (below, above) = interpolation == .area ? (0.0, 1.0) : (0.5, 0.5)
    var spans: [(low: Int, high: Int)] = []
    spans.reserveCapacity(output)
    for index in 0..<output {
      let center = (Double(index) + 0.5) * scale
      spans.append(
        (
          max(0, Int((center - support + below).rounded(.down))),
          min(input, Int((center + support + above).rounded(.down)))
        ))
    }
    let taps = spans.reduce(1) { max($0, $1.high - $1.low) }
    let unit = Double(1 << ResamplingAxis.fractionBits)
    var first = [Int32](repeating: 0, count: output)
    var weights = [Int32](repeating: 0, count: output * taps)
    var row = [Double](repeating: 0, count: taps)
    for (index, span) in spans.enumerated() {
      let center = (Double(index) + 0.5) * scale
      let start = min(span.low, input - taps)
      var sum = 0.0
      for position in span.low..<span.high {
        let weight = ResamplingAxis.weight(
          interpolation, at: (Double(position) - center + 0.5) / stretch, width: stretch)
        row[position - span.low] = weight
        sum += weight
      }
      for position in span.low..<span.high {
        weights[index * taps + position - start] = Int32((row[position - span.low] / sum * unit).rounded())
      }
      first[index] = Int32(start)
    }
    (self.taps, self.first, self.weights) = (taps, first, weights)
  }

  /// Returns the filter's value at a distance from its center, in units of its stretched width.
  private static func weight(_ interpolation: Interpolation, at x: Double, width: Double) -> Double {
    let distance = abs(x)
    switch interpolation {
    case .nearest: return x > -0.5 && x <= 0.5 ? 1 : 0
    case .area:
      // Fraction of the pixel that the output covers.
      return max(0, min(1, (0.5 - distance) * width + 0.5))
    case .bilinear: return max(0, 1 - distance)
    case .bicubic:
      let a = -0.5
      if distance < 1 { return ((a + 2) * distance - (a + 3)) * distance * distance + 1 }
      if distance < 2 { return (((distance - 5) * distance + 8) * distance - 4) * a }
      return 0
    case .lanczos:
      if distance >= 3 { return 0 }
      return sinc(x) * sinc(x / 3)
    }
  }
}

private func sinc(_ x: Double) -> Double {
  x == 0 ? 1 : PortableMath.sin(x * Double.pi) / (x * Double.pi)
}

extension Image {
  /// Returns the image in another size, with pixel centers at half coordinates.
  ///
  /// With `antialias`, the filter covers all input pixels of an output pixel (bit-exact with Pillow's `resize`).
  /// Without it, bilinear and bicubic use only the nearest pixels (torch's `interpolate` with `align_corners=False`).
  /// Area weights each pixel by its overlap with the output pixel, as OpenCV's INTER_AREA; nearest uses one pixel.
  public borrowing func resized(
    height: Int, width: Int, interpolation: Interpolation = .bilinear, antialias: Bool = true
  ) -> Image {
    if interpolation == .nearest { return nearestResized(height: height, width: width) }
    if !antialias && (interpolation == .bilinear || interpolation == .bicubic) {
      let map = AffineTransform(
        Double(self.width) / Double(width), 0, 0, 0, Double(self.height) / Double(height), 0)
      return warped(
        by: map, height: height, width: width, interpolation: interpolation, border: .edge, cubic: -0.75)
    }
    if hasAlpha {
      // A transparent pixel's color must not bleed into its neighbors.
      return premultiplied().resampled(height: height, width: width, interpolation).unpremultiplied()
    }
    return resampled(height: height, width: width, interpolation)
  }

  /// Returns the image with colors times alpha / 255, rounded.
  private borrowing func premultiplied() -> Image {
    mapWithAlpha { color, alpha in
      let product = Int(color) * Int(alpha) + 128
      return UInt8((product >> 8 + product) >> 8)
    }
  }

  /// Returns the image with colors times 255 / alpha; unchanged if alpha is 0.
  private borrowing func unpremultiplied() -> Image {
    mapWithAlpha { color, alpha in
      alpha == 0 || alpha == 255 ? color : UInt8(min(255, 255 * Int(color) / Int(alpha)))
    }
  }

  private borrowing func mapWithAlpha(_ transform: (UInt8, UInt8) -> UInt8) -> Image {
    var result = copy self
    for alpha in Swift.stride(from: channels - 1, to: pixels.count, by: channels) {
      for index in alpha - channels + 1..<alpha { result.pixels[index] = transform(pixels[index], pixels[alpha]) }
    }
    return result
  }

  private borrowing func resampled(height: Int, width: Int, _ interpolation: Interpolation) -> Image {
    func axis(_ input: Int, _ output: Int) -> ResamplingAxis? {
      input == output ? nil : ResamplingAxis(input: input, output: output, interpolation: interpolation)
    }
    let channels = channels
    var result = copy self
    let across = axis(self.width, width)
    if let axis = across {
      let rows = self.height
      let (source, sourceWidth) = (pixels, self.width)
      result = Image(height: rows, width: width, channels: channels) { buffer in
        kernel_resample_rows(
          buffer.baseAddress, source, Int32(rows), Int32(sourceWidth), Int32(width), Int32(channels), axis.first,
          axis.weights, Int32(axis.taps))
      }
    }
    // A square that remains a square has the same axis in both directions.
    let isSquare = self.width == self.height && width == height
    if let axis = isSquare ? across : axis(self.height, height) {
      let source = result.pixels
      result = Image(height: height, width: width, channels: channels) { buffer in
        kernel_resample_columns(
          buffer.baseAddress, source, Int32(height), Int32(width * channels), axis.first, axis.weights, Int32(axis.taps)
        )
      }
    }
    return result
  }

  private borrowing func nearestResized(height: Int, width: Int) -> Image {
    let (source, channels, stride) = (pixels, channels, stride)
    let columns = (0..<width).map { (2 * $0 + 1) * self.width / (2 * width) * channels }
    let rows = (0..<height).map { (2 * $0 + 1) * self.height / (2 * height) * stride }
    return Image(height: height, width: width, channels: channels) { buffer in
      var to = 0
      for row in rows {
        for column in columns {
          for c in 0..<channels { buffer[to + c] = source[row + column + c] }
          to += channels
        }
      }
    }
  }
}
