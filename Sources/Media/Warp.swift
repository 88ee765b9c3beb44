import CKernels

/// Maps a point of the output to the point of the input that is shown there, both in pixels from the top left corner,
/// where the centre of the first pixel is (0.5, 0.5).
public protocol InverseMap {
  func callAsFunction(_ x: Double, _ y: Double) -> (x: Double, y: Double)
}

/// x' = a x + b y + c, y' = d x + e y + f.
public struct AffineTransform: InverseMap, Sendable, Equatable {
  public var a, b, c, d, e, f: Double

  public init(_ a: Double, _ b: Double, _ c: Double, _ d: Double, _ e: Double, _ f: Double) {
    (self.a, self.b, self.c, self.d, self.e, self.f) = (a, b, c, d, e, f)
  }

  @inline(__always)
  public func callAsFunction(_ x: Double, _ y: Double) -> (x: Double, y: Double) {
    (a * x + b * y + c, d * x + e * y + f)
  }

  /// The map back; nil where the map is flat.
  public var inverse: AffineTransform? {
    let determinant = a * e - b * d
    guard abs(determinant) > 1e-12 else { return nil }
    let (p, q, r, s) = (e / determinant, -b / determinant, -d / determinant, a / determinant)
    return AffineTransform(p, q, -(p * c + q * f), r, s, -(r * c + s * f))
  }

  /// First `self`, then `next`.
  public func then(_ next: AffineTransform) -> AffineTransform {
    AffineTransform(
      next.a * a + next.b * d, next.a * b + next.b * e, next.a * c + next.b * f + next.c,
      next.d * a + next.e * d, next.d * b + next.e * e, next.d * c + next.e * f + next.f)
  }
}

extension Image {
  /// The image seen through a map, in a size of its own.
  ///
  /// As in Pillow, a point inside the image is interpolated between its pixels (edge pixels reach to the edge) and a point
  /// outside shows the border; results are rounded to the nearest byte. Area and Lanczos are not defined here and give
  /// bilinear.
  ///
  /// - Parameter cubic: the coefficient of the cubic convolution: Pillow's transforms have -1, torch has -0.75.
  public borrowing func warped<Map: InverseMap>(
    by map: Map, height: Int, width: Int, interpolation: Interpolation = .bilinear, border: Border = .constant([0]),
    cubic: Double = -1
  ) -> Image {
    let sampler = Sampler(self, border: border, cubic: cubic)
    if let affine = map as? AffineTransform, interpolation == .bilinear, case .constant = border {
      return sampler.bilinear(by: affine, height: height, width: width)
    }
    return Image(height: height, width: width, channels: channels) { buffer in
      var out = buffer.baseAddress!
      for y in 0..<height {
        for x in 0..<width {
          let point = map(Double(x) + 0.5, Double(y) + 0.5)
          sampler.sample(point.x, point.y, interpolation, into: out)
          out += sampler.channels
        }
      }
    }
  }
}

/// Reads an image between its pixels.
private struct Sampler {
  let height, width, channels: Int
  let pixels: [UInt8]
  let border: Border
  let fill: [UInt8]

  let cubic: Double

  init(_ image: borrowing Image, border: Border, cubic: Double) {
    self.cubic = cubic
    (height, width, channels, pixels) = (image.height, image.width, image.channels, image.pixels)
    self.border = border
    fill = if case .constant(let value) = border { Image.colour(value, channels: channels) } else { [] }
  }

  /// Constant borders show their colour outside and repeat edge pixels inside; others go on beyond the edge.
  @inline(__always)
  private func index(_ index: Int, _ count: Int) -> Int {
    if case .constant = border { max(0, min(count - 1, index)) } else { border.index(index, count: count)! }
  }

  func sample(_ x: Double, _ y: Double, _ interpolation: Interpolation, into out: UnsafeMutablePointer<UInt8>) {
    // Coordinates beyond any image (a map that divides by almost zero) count as outside.
    let isInside = x >= 0 && x < Double(width) && y >= 0 && y < Double(height)
    guard isInside || (border.isContinued && abs(x) < 1e9 && abs(y) < 1e9) else {
      for c in 0..<channels { out[c] = border.isContinued ? 0 : fill[c] }
      return
    }
    if interpolation == .nearest {
      let from = (index(Int(y.rounded(.down)), height) * width + index(Int(x.rounded(.down)), width)) * channels
      for c in 0..<channels { out[c] = pixels[from + c] }
      return
    }
    let left = (x - 0.5).rounded(.down)
    let top = (y - 0.5).rounded(.down)
    let (dx, dy) = (x - 0.5 - left, y - 0.5 - top)
    if interpolation == .bicubic {
      let (across, down) = (cubicWeights(dx), cubicWeights(dy))
      for c in 0..<channels {
        var sum = 0.0
        for j in 0..<4 {
          let row = index(Int(top) - 1 + j, height) * width
          var line = 0.0
          for i in 0..<4 {
            line += across[i] * Double(pixels[(row + index(Int(left) - 1 + i, width)) * channels + c])
          }
          sum += down[j] * line
        }
        out[c] = UInt8(max(0, min(255, sum.rounded())))
      }
    } else {
      let (x0, x1) = (index(Int(left), width) * channels, index(Int(left) + 1, width) * channels)
      let (y0, y1) = (index(Int(top), height) * width * channels, index(Int(top) + 1, height) * width * channels)
      // The same fixed-point steps as the fast loop, so that which of them serves a pixel cannot be seen.
      let (wx, wy) = (Int(dx * 2048), Int(dy * 2048))
      for c in 0..<channels {
        out[c] = blend(
          pixels[y0 + x0 + c], pixels[y0 + x1 + c], pixels[y1 + x0 + c], pixels[y1 + x1 + c], wx, wy)
      }
    }
  }

  private func cubicWeights(_ t: Double) -> SIMD4<Double> {
    let a = cubic
    func near(_ d: Double) -> Double { ((a + 2) * d - (a + 3)) * d * d + 1 }
    func far(_ d: Double) -> Double { (((d - 5) * d + 8) * d - 4) * a }
    return SIMD4(far(1 + t), near(t), near(1 - t), far(2 - t))
  }

  /// Bilinear interpolation through an affine map, row by row: along a row the input point moves on a straight line, so
  /// where it enters and leaves the image is computed once, and the loop between has nothing to decide.
  func bilinear(by map: AffineTransform, height outHeight: Int, width outWidth: Int) -> Image {
    let one = Double(UInt64(1) << 32)
    let limit = 1e9  // keeps fixed-point numbers in range for maps that shrink an image to nothing
    guard [map.a, map.b, map.c, map.d, map.e, map.f].allSatisfy({ abs($0) < limit }) else {
      return Image(height: outHeight, width: outWidth, channels: channels, fill: fill)
    }
    let dx = Int64(map.a * one)
    let dy = Int64(map.d * one)
    let half = Int64(1) << 31
    let wide = Int64(width) << 32
    let high = Int64(height) << 32
    // The last column of three-channel images is left to the careful loop: the fast one reads a byte behind each pixel.
    let spare: Int64 = channels == 3 ? 1 : 0
    return Image(height: outHeight, width: outWidth, channels: channels) { buffer in
      pixels.withUnsafeBufferPointer { pixels in
        for row in 0..<outHeight {
          let out = buffer.baseAddress! + row * outWidth * channels
          let start = map(0.5, Double(row) + 0.5)
          guard abs(start.x) < limit, abs(start.y) < limit else {
            paint(0..<outWidth, out)
            continue
          }
          let x = Int64(start.x * one)
          let y = Int64(start.y * one)
          let inside = run(x, dx, 0, wide, outWidth).clamped(to: run(y, dy, 0, high, outWidth))
          var fast = run(x, dx, half, wide - half - spare << 32, outWidth)
            .clamped(to: run(y, dy, half, high - half, outWidth))
          fast = fast.clamped(to: inside)
          if fast.isEmpty { fast = inside.lowerBound..<inside.lowerBound }
          paint(0..<inside.lowerBound, out)
          careful(inside.lowerBound..<fast.lowerBound, x, y, dx, dy, pixels, out)
          if !fast.isEmpty {
            kernel_bilinear_line(
              out + fast.lowerBound * channels, pixels.baseAddress, width * channels, Int32(channels),
              x + dx * Int64(fast.lowerBound) - half, y + dy * Int64(fast.lowerBound) - half, dx, dy, Int32(fast.count))
          }
          careful(fast.upperBound..<inside.upperBound, x, y, dx, dy, pixels, out)
          paint(inside.upperBound..<outWidth, out)
        }
      }
    }
  }

  /// The steps i in 0 ..< count for which low <= start + i × step < high.
  private func run(_ start: Int64, _ step: Int64, _ low: Int64, _ high: Int64, _ count: Int) -> Range<Int> {
    if low >= high { return 0..<0 }
    if step == 0 { return start >= low && start < high ? 0..<count : 0..<0 }
    func firstAtLeast(_ bound: Int64) -> Int {  // smallest i with start + i × |step| >= bound, for a rising line
      let gap = bound - (step > 0 ? start : -start)
      let size = step > 0 ? step : -step
      return gap <= 0 ? 0 : Int(min(Int64(count), (gap - 1) / size + 1))
    }
    let (from, to) =
      step > 0 ? (firstAtLeast(low), firstAtLeast(high)) : (firstAtLeast(-high + 1), firstAtLeast(-low + 1))
    return from..<max(from, to)
  }

  private func paint(_ range: Range<Int>, _ out: UnsafeMutablePointer<UInt8>) {
    if channels == 1 { return (out + range.lowerBound).update(repeating: fill[0], count: range.count) }
    for index in range {
      for c in 0..<channels { out[index * channels + c] = fill[c] }
    }
  }

  private func careful(
    _ range: Range<Int>, _ x: Int64, _ y: Int64, _ dx: Int64, _ dy: Int64, _ pixels: UnsafeBufferPointer<UInt8>,
    _ out: UnsafeMutablePointer<UInt8>
  ) {
    for index in range {
      let px = x + dx * Int64(index) - 1 << 31
      let py = y + dy * Int64(index) - 1 << 31
      let column = Int(px >> 32)
      let line = Int(py >> 32)
      let (x0, x1) = (max(0, column) * channels, min(width - 1, column + 1) * channels)
      let (y0, y1) = (max(0, line) * width * channels, min(height - 1, line + 1) * width * channels)
      let (wx, wy) = (Int(px >> 21) & 2047, Int(py >> 21) & 2047)
      for c in 0..<channels {
        out[index * channels + c] = blend(
          pixels[y0 + x0 + c], pixels[y0 + x1 + c], pixels[y1 + x0 + c], pixels[y1 + x1 + c], wx, wy)
      }
    }
  }
}

extension Border {
  fileprivate var isContinued: Bool { if case .constant = self { false } else { true } }
}

/// Bilinear interpolation with weights of 11 bits: what `kernel_bilinear_line` computes for one channel of one pixel.
@inline(__always)
func blend(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8, _ wx: Int, _ wy: Int) -> UInt8 {
  let top = (Int(a) * (2048 - wx) + Int(b) * wx + 8) >> 4
  let bottom = (Int(c) * (2048 - wx) + Int(d) * wx + 8) >> 4
  return UInt8(truncatingIfNeeded: (top * (2048 - wy) + bottom * wy + 1 << 17) >> 18)
}
