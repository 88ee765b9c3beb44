import CKernels
import MirageSupport
import MirageMedia
import Testing

/// The vector loops give the bytes that the plain arithmetic written out here gives.
@Suite struct KernelTests {
  /// An image whose bytes are random, so that every neighbor matters.
  private func noise(_ height: Int, _ width: Int, _ channels: Int) -> Image {
    var random = Random(key: Random.Key(seed: 1, path: "noise"), sample: UInt64(height * 1000 + width * 10 + channels))
    return Image(height: height, width: width, channels: channels) { buffer in
      for index in buffer.indices { buffer[index] = UInt8(truncatingIfNeeded: random.nextWord()) }
    }
  }

  @Test(arguments: [1, 2, 3, 4]) func bilinearLine(channels: Int) {
    let (height, width) = (23, 37)
    let image = noise(height, width, channels)
    let one = Double(UInt64(1) << 32)
    for count in 1...33 {
      for (dx, dy) in [(0.97, 0.21), (1, 0), (0.5, -0.3), (1.05, 0.4)] {
        let (x, y) = (Int64(0.3 * one), Int64((dy < 0 ? 18.7 : 1.4) * one))
        let (stepX, stepY) = (Int64(dx * one), Int64(dy * one))
        // A guard behind the line shows whether more is written than was asked for.
        var out = [UInt8](repeating: 0xEE, count: count * channels + 32)
        kernel_bilinear_line(
          &out, image.pixels, width * channels, Int32(channels), x, y, stepX, stepY, Int32(count))
        var expected: [UInt8] = []
        for index in 0..<count {
          let (px, py) = (x + Int64(index) * stepX, y + Int64(index) * stepY)
          let (column, row) = (Int(px >> 32), Int(py >> 32))
          let (wx, wy) = (Int(px >> 21) & 2047, Int(py >> 21) & 2047)
          for c in 0..<channels {
            func value(_ dy: Int, _ dx: Int) -> Int { Int(image[row + dy, column + dx, c]) }
            let top = (value(0, 0) * (2048 - wx) + value(0, 1) * wx) >> 4
            let bottom = (value(1, 0) * (2048 - wx) + value(1, 1) * wx) >> 4
            expected.append(UInt8((top * (2048 - wy) + bottom * wy + 1 << 17 + 1 << 10) >> 18))
          }
        }
        #expect(Array(out.prefix(count * channels)) == expected, "\(count) pixels, step \(dx) \(dy)")
        #expect(out.dropFirst(count * channels).allSatisfy { $0 == 0xEE })
      }
    }
  }

  /// Rows and columns of a reduction, against sums in 64 bits.
  @Test(arguments: [1, 2, 3, 4]) func resampling(channels: Int) {
    var random = Random(key: Random.Key(seed: 2, path: "weights"), sample: 0)
    for (rows, width, outWidth, taps) in [(1, 9, 4, 3), (2, 6, 6, 1), (5, 17, 7, 6), (8, 31, 64, 7), (3, 5, 2, 4)] {
      let image = noise(rows, width, channels)
      let first = (0..<outWidth).map { _ in Int32(random.integer(in: 0...width - taps)) }
      // Weights of both signs that sum to about one, as bicubic ones do.
      let weights = (0..<outWidth * taps).map { _ in
        Int32(random.uniform(in: -0.3...(2 / Double(taps))) * Double(1 << 22))
      }
      func clamped(_ sum: Int) -> UInt8 { UInt8(max(0, min(255, (sum + 1 << 21) >> 22))) }
      var out = [UInt8](repeating: 0xEE, count: rows * outWidth * channels + 32)
      kernel_resample_rows(
        &out, image.pixels, Int32(rows), Int32(width), Int32(outWidth), Int32(channels), first, weights, Int32(taps))
      var expected: [UInt8] = []
      for y in 0..<rows {
        for x in 0..<outWidth {
          for c in 0..<channels {
            expected.append(
              clamped((0..<taps).reduce(0) { $0 + Int(image[y, Int(first[x]) + $1, c]) * Int(weights[x * taps + $1]) }))
          }
        }
      }
      #expect(Array(out.prefix(expected.count)) == expected, "\(rows) rows of \(width) to \(outWidth)")
      #expect(out.dropFirst(expected.count).allSatisfy { $0 == 0xEE })

      // Columns: the same image on its side.
      let turned = image.transposed()
      var below = [UInt8](repeating: 0xEE, count: outWidth * rows * channels + 32)
      kernel_resample_columns(
        &below, turned.pixels, Int32(outWidth), Int32(rows * channels), first, weights, Int32(taps))
      let across = Image(height: rows, width: outWidth, channels: channels, pixels: expected)
      #expect(Array(below.prefix(expected.count)) == across.transposed().pixels)
      #expect(below.dropFirst(expected.count).allSatisfy { $0 == 0xEE })
    }
  }

  /// A window of a warped image is the window cut from the whole.
  @Test(arguments: [1, 3]) func windowOfWarp(channels: Int) {
    let image = noise(40, 33, channels)
    let map = AffineTransform(0.95, 0.2, -2.5, -0.2, 0.95, 6)
    let whole = image.warped(by: map, height: 40, width: 33, border: .constant([9]))
    for (x, y, width, height) in [(0, 0, 33, 40), (3, 5, 20, 20), (-4, -3, 30, 30), (10, 20, 40, 40), (50, 2, 4, 4)] {
      let window = Window(x: x, y: y, width: width, height: height, fill: [77])
      #expect(
        image.warped(by: map, border: [9], showing: window)
          == whole.cropped(x: x, y: y, width: width, height: height, border: .constant([77])))
    }
  }

  /// Images too small for the vector loops go the careful way.
  @Test func smallImages() {
    for channels in 1...4 {
      for (height, width) in [(1, 1), (1, 7), (2, 2), (3, 3), (5, 3), (2, 4), (4, 4)] {
        let image = noise(height, width, channels)
        let same = image.warped(by: AffineTransform(1, 0, 0, 0, 1, 0), height: height, width: width)
        #expect(same == image, "\(height) x \(width) x \(channels)")
        _ = image.warped(by: AffineTransform(0.3, 0.1, 0, 0.1, 0.3, 0), height: 9, width: 9)
      }
    }
  }

  /// On long lines the fixed-point steps' rounding adds up, and the fast loop must not be led outside by it.
  @Test func longLines() {
    let image = noise(12, 30_000, 3)
    for step in 0..<150 {
      let angle = (0.002 + 0.0004 * Double(step)) * Double.pi / 180
      let (cos, sin) = (PortableMath.cos(angle), PortableMath.sin(angle))
      let map = AffineTransform(
        cos, -sin, 15_000 - cos * 15_000 + sin * 6, sin, cos, 6 - sin * 15_000 - cos * 6)
      #expect(image.warped(by: map, height: 12, width: 30_000).pixels.count == image.pixels.count)
    }
  }
}
