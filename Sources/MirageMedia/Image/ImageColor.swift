import MirageSupport

/// Operations on colors. All round to the nearest byte, clamp to 0 ... 255, and do not change alpha. Pillow truncates
/// in `blend` and `autocontrast`, so results differ from it by at most 1.
extension Image {
  /// Replaces every color byte by its entry in a table of 256; alpha is unchanged.
  public mutating func mapColors(_ table: [UInt8]) { mapChannels(Array(repeating: table, count: colorChannels)) }

  private mutating func mapChannels(_ tables: [[UInt8]]) {
    let (channels, colors) = (channels, colorChannels)
    pixels.withUnsafeMutableBufferPointer { pixels in
      for c in 0..<colors {
        tables[c].withUnsafeBufferPointer { table in
          for index in Swift.stride(from: c, to: pixels.count, by: channels) {
            pixels[index] = table[Int(pixels[index])]
          }
        }
      }
    }
  }

  /// Blends toward black (factor below 1) or away from it.
  public mutating func adjustBrightness(by factor: Double) {
    mapColors((0..<256).map { rounded(Double($0) * factor) })
  }

  /// Blends toward the image's mean gray (factor below 1) or away from it.
  public mutating func adjustContrast(by factor: Double) {
    var sum = 0
    for pixel in 0..<height * width { sum += Int(luma(at: pixel)) }
    let mean = (Double(sum) / Double(height * width)).rounded()
    mapColors((0..<256).map { rounded(mean + (Double($0) - mean) * factor) })
  }

  /// Blends toward each pixel's gray (factor below 1) or away from it. Gray images are unchanged.
  public mutating func adjustSaturation(by factor: Double) {
    guard colorChannels == 3 else { return }
    let weight = Int((factor * 65536).rounded())
    for pixel in 0..<height * width {
      let gray = Int(luma(at: pixel))
      for c in 0..<3 {
        let index = pixel * channels + c
        pixels[index] = UInt8(max(0, min(255, gray + ((Int(pixels[index]) - gray) * weight + 32768) >> 16)))
      }
    }
  }

  /// Turns the hue in HSV by a fraction of the color circle, -0.5 to 0.5, as torchvision does for tensors. Gray images
  /// are unchanged.
  public mutating func shiftHue(by turn: Double) {
    guard colorChannels == 3 else { return }
    for pixel in 0..<height * width {
      let index = pixel * channels
      let (r, g, b) = (Double(pixels[index]) / 255, Double(pixels[index + 1]) / 255, Double(pixels[index + 2]) / 255)
      let value = max(r, g, b)
      let chroma = value - min(r, g, b)
      if chroma == 0 { continue }
      var hue =
        value == r ? (g - b) / chroma : value == g ? (b - r) / chroma + 2 : (r - g) / chroma + 4
      hue = hue / 6 + turn
      hue = (hue - hue.rounded(.down)) * 6
      let sector = hue.rounded(.down)
      let f = hue - sector
      let saturation = chroma / value
      let p = value * (1 - saturation)
      let q = value * (1 - saturation * f)
      let t = value * (1 - saturation * (1 - f))
      let color: (Double, Double, Double) =
        switch Int(sector) % 6 {
        case 0: (value, t, p)
        case 1: (q, value, p)
        case 2: (p, value, t)
        case 3: (p, q, value)
        case 4: (t, p, value)
        default: (value, p, q)
        }
      pixels[index] = rounded(color.0 * 255)
      pixels[index + 1] = rounded(color.1 * 255)
      pixels[index + 2] = rounded(color.2 * 255)
    }
  }

  /// Replaces each byte v by 255 (v / 255)^gamma.
  public mutating func adjustGamma(by gamma: Double) {
    mapColors((0..<256).map { rounded(255 * PortableMath.pow(Double($0) / 255, gamma)) })
  }

  /// Multiplies by a linear ramp across the image: 1 at the pixel nearest to the light, 1 - strength at the farthest.
  ///
  /// - Parameters:
  ///   - strength: part of the light that the farthest pixel loses, 0 to 1.
  ///   - degrees: direction of the light, counter-clockwise from the right.
  public mutating func shade(strength: Double, degrees: Double) {
    let radians = degrees * Double.pi / 180
    let (dx, dy) = (PortableMath.cos(radians), -PortableMath.sin(radians))
    let (middleX, middleY) = (Double(width - 1) / 2, Double(height - 1) / 2)
    // Distance of the ends from the middle; a line across the light has none, and half of the shade.
    let reach = abs(dx) * middleX + abs(dy) * middleY
    let slope = reach < 1e-6 ? 0 : 1 / reach
    for pixel in 0..<height * width {
      let (y, x) = pixel.quotientAndRemainder(dividingBy: width)
      let nearness = ((Double(x) - middleX) * dx + (Double(y) - middleY) * dy) * slope
      let factor = 1 - strength * (1 - nearness) / 2
      for index in pixel * channels..<pixel * channels + colorChannels {
        pixels[index] = rounded(Double(pixels[index]) * factor)
      }
    }
  }

  /// Replaces each color byte v by 255 - v.
  public mutating func invert() { mapColors((0..<256).map { UInt8(255 - $0) }) }

  /// Keeps the highest bits (0 to 8) of each byte.
  public mutating func posterize(bits: Int) {
    let mask = UInt8(truncatingIfNeeded: 0xFF00 >> bits)
    mapColors((0..<256).map { UInt8($0) & mask })
  }

  /// Inverts the bytes at and above a threshold (0 to 256).
  public mutating func solarize(threshold: Int) {
    mapColors((0..<256).map { $0 < threshold ? UInt8($0) : UInt8(255 - $0) })
  }

  /// Stretches each channel so that its lowest value becomes 0 and its highest 255.
  public mutating func autocontrast() {
    mapChannels(
      histograms().map { histogram in
        let low = histogram.firstIndex { $0 > 0 }!
        let high = histogram.lastIndex { $0 > 0 }!
        if high == low { return (0..<256).map { UInt8($0) } }
        return (0..<256).map { rounded(Double($0 - low) * 255 / Double(high - low)) }
      })
  }

  /// Equalizes the histogram of each channel, with Pillow's integer arithmetic.
  public mutating func equalize() {
    mapChannels(
      histograms().map { histogram in
        let identity = (0..<256).map { UInt8($0) }
        let last = histogram.last { $0 > 0 }!
        let step = (histogram.reduce(0, +) - last) / 255
        if step == 0 || last == height * width { return identity }
        var sum = step / 2
        return histogram.map { count in
          defer { sum += count }
          return UInt8(min(255, sum / step))
        }
      })
  }

  private func histograms() -> [[Int]] {
    (0..<colorChannels).map { c in
      var histogram = [Int](repeating: 0, count: 256)
      for index in Swift.stride(from: c, to: pixels.count, by: channels) { histogram[Int(pixels[index])] += 1 }
      return histogram
    }
  }

  private func luma(at pixel: Int) -> UInt8 {
    let index = pixel * channels
    return colorChannels == 3 ? MirageMedia.luma(pixels[index], pixels[index + 1], pixels[index + 2]) : pixels[index]
  }
}

private func rounded(_ value: Double) -> UInt8 { UInt8(max(0, min(255, value.rounded()))) }
