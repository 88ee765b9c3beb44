import CKernels

/// A map from points of the output to points of the input, in pixels from the top left corner; the center of the first
/// pixel is (0.5, 0.5).
public protocol InverseMap {
  /// Returns the point of the input for a point of the output.
  func callAsFunction(_ x: Double, _ y: Double) -> (x: Double, y: Double)
}

/// Affine map x' = a x + b y + c, y' = d x + e y + f.
public struct AffineTransform: InverseMap, Sendable, Equatable {
  /// Coefficients of the map.
  public var a, b, c, d, e, f: Double

  /// Creates a map from its coefficients.
  public init(_ a: Double, _ b: Double, _ c: Double, _ d: Double, _ e: Double, _ f: Double) {
    (self.a, self.b, self.c, self.d, self.e, self.f) = (a, b, c, d, e, f)
  }

  @inline(__always)
  public func callAsFunction(_ x: Double, _ y: Double) -> (x: Double, y: Double) {
    (a * x + b * y + c, d * x + e * y + f)
  }

  /// Inverse map; nil if the map is singular.
  public var inverse: AffineTransform? {
    let determinant = a * e - b * d
    guard abs(determinant) > 1e-12 else { return nil }
    let (p, q, r, s) = (e / determinant, -b / determinant, -d / determinant, a / determinant)
    return AffineTransform(p, q, -(p * c + q * f), r, s, -(r * c + s * f))
  }

  /// Returns the map that applies `self` and then `next`.
  public func then(_ next: AffineTransform) -> AffineTransform {
    AffineTransform(
      next.a * a + next.b * d, next.a * b + next.b * e, next.a * c + next.b * f + next.c,
      next.d * a + next.e * d, next.d * b + next.e * e, next.d * c + next.e * f + next.f)
  }
}

extension Image {
  /// Returns the image whose pixel at each point is that of this image at the point that `map` gives.
  ///
  /// As in Pillow, a point inside the image is interpolated between its pixels (edge pixels extend to the edge), and a
  /// point outside shows the border; results are rounded to the nearest byte. Area and Lanczos are replaced by
  /// bilinear.
  ///
  /// - Parameters:
  ///   - map: map from points of the result to points of this image.
  ///   - height: height of the result.
  ///   - width: width of the result.
  ///   - interpolation: interpolation between pixels.
  ///   - border: pixels outside of the image.
  ///   - cubic: coefficient of the cubic convolution: -1 in Pillow's transforms (the default), -0.75 in torch.
  public borrowing func warped<Map: InverseMap>(
    by map: Map, height: Int, width: Int, interpolation: Interpolation = .bilinear, border: Border = .constant([0]),
    cubic: Double = -1
  ) -> Image {
    let sampler = Sampler(self, border: border, cubic: cubic)
    if let affine = map as? AffineTransform, interpolation == .bilinear, case .constant = border {
      let all = Window(x: 0, y: 0, width: width, height: height, fill: [])
      return sampler.bilinear(by: affine, height: height, width: width, window: all)
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

/// Part of an image to cut out, which shows its fill outside of the image.
public struct Window: Sendable, Equatable {
  /// Left and top edge, width and height in pixels.
  public var x, y, width, height: Int
  /// Color outside of the image.
  public var fill: [UInt8]

  /// Creates a window.
  public init(x: Int, y: Int, width: Int, height: Int, fill: [UInt8]) {
    (self.x, self.y, self.width, self.height, self.fill) = (x, y, width, height, fill)
  }
}

extension Image {
  /// Returns a window of the image after an affine map in the image's size: the bytes of `warped` followed by
  /// `cropped`, with only the window's pixels computed. Interpolation is bilinear, and the border constant.
  public borrowing func warped(by map: AffineTransform, border fill: [UInt8], showing window: Window) -> Image {
    Sampler(self, border: .constant(fill), cubic: 0).bilinear(by: map, height: height, width: width, window: window)
  }
}

/// Reader of an image at points between its pixels.
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
    fill = if case .constant(let value) = border { Image.color(value, channels: channels) } else { [] }
  }

  /// Returns the index of a pixel in the image. Constant borders repeat edge pixels inside; others continue the image.
  @inline(__always)
  private func index(_ index: Int, _ count: Int) -> Int {
    if case .constant = border { max(0, min(count - 1, index)) } else { border.index(index, count: count)! }
  }

  func sample(_ x: Double, _ y: Double, _ interpolation: Interpolation, into out: UnsafeMutablePointer<UInt8>) {
    // Coordinates far outside of any image, as from a division by almost zero, count as outside.
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
      // The steps are those of the fast loop in fixed point, so that both give the same bytes.
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

  /// Interpolates bilinearly through an affine map, row by row: along a row the input point moves on a straight line,
  /// so its entry into the image and its exit are computed once, and the loop between them has no conditions.
  func bilinear(by map: AffineTransform, height shownHeight: Int, width shownWidth: Int, window: Window) -> Image {
    let one = Double(UInt64(1) << 32)
    let limit = 1e9  // keeps fixed-point numbers in range for maps that shrink an image to nothing
    let isTame = [map.a, map.b, map.c, map.d, map.e, map.f].allSatisfy { abs($0) < limit }
    let (dx, dy) = isTame ? (Int64(map.a * one), Int64(map.d * one)) : (0, 0)
    let bounds = LineBounds(map, height: height, width: width, longest: shownWidth)
    let outside = window.fill.isEmpty ? fill : Image.color(window.fill, channels: channels)
    // Columns of the window that are in the warped image, and the first of them in that image.
    let left = min(window.width, max(0, -window.x))
    let right = max(left, min(window.width, shownWidth - window.x))
    let (first, count) = (window.x + left, right - left)
    return Image(height: window.height, width: window.width, channels: channels) { buffer in
      pixels.withUnsafeBufferPointer { pixels in
        for row in 0..<window.height {
          let line = buffer.baseAddress! + row * window.width * channels
          guard count > 0, row + window.y >= 0, row + window.y < shownHeight else {
            paint(0..<window.width, outside, line)
            continue
          }
          paint(0..<left, outside, line)
          paint(right..<window.width, outside, line)
          let out = line + left * channels
          let start = map(0.5, Double(row + window.y) + 0.5)
          guard isTame, abs(start.x) < limit, abs(start.y) < limit else {
            paint(0..<count, fill, out)
            continue
          }
          let (x, y) = (Int64(start.x * one) + dx * Int64(first), Int64(start.y * one) + dy * Int64(first))
          var (near, fast) = bounds.ranges(
            start.x + map.a * Double(first), start.y + map.d * Double(first), count: count)
          if count > 256 {
            // Rounding accumulates on long lines, so the range of the fast loop is checked in its own arithmetic:
            // a line is inside if both of its ends are.
            func isInner(_ step: Int) -> Bool {
              let (px, py) = (x + dx * Int64(step) - 1 << 31, y + dy * Int64(step) - 1 << 31)
              return px >= 0 && py >= 0 && px >> 32 <= width - 2 && py >> 32 <= height - 3
            }
            while let first = fast.first, !isInner(first) { fast.removeFirst() }
            while let last = fast.last, !isInner(last) { fast.removeLast() }
          }
          paint(0..<near.lowerBound, fill, out)
          careful(near.lowerBound..<fast.lowerBound, x, y, dx, dy, pixels, out)
          if !fast.isEmpty {
            let half = Int64(1) << 31
            kernel_bilinear_line(
              out + fast.lowerBound * channels, pixels.baseAddress, width * channels, Int32(channels),
              x + dx * Int64(fast.lowerBound) - half, y + dy * Int64(fast.lowerBound) - half, dx, dy, Int32(fast.count))
          }
          careful(fast.upperBound..<near.upperBound, x, y, dx, dy, pixels, out)
          paint(near.upperBound..<count, fill, out)
        }
      }
    }
  }

  private func paint(_ range: Range<Int>, _ color: [UInt8], _ out: UnsafeMutablePointer<UInt8>) {
    if channels == 1 { return (out + range.lowerBound).update(repeating: color[0], count: range.count) }
    for index in range {
      for c in 0..<channels { out[index * channels + c] = color[c] }
    }
  }

  private func careful(
    _ range: Range<Int>, _ x: Int64, _ y: Int64, _ dx: Int64, _ dy: Int64, _ pixels: UnsafeBufferPointer<UInt8>,
    _ out: UnsafeMutablePointer<UInt8>
  ) {
    for index in range {
      let px = x + dx * Int64(index)
      let py = y + dy * Int64(index)
      guard px >= 0, py >= 0, px >> 32 < width, py >> 32 < height else {
        for c in 0..<channels { out[index * channels + c] = fill[c] }
        continue
      }
      let (cx, cy) = (px - 1 << 31, py - 1 << 31)
      let (column, line) = (Int(cx >> 32), Int(cy >> 32))
      let (x0, x1) = (max(0, column) * channels, min(width - 1, column + 1) * channels)
      let (y0, y1) = (max(0, line) * width * channels, min(height - 1, line + 1) * width * channels)
      let (wx, wy) = (Int(cx >> 21) & 2047, Int(cy >> 21) & 2047)
      for c in 0..<channels {
        out[index * channels + c] = blend(
          pixels[y0 + x0 + c], pixels[y0 + x1 + c], pixels[y1 + x0 + c], pixels[y1 + x1 + c], wx, wy)
      }
    }
  }
}

/// Ranges in which a line can meet an image, and in which it certainly runs between the image's pixels. Both are safe
/// estimates; the points between them are decided pixel by pixel.
private struct LineBounds {
  /// The reciprocal of the step along an axis, the uncertainty of a crossing, and the points at which the line enters
  /// and leaves the image and its inner part on that axis.
  private struct Axis {
    let inverse, margin, enter, leave, innerEnter, innerLeave: Double

    init(step: Double, size: Double, inner: ClosedRange<Double>, longest: Int) {
      // A step of zero is replaced by one so small that the line crosses nothing.
      let step = abs(step) < 1e-9 ? 1e-9 : step
      inverse = 1 / step
      // The rounding error of the fixed-point step accumulates along a line.
      margin = 1e-4 + abs((1e-7 + Double(longest) * 0x1p-31) / step)
      (enter, leave) = step > 0 ? (0, size) : (size, 0)
      (innerEnter, innerLeave) =
        step > 0 ? (inner.lowerBound, inner.upperBound) : (inner.upperBound, inner.lowerBound)
    }
  }

  private let across, down: Axis

  /// - Parameter longest: maximum number of steps of a line.
  init(_ map: AffineTransform, height: Int, width: Int, longest: Int) {
    let (w, h) = (Double(width), Double(height))
    across = Axis(step: map.a, size: w, inner: 0.5...max(0.5, w - 0.5), longest: longest)
    // The fast loop reads up to sixteen bytes from each pixel: it keeps out of the last row, and of very narrow images.
    down = Axis(step: map.d, size: h, inner: 0.5...(width < 4 ? 0.5 : max(0.5, h - 1.5)), longest: longest)
  }

  /// - Returns: the steps outside of which the line is certainly outside of the image, and those in which it is
  ///   certainly in the inner part; the second range lies in the first.
  @inline(__always)
  func ranges(_ x: Double, _ y: Double, count: Int) -> (near: Range<Int>, fast: Range<Int>) {
    let limit = Double(count)
    // First whole step at or after a crossing, within 0 ... count.
    func step(_ crossing: Double) -> Int {
      if crossing <= 0 { return 0 }
      if crossing >= limit { return count }
      let whole = Int(crossing)
      return Double(whole) < crossing ? whole + 1 : whole
    }
    let margin = across.margin > down.margin ? across.margin : down.margin
    let low = max((across.enter - x) * across.inverse, (down.enter - y) * down.inverse)
    let high = min((across.leave - x) * across.inverse, (down.leave - y) * down.inverse)
    let innerLow = max((across.innerEnter - x) * across.inverse, (down.innerEnter - y) * down.inverse)
    let innerHigh = min((across.innerLeave - x) * across.inverse, (down.innerLeave - y) * down.inverse)
    let nearLow = step(low - margin)
    let nearHigh = max(nearLow, step(high + margin))
    let fastLow = max(nearLow, min(nearHigh, step(innerLow + margin)))
    let fastHigh = max(fastLow, min(nearHigh, step(innerHigh - margin)))
    return (nearLow..<nearHigh, fastLow..<fastHigh)
  }
}

extension Border {
  fileprivate var isContinued: Bool { if case .constant = self { false } else { true } }
}

/// Interpolates bilinearly with weights of 11 bits, as `kernel_bilinear_line` does for one channel of one pixel.
@inline(__always)
func blend(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8, _ wx: Int, _ wy: Int) -> UInt8 {
  let top = (Int(a) * (2048 - wx) + Int(b) * wx) >> 4
  let bottom = (Int(c) * (2048 - wx) + Int(d) * wx) >> 4
  return UInt8(truncatingIfNeeded: (top * (2048 - wy) + bottom * wy + 1 << 17 + 1 << 10) >> 18)
}
