import MirageSupport

/// Filters over a pixel's neighborhood. Edges are reflected unless stated otherwise; sums are rounded once.
extension Image {
  /// Blurs with a Gaussian kernel, as torchvision's `gaussian_blur`.
  ///
  /// - Parameters:
  ///   - sigma: standard deviation in pixels.
  ///   - kernel: side of the kernel in pixels; odd.
  public mutating func blur(sigma: Double, kernel: Int) {
    let half = kernel / 2
    let bells = (-half...half).map { PortableMath.exp(-0.5 * Double($0 * $0) / (sigma * sigma)) }
    convolve(separably: bells)
  }

  /// Convolves rows, then columns with one kernel, normalized to a sum of 1. Both reflect the edges.
  private mutating func convolve(separably kernel: [Double]) {
    let sum = kernel.reduce(0, +)
    // 15 bits of fraction; the middle takes the rounding so that a flat image stays flat.
    var weights = kernel.map { UInt32(($0 / sum * 32768).rounded()) }
    weights[weights.count / 2] &+= 32768 &- weights.reduce(0, &+)
    let half = weights.count / 2
    let (height, width, channels, stride) = (height, width, channels, stride)
    var rows = [UInt16](repeating: 0, count: pixels.count)  // 8 bits of fraction
    for x in 0..<width {
      let taps = (-half...half).map { Border.reflect.index(x + $0, count: width)! * channels }
      for y in 0..<height {
        for c in 0..<channels {
          var total: UInt32 = 64
          for (tap, weight) in zip(taps, weights) { total &+= UInt32(pixels[y * stride + tap + c]) &* weight }
          rows[y * stride + x * channels + c] = UInt16(total >> 7)
        }
      }
    }
    var totals = [UInt32](repeating: 0, count: stride)
    for y in 0..<height {
      for index in totals.indices { totals[index] = 1 << 22 }
      for (offset, weight) in zip(-half...half, weights) {
        let from = Border.reflect.index(y + offset, count: height)! * stride
        for index in totals.indices { totals[index] &+= UInt32(rows[from + index]) &* weight }
      }
      for index in totals.indices { pixels[y * stride + index] = UInt8(min(255, totals[index] >> 23)) }
    }
  }

  /// Averages along a line of `length` pixels, rotated counter-clockwise from horizontal, as from a moving camera.
  public mutating func blurAlongLine(length: Int, degrees: Double) {
    let radians = degrees * Double.pi / 180
    let (dx, dy) = (PortableMath.cos(radians), -PortableMath.sin(radians))
    // The line's points, one per pixel, are distributed bilinearly over the pixels around them.
    var kernel: [SIMD2<Int>: Double] = [:]
    for step in 0..<length {
      let distance = Double(step) - Double(length - 1) / 2
      let (x, y) = (distance * dx, distance * dy)
      let (left, top) = (x.rounded(.down), y.rounded(.down))
      for (column, wx) in [(left, 1 - (x - left)), (left + 1, x - left)] {
        for (row, wy) in [(top, 1 - (y - top)), (top + 1, y - top)] where wx * wy > 1e-9 {
          kernel[SIMD2(Int(column), Int(row)), default: 0] += wx * wy / Double(length)
        }
      }
    }
    let taps = kernel.sorted { ($0.key.y, $0.key.x) < ($1.key.y, $1.key.x) }
    let source = self
    for y in 0..<height {
      for x in 0..<width {
        var sums = SIMD4<Double>()
        for (offset, weight) in taps {
          let row = Border.reflect.index(y + offset.y, count: height)!
          let column = Border.reflect.index(x + offset.x, count: width)!
          for c in 0..<channels { sums[c] += weight * Double(source[row, column, c]) }
        }
        for c in 0..<channels { self[y, x, c] = UInt8(max(0, min(255, sums[c].rounded()))) }
      }
    }
  }

  /// Replaces each color by the strength of the edge there: the length of Sobel's gradient of the luma, divided by 4, so that
  /// a step of n levels between two flat areas gives n on both sides of it. At most 255.
  ///
  /// - Parameter threshold: strengths below become 0 and others 255; 0 keeps the strengths.
  public mutating func detectEdges(threshold: Int) {
    let gray = converted(to: .gray).pixels
    let (height, width, channels, colors) = (height, width, channels, colorChannels)
    for y in 0..<height {
      let rows = (-1...1).map { Border.reflect.index(y + $0, count: height)! * width }
      for x in 0..<width {
        let columns = (-1...1).map { Border.reflect.index(x + $0, count: width)! }
        func at(_ row: Int, _ column: Int) -> Int { Int(gray[rows[row] + columns[column]]) }
        let dx = at(0, 2) + 2 * at(1, 2) + at(2, 2) - at(0, 0) - 2 * at(1, 0) - at(2, 0)
        let dy = at(2, 0) + 2 * at(2, 1) + at(2, 2) - at(0, 0) - 2 * at(0, 1) - at(0, 2)
        let strength = min(255, (Double(dx * dx + dy * dy).squareRoot() / 4).rounded())
        let byte = threshold == 0 ? UInt8(strength) : Int(strength) < threshold ? 0 : 255
        for c in 0..<colors { pixels[(y * width + x) * channels + c] = byte }
      }
    }
  }

  /// Blends toward a smoothed image (factor below 1) or away from it. The smoothing is Pillow's: weights 5 for the
  /// pixel and 1 for each neighbor, divided by 13; edge pixels are unchanged.
  public mutating func adjustSharpness(by factor: Double) {
    guard height > 2, width > 2 else { return }
    let source = pixels
    let (stride, channels, colors) = (stride, channels, colorChannels)
    for y in 1..<height - 1 {
      for x in 1..<width - 1 {
        for c in 0..<colors {
          let index = y * stride + x * channels + c
          var sum = 4 * Int(source[index])
          for row in [index - stride, index, index + stride] {
            sum += Int(source[row - channels]) + Int(source[row]) + Int(source[row + channels])
          }
          let smooth = Double((2 * sum + 13) / 26)
          pixels[index] = UInt8(max(0, min(255, (smooth + (Double(source[index]) - smooth) * factor).rounded())))
        }
      }
    }
  }

  /// Fills the part of a rectangle within the image.
  public mutating func fill(x: Range<Int>, y: Range<Int>, with fill: [UInt8]) {
    let color = Image.color(fill, channels: channels)
    for row in y.clamped(to: 0..<height) {
      for column in x.clamped(to: 0..<width) {
        for c in 0..<channels { self[row, column, c] = color[c] }
      }
    }
  }
}
