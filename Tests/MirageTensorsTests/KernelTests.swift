import CKernels
import MirageSupport
import Glibc
import MirageTensors
import Testing

/// The kernels of tensor.h against plain arithmetic in double precision. Each is called for parts of its work, as threads
/// do, and writes to memory that is not-a-number before, with a margin that must stay so.
@Suite struct KernelTests {
  /// Both halves of a range, and a part between that is empty.
  private func parts(_ count: Int) -> [Range<Int>] { [0..<count / 3, count / 3..<count / 3, count / 3..<count] }

  private func expect(
    _ out: Guarded, _ expected: [Double], within tolerance: Double = 1e-6, _ what: String = "",
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(out.isIntact && out.count == expected.count, "\(what)", sourceLocation: sourceLocation)
    let worst = zip(out.values, expected).reduce(0.0) { worst, pair in
      let error = Double(pair.0) == pair.1 ? 0 : abs(Double(pair.0) - pair.1) / (1 + abs(pair.1))
      return error.isNaN ? .infinity : max(worst, error)
    }
    #expect(worst <= tolerance, "\(what)", sourceLocation: sourceLocation)
  }

  @Test func unary() {
    var random = generator("unary")
    let table: [(tensor_function, Float, Float, @Sendable (Double) -> Double)] = [
      (unary_affine, -2, 0.5, { -2 * $0 + 0.5 }), (unary_square, 0, 0, { $0 * $0 }), (unary_abs, 0, 0, { abs($0) }),
      (unary_sign, 0, 0, { $0 > 0 ? 1 : $0 < 0 ? -1 : 0 }), (unary_power, 3, 0, { $0 * $0 * $0 }),
      (unary_leaky, 0.25, 0, { $0 > 0 ? $0 : 0.25 * $0 }), (unary_leaky, 0, 0, { max(0, $0) }),
      (unary_silu, 0, 0, { $0 / (1 + exp(-$0)) }), (unary_clamp, -0.5, 1, { min(1, max(-0.5, $0)) }),
    ]
    for count in [0, 1, 3, 16, 17, 100] {
      let x = normals(count, using: &random)
      for (operation, a, b, exact) in table {
        var out = Guarded(count)
        out.write { tensor_unary(operation, $0, x, count, a, b) }
        expect(out, x.map { exact(Double($0)) }, "\(operation) of \(count)")
        if count > 0 {  // in place
          var same = x
          same.withUnsafeMutableBufferPointer {
            tensor_unary(operation, $0.baseAddress!, $0.baseAddress!, count, a, b)
          }
          #expect(same == Array(out.values))
        }
      }
    }
  }

  @Test func binary() {
    var random = generator("binary")
    let table: [(tensor_operator, @Sendable (Double, Double) -> Double)] = [
      (binary_add, { $0 + $1 }), (binary_subtract, { $0 - $1 }), (binary_multiply, { $0 * $1 }),
      (binary_divide, { $0 / $1 }), (binary_maximum, { max($0, $1) }), (binary_minimum, { min($0, $1) }),
      (binary_greater, { $0 > $1 ? 1 : 0 }), (binary_less, { $0 < $1 ? 1 : 0 }), (binary_equal, { $0 == $1 ? 1 : 0 }),
      (binary_tanh_gradient, { $0 * (1 - $1 * $1) }), (binary_sigmoid_gradient, { $0 * ($1 * (1 - $1)) }),
      (binary_leaky_gradient, { $1 > 0 ? $0 : 0.25 * $0 }),
    ]
    let layouts: [(width: Int, outer: [(size: Int, x: Int, y: Int)])] = [
      (1, []), (37, []), (5, [(3, 5, 5)]), (16, [(3, 0, 16)]), (17, [(2, 51, 0), (3, 17, 17)]),
      (3, [(2, 3, 0), (2, 0, 3), (4, 6, 6)]),
    ]
    for (width, outer) in layouts {
      for (xStep, yStep) in [(1, 1), (1, 0), (0, 1), (0, 0)] {
        var (x, y) = (normals(200, using: &random), normals(200, using: &random))
        for index in 0..<100 where index % 7 == 0 { x[index] = 0.5; y[index] = 0.5 }
        let rows = outer.reduce(1) { $0 * $1.size }
        func start(_ row: Int, _ stride: KeyPath<(size: Int, x: Int, y: Int), Int>) -> Int {
          var (rest, start) = (row, 0)
          for axis in outer.reversed() {
            start += rest % axis.size * axis[keyPath: stride]
            rest /= axis.size
          }
          return start
        }
        for (operation, exact) in table {
          var out = Guarded(rows * width)
          for part in parts(rows) {
            var layout = tensorRows(width, xStep, yStep, outer)
            out.write { tensor_binary(operation, $0, x, y, &layout, part.lowerBound, part.count, 0.25) }
          }
          let expected = (0..<rows * width).map { place in
            let (row, column) = (place / width, place % width)
            return exact(
              Double(x[start(row, \.x) + column * xStep]), Double(y[start(row, \.y) + column * yStep]))
          }
          expect(out, expected, "\(operation) \(width) \(xStep) \(yStep)")
        }
      }
    }
  }

  private func tensorRows(
    _ width: Int, _ xStep: Int, _ yStep: Int, _ outer: [(size: Int, x: Int, y: Int)]
  ) -> tensor_rows {
    var rows = tensor_rows()
    (rows.width, rows.x_step, rows.y_step, rows.rank) = (width, Int32(xStep), Int32(yStep), Int32(outer.count))
    func set(_ field: UnsafeMutableRawBufferPointer, _ values: [Int]) {
      for (index, value) in values.enumerated() { field.bindMemory(to: Int.self)[index] = value }
    }
    withUnsafeMutableBytes(of: &rows.size) { set($0, outer.map(\.size)) }
    withUnsafeMutableBytes(of: &rows.x_stride) { set($0, outer.map(\.x)) }
    withUnsafeMutableBytes(of: &rows.y_stride) { set($0, outer.map(\.y)) }
    return rows
  }

  @Test func selection() {
    let (x, y) = ((0..<37).map { Float($0) }, (0..<37).map { -Float($0) })
    let mask = (0..<37).map { [0, 1, -0.0, .nan, 0.1][$0 % 5] as Float }
    var out = Guarded(37)
    out.write { tensor_select($0, mask, x, y, 37) }
    expect(out, (0..<37).map { Double(mask[$0] != 0 ? x[$0] : y[$0]) }, within: 0)
  }

  @Test func copyingRows() {
    let x = (0..<300).map { Float($0) }
    for step in [1, 3] {
      var out = Guarded(2 * 3 * 5)
      for part in parts(6) {
        var rows = tensorRows(5, 0, 0, [(2, 90, 0), (3, 7, 0)])
        out.write { tensor_copy_rows($0, x, &rows, step, part.lowerBound, part.count) }
      }
      expect(out, (0..<30).map { Double($0 / 15 * 90 + $0 / 5 % 3 * 7 + $0 % 5 * step) }, within: 0)
    }
  }

  @Test(arguments: [(1, 1, 1), (1, 5, 7), (3, 16, 16), (2, 17, 33), (1, 50, 1)])
  func transposing(batch: Int, rows: Int, columns: Int) {
    let x = (0..<batch * rows * columns).map { Float($0) }
    var out = Guarded(x.count)
    for part in parts(rows) {
      out.write { tensor_transpose($0, x, batch, rows, columns, part.lowerBound, part.count) }
    }
    let expected = (0..<x.count).map { place in
      let (row, column) = (place % rows, place / rows % columns)
      return Double(place / (rows * columns) * rows * columns + row * columns + column)
    }
    expect(out, expected, within: 0)
  }

  @Test(arguments: [(1, 1, 1), (3, 5, 1), (2, 1_500, 1), (4, 3, 7), (1, 130, 300), (2, 65, 257), (5, 1, 3)])
  func reductions(outer: Int, reduced: Int, inner: Int) {
    var random = generator("reductions")
    let x = normals(outer * reduced * inner, using: &random)
    func column(_ place: Int) -> [Double] {
      (0..<reduced).map { Double(x[(place / inner * reduced + $0) * inner + place % inner]) }
    }
    var (sum, greatest) = (Guarded(outer * inner), Guarded(outer * inner))
    for part in parts(outer) {
      sum.write { tensor_sum($0, x, reduced, inner, part.lowerBound, part.count) }
      greatest.write { tensor_max($0, x, reduced, inner, part.lowerBound, part.count) }
    }
    expect(sum, (0..<outer * inner).map { column($0).reduce(0, +) }, within: 3e-6)
    expect(greatest, (0..<outer * inner).map { column($0).max()! }, within: 0)
  }

  /// In single precision the sum of a million tenths would be off by 1 %.
  @Test func longSumsKeepTheirPrecision() {
    let exact = Float(0.1) * 0x1p20
    #expect(abs(Tensor.full([1 << 20], 0.1).sum().scalar - exact) < 1e-6 * exact)
    #expect(abs(Tensor.full([1 << 20, 4], 0.1).sum(axes: [0]).values[3] - exact) < 1e-6 * exact)
  }

  @Test(arguments: [1, 3, 16]) func gatheringAndScattering(inner: Int) {
    var random = generator("gathering")
    let (outer, size) = (4, 5)
    let places: [Int32] = [4, -1, 0, 4, 2, -1, 4]
    let x = normals(outer * size * inner, using: &random)
    let y = normals(outer * places.count * inner, using: &random)
    var (gathered, scattered) = (Guarded(y.count), Guarded(x.count))
    for part in parts(outer) {
      gathered.write { tensor_gather($0, x, places, places.count, size, inner, part.lowerBound, part.count) }
      scattered.write { tensor_scatter_add($0, y, places, places.count, size, inner, part.lowerBound, part.count) }
    }
    var (copies, sums) = ([Double](repeating: 0, count: y.count), [Double](repeating: 0, count: x.count))
    for row in 0..<outer {
      for (index, place) in places.enumerated() where place >= 0 {
        for column in 0..<inner {
          let from = (row * size + Int(place)) * inner + column
          copies[(row * places.count + index) * inner + column] = Double(x[from])
          sums[from] += Double(y[(row * places.count + index) * inner + column])
        }
      }
    }
    expect(gathered, copies, within: 0)
    expect(scattered, sums)
  }

  @Test(arguments: [1, 2, 16, 35, 1_100]) func softmax(width: Int) {
    var random = generator("softmax")
    let rows = 5
    // Also rows that would overflow, and differences that underflow.
    let x = normals(rows * width, using: &random).enumerated().map { $1 * ($0 / width == 0 ? 100 : 2) + 90 }
    let g = normals(rows * width, using: &random)
    for logarithm in [false, true] {
      var (out, gradient) = (Guarded(x.count), Guarded(x.count))
      for part in parts(rows) {
        out.write { tensor_softmax($0, x, width, logarithm ? 1 : 0, part.lowerBound, part.count) }
      }
      let y = Array(out.values)
      for part in parts(rows) {
        gradient.write { tensor_softmax_gradient($0, g, y, width, logarithm ? 1 : 0, part.lowerBound, part.count) }
      }
      var (values, gradients) = ([Double](), [Double]())
      for row in 0..<rows {
        let line = x[row * width..<(row + 1) * width].map { Double($0) }
        let greatest = line.max()!
        let total = line.reduce(0) { $0 + exp($1 - greatest) }
        let shares = line.map { exp($0 - greatest) / total }
        let seeds = g[row * width..<(row + 1) * width].map { Double($0) }
        let product = logarithm ? seeds.reduce(0, +) : zip(seeds, shares).reduce(0) { $0 + $1.0 * $1.1 }
        values += logarithm ? line.map { $0 - greatest - log(total) } : shares
        gradients += zip(seeds, shares).map { logarithm ? $0 - $1 * product : $1 * ($0 - product) }
      }
      expect(out, values, within: 2e-6, "logarithm: \(logarithm)")
      expect(gradient, gradients, within: 1e-5, "gradient, logarithm: \(logarithm)")
    }
  }

  @Test(arguments: [1, 16, 37]) func adam(count: Int) {
    var random = generator("adam")
    let (w, g) = (normals(count, using: &random), normals(count, using: &random))
    let (m, v) = (normals(count, using: &random), normals(count, using: &random).map { $0 * $0 })
    var settings = tensor_adam_settings(
      beta1: 0.5, beta2: 0.9, step: 0.125, root_correction: 1.5, epsilon: 0.25, decay: 0.0625, decoupled_decay: 0.03125)
    var (out, first, second) = (Guarded(count), m, v)
    out.write { tensor_adam($0, w, g, &first, &second, &settings, count) }
    for index in 0..<count {
      let gradient = Double(g[index]) + 0.0625 * Double(w[index])
      let mean = 0.5 * Double(m[index]) + 0.5 * gradient
      let square = Double(Float(0.9)) * Double(v[index]) + (1 - Double(Float(0.9))) * gradient * gradient
      let expected = (1 - 0.03125) * Double(w[index]) - 0.125 * mean / (square.squareRoot() * 1.5 + 0.25)
      #expect(abs(Double(first[index]) - mean) < 1e-6 && abs(Double(second[index]) - square) < 1e-6)
      #expect(abs(Double(out.floats[index]) - expected) < 1e-6)
    }
    #expect(out.isIntact)
  }
}
