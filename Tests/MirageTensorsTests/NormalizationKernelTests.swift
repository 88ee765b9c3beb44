import CKernels
import MirageTensors
import Testing

/// The kernels of normalize.h against plain arithmetic in double precision.
@Suite struct NormalizationKernelTests {
  static let sizes = [(1, 1), (1, 5), (7, 1), (13, 3), (33, 16), (9, 65), (5, 130)]

  private func close(_ out: Guarded, _ expected: [Double], _ tolerance: Double = 1e-5) -> Bool {
    out.isIntact && out.count == expected.count
      && zip(out.values, expected).allSatisfy { abs(Double($0) - $1) <= tolerance * (1 + abs($1)) }
  }

  private func columns(_ rows: Int, _ channels: Int, _ term: (Int, Int) -> Double) -> [Double] {
    (0..<channels).map { channel in (0..<rows).reduce(0) { $0 + term($1 * channels + channel, channel) } }
  }

  @Test(arguments: sizes) func sums(rows: Int, channels: Int) {
    var random = generator("sums")
    // Far from 0, as sums of plain squares would not bear.
    let x = normals(rows * channels, using: &random).map { $0 + 1_000 }
    var (sums, squares) = (Guarded(channels), Guarded(channels))
    sums.write { sums in squares.write { normalize_sums(sums, $0, x, rows, channels) } }
    func shifted(_ place: Int, _ channel: Int) -> Double { Double(x[place]) - Double(x[channel]) }
    #expect(close(sums, columns(rows, channels, shifted)))
    #expect(close(squares, columns(rows, channels) { shifted($0, $1) * shifted($0, $1) }))
  }

  @Test(arguments: sizes) func applying(rows: Int, channels: Int) {
    var random = generator("applying")
    let (x, a, b) = (
      normals(rows * channels, using: &random), normals(channels, using: &random), normals(channels, using: &random)
    )
    for slope: Float in [1, 0.25, 0] {
      var out = Guarded(x.count)
      out.write { normalize_apply($0, x, a, b, slope, rows, channels) }
      let expected = x.indices.map { place in
        let value = Double(x[place]) * Double(a[place % channels]) + Double(b[place % channels])
        return value > 0 ? value : value * Double(slope)
      }
      #expect(close(out, expected))
      var same = x
      same.withUnsafeMutableBufferPointer {
        normalize_apply($0.baseAddress!, $0.baseAddress!, a, b, slope, rows, channels)
      }
      #expect(same == Array(out.values))
    }
  }

  @Test(arguments: sizes) func gradients(rows: Int, channels: Int) {
    var random = generator("gradients")
    let (x, dy) = (normals(rows * channels, using: &random), normals(rows * channels, using: &random))
    let parameters = (0..<6).map { _ in normals(channels, using: &random) }
    let (a, b, shift) = (parameters[0], parameters[1], parameters[2])
    for slope: Float in [1, 0.25, 0] {
      func behind(_ place: Int) -> Double {
        x[place] * a[place % channels] + b[place % channels] > 0 ? Double(dy[place]) : Double(dy[place] * slope)
      }
      var (sums, products) = (Guarded(channels), Guarded(channels))
      sums.write { sums in
        products.write { normalize_gradient_sums(sums, $0, dy, x, a, b, shift, slope, rows, channels) }
      }
      #expect(close(sums, columns(rows, channels) { place, _ in behind(place) }))
      #expect(close(products, columns(rows, channels) { behind($0) * (Double(x[$0]) - Double(shift[$1])) }))
      var out = Guarded(x.count)
      out.write {
        normalize_gradient_apply(
          $0, dy, x, a, b, parameters[3], parameters[4], parameters[5], slope, rows, channels)
      }
      let expected = x.indices.map { place in
        behind(place) * Double(parameters[3][place % channels])
          + Double(x[place]) * Double(parameters[4][place % channels]) + Double(parameters[5][place % channels])
      }
      #expect(close(out, expected))
    }
  }

  @Test(arguments: [(1, 1), (3, 2), (5, 16), (4, 37), (3, 1_025), (2, 3_000)])
  func layers(rows: Int, width: Int) {
    var random = generator("layers")
    let epsilon: Float = 1e-3
    let x = normals(rows * width, using: &random).map { $0 * 2 + 500 }
    let (dy, scale, offset) = (
      normals(rows * width, using: &random), normals(width, using: &random), normals(width, using: &random)
    )
    for isAffine in [false, true] {
      var (y, mean, inverse, dx) = (Guarded(x.count), Guarded(rows), Guarded(rows), Guarded(x.count))
      for part in [0..<rows / 2, rows / 2..<rows] {
        y.write { y in
          mean.write { mean in
            inverse.write {
              normalize_layer(
                y, mean, $0, x, isAffine ? scale : nil, isAffine ? offset : nil, epsilon, width, part.lowerBound,
                part.count)
            }
          }
        }
        dx.write {
          normalize_layer_gradient(
            $0, dy, x, mean.floats, inverse.floats, isAffine ? scale : nil, width, part.lowerBound, part.count)
        }
      }
      var (values, gradients, means, inverses) = ([Double](), [Double](), [Double](), [Double]())
      for row in 0..<rows {
        let line = x[row * width..<(row + 1) * width].map { Double($0) }
        let middle = line.reduce(0, +) / Double(width)
        let variance = line.reduce(0) { $0 + ($1 - middle) * ($1 - middle) } / Double(width)
        let factor = 1 / (variance + Double(epsilon)).squareRoot()
        let normal = line.map { ($0 - middle) * factor }
        let seeds = (0..<width).map { Double(dy[row * width + $0]) * (isAffine ? Double(scale[$0]) : 1) }
        let plain = seeds.reduce(0, +) / Double(width)
        let product = zip(seeds, normal).reduce(0) { $0 + $1.0 * $1.1 } / Double(width)
        values += normal.enumerated().map { isAffine ? $1 * Double(scale[$0]) + Double(offset[$0]) : $1 }
        gradients += zip(seeds, normal).map { factor * ($0 - plain - $1 * product) }
        means.append(middle)
        inverses.append(factor)
      }
      // A float near 500 is known to 3e-5.
      #expect(close(y, values, 1e-4) && close(mean, means, 1e-6) && close(inverse, inverses, 1e-5))
      #expect(close(dx, gradients, 1e-4))
    }
  }

  @Test func aConstantIsNormalisedToZero() {
    #expect(Tensor.full([2, 8, 4], 3).layerNormalized(axes: 2).values.allSatisfy { $0 == 0 })
    #expect(Tensor.full([2, 8, 4], 3).instanceNormalized().values.allSatisfy { abs($0) < 1e-3 })
  }

  /// Mean 10⁴ and deviation 1: single-precision sums of squares would leave nothing.
  @Test func statisticsBearALargeMean() {
    var random = generator("large mean")
    let x = Tensor.normal([64, 31, 3], mean: 1e4, using: &random)
    let (_, mean, variance) = x.batchNormalized()
    let values = x.values.map { Double($0) }
    for channel in 0..<3 {
      let line = stride(from: channel, to: values.count, by: 3).map { values[$0] }
      let middle = line.reduce(0, +) / Double(line.count)
      let square = line.reduce(0) { $0 + ($1 - middle) * ($1 - middle) } / Double(line.count)
      #expect(
        abs(Double(mean.values[channel]) - middle) < 2e-3 && abs(Double(variance.values[channel]) - square) < 1e-4)
    }
  }
}
