import CKernels
import Foundations

/// How pixels between pixels are computed.
public enum Interpolation: String, Sendable, Codable, CaseIterable {
  case nearest, bilinear, bicubic, area, lanczos
}

/// One axis of a separable resampling: for each output the first input it reads and its weights, 22 fractional bits.
struct ResamplingAxis {
  let taps: Int
  var first: [Int32]
  var weights: [Int32]

  static let fractionBits = 22

  /// - Parameter antialias: widen the filter by the reduction, as Pillow does; without it the filter keeps its width and
  ///   pixels beyond the edge repeat it, as in torch's `interpolate` (whose cubic has a = -0.75 where Pillow's has -0.5).
  init(input: Int, output: Int, interpolation: Interpolation, antialias: Bool) {
    let scale = Double(input) / Double(output)
    let stretch = antialias || interpolation == .area ? max(scale, 1) : 1
    let radius: Double =
      switch interpolation {
      case .nearest, .area: 0.5
      case .bilinear: 1
      case .bicubic: 2
      case .lanczos: 3
      }
    let support = radius * stretch
    let repeatsEdge = !antialias && interpolation != .area
    let taps = min(Int(support.rounded(.up)) * 2 + 1, repeatsEdge ? Int(support.rounded(.up)) * 2 + 1 : input)
    var first: [Int32] = []
    var weights: [Int32] = []
    for index in 0..<output {
      let centre = (Double(index) + 0.5) * scale
      var low = Int((centre - support + 0.5).rounded(.down))
      var high = Int((centre + support + 0.5).rounded(.down))
      if interpolation == .area {
        low = Int((centre - support).rounded(.down))
        high = Int((centre + support).rounded(.up))
      }
      var row = [Double](repeating: 0, count: taps)
      let start = max(0, min(low, input - min(taps, input)))
      for position in low..<high {
        let inside = max(0, min(input - 1, position))
        if inside != position && !repeatsEdge { continue }
        guard (0..<taps).contains(inside - start) else { continue }
        row[inside - start] += ResamplingAxis.weight(
          interpolation, at: (Double(position) - centre + 0.5) / stretch, width: stretch, antialias: antialias)
      }
      let sum = row.reduce(0, +)
      first.append(Int32(start))
      for value in row {
        weights.append(Int32((value / sum * Double(1 << ResamplingAxis.fractionBits)).rounded(.toNearestOrAwayFromZero)))
      }
    }
    self.taps = min(taps, input)
    if taps > input {
      weights = (0..<output).flatMap { weights[$0 * taps..<$0 * taps + input] }
    }
    self.first = first
    self.weights = weights
  }

  /// The filter at a distance from its centre, in units of its stretched width.
  private static func weight(_ interpolation: Interpolation, at x: Double, width: Double, antialias: Bool) -> Double {
    let distance = abs(x)
    switch interpolation {
    case .nearest: return x > -0.5 && x <= 0.5 ? 1 : 0
    case .area:
      // The share of the pixel that the output covers.
      return max(0, min(1, (0.5 - distance) * width + 0.5))
    case .bilinear: return max(0, 1 - distance)
    case .bicubic:
      let a = antialias ? -0.5 : -0.75
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
  /// The image in another size; pixel centres lie at half coordinates.
  ///
  /// With `antialias` the filter covers all input pixels of an output pixel (Pillow's `resize`, to the bit); without it
  /// only the nearest ones (torch's `interpolate` with `align_corners=False`). Area weighs each pixel by the part that an
  /// output covers, as OpenCV's INTER_AREA does; nearest takes one pixel.
  public borrowing func resized(
    height: Int, width: Int, interpolation: Interpolation = .bilinear, antialias: Bool = true
  ) -> Image {
    if interpolation == .nearest { return nearestResized(height: height, width: width) }
    if hasAlpha && antialias {
      // A transparent pixel's colour must not bleed into its neighbours.
      return premultiplied().resampled(height: height, width: width, interpolation, antialias: true).unpremultiplied()
    }
    return resampled(height: height, width: width, interpolation, antialias: antialias)
  }

  /// Colours times alpha over 255, rounded.
  private borrowing func premultiplied() -> Image {
    mapWithAlpha { colour, alpha in
      let product = Int(colour) * Int(alpha) + 128
      return UInt8((product >> 8 + product) >> 8)
    }
  }

  /// Colours times 255 over alpha, as far as there is any.
  private borrowing func unpremultiplied() -> Image {
    mapWithAlpha { colour, alpha in
      alpha == 0 || alpha == 255 ? colour : UInt8(min(255, 255 * Int(colour) / Int(alpha)))
    }
  }

  private borrowing func mapWithAlpha(_ transform: (UInt8, UInt8) -> UInt8) -> Image {
    var result = copy self
    for alpha in Swift.stride(from: channels - 1, to: pixels.count, by: channels) {
      for index in alpha - channels + 1..<alpha { result.pixels[index] = transform(pixels[index], pixels[alpha]) }
    }
    return result
  }

  private borrowing func resampled(
    height: Int, width: Int, _ interpolation: Interpolation, antialias: Bool
  ) -> Image {
    func axis(_ input: Int, _ output: Int) -> ResamplingAxis? {
      input == output
        ? nil : ResamplingAxis(input: input, output: output, interpolation: interpolation, antialias: antialias)
    }
    let channels = channels
    var result = copy self
    if let axis = axis(self.width, width) {
      let rows = self.height
      let (source, sourceWidth) = (pixels, self.width)
      result = Image(height: rows, width: width, channels: channels) { buffer in
        kernel_resample_rows(
          buffer.baseAddress, source, Int32(rows), Int32(sourceWidth), Int32(width), Int32(channels), axis.first,
          axis.weights, Int32(axis.taps))
      }
    }
    if let axis = axis(self.height, height) {
      let source = result.pixels
      result = Image(height: height, width: width, channels: channels) { buffer in
        kernel_resample_columns(
          buffer.baseAddress, source, Int32(height), Int32(width * channels), axis.first, axis.weights, Int32(axis.taps))
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
