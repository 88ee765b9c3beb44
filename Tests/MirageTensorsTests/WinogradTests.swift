import CKernels
import MirageSupport
import MirageTensors
import Testing

/// The three passes of convolution by minimal filtering against the definition in double precision: every kernel, odd
/// sizes, channels that do not fill vectors, in one to three parts, into memory that is not-a-number before.
@Suite struct WinogradTests {
  static let cases: [WinogradCase] = {
    var random = generator("winograd")
    let channels = [1, 2, 3, 5, 16, 17, 33]
    return (0..<90).map { index in
      let (kernel, step) = [(3, 1), (4, 1), (4, 2)][index % 3]
      func pick(_ range: ClosedRange<Int>) -> Int { random.integer(in: range) }
      let (top, left) = (pick(0...kernel - 1), pick(0...kernel - 1))
      let (h, w) = (pick(1...13), pick(1...13))
      // What is padded below and to the right, the outputs tell.
      func outputs(_ size: Int, _ before: Int) -> Int {
        max(1, (size + before + pick(0...kernel - 1) - kernel) / step + 1)
      }
      return WinogradCase(
        n: pick(1...3), h: h, w: w, c: channels[pick(0...6)], oh: outputs(h, top), ow: outputs(w, left),
        k: channels[pick(0...6)], kernel: kernel, step: step, top: top, left: left, parts: 1 + index / 3 % 3,
        hasBias: index % 2 == 0)
    }
  }()

  @Test(arguments: cases) func forward(_ one: WinogradCase) {
    var random = generator("forward")
    let (x, weights, bias) = (
      normals(one.inputs, using: &random), normals(one.weights, using: &random), normals(one.k, using: &random)
    )
    let packed = one.pack(weights, backward: 0)
    var y = Guarded(one.outputs)
    one.eachPart(winograd_pass_forward) { shape, scratch, part, parts in
      y.write { winograd_forward(&shape, x, packed, one.hasBias ? bias : nil, $0, scratch, part, parts) }
    }
    one.expect(y, one.hasBias ? bias : nil) { sum in
      one.eachProduct { input, weight, output in sum(output, x[input], weights[weight]) }
    }
  }

  @Test(arguments: cases) func inputGradient(_ one: WinogradCase) {
    var random = generator("input gradient")
    let (dy, weights, bias) = (
      normals(one.outputs, using: &random), normals(one.weights, using: &random), normals(one.c, using: &random)
    )
    let packed = one.pack(weights, backward: 1)
    var dx = Guarded(one.inputs)
    one.eachPart(winograd_pass_input) { shape, scratch, part, parts in
      dx.write { winograd_input_gradient(&shape, dy, packed, one.hasBias ? bias : nil, $0, scratch, part, parts) }
    }
    one.expect(dx, one.hasBias ? bias : nil) { sum in
      one.eachProduct { input, weight, output in sum(input, dy[output], weights[weight]) }
    }
  }

  @Test(arguments: cases) func weightGradient(_ one: WinogradCase) {
    var random = generator("weight gradient")
    let (x, dy) = (normals(one.inputs, using: &random), normals(one.outputs, using: &random))
    var shape = one.shape
    var partial = Guarded(winograd_partial_size(&shape, Int32(one.parts)))
    one.eachPart(winograd_pass_weights) { shape, scratch, part, parts in
      partial.write { winograd_weight_gradient(&shape, x, dy, $0, scratch, part, parts) }
    }
    #expect(partial.isIntact)
    var dw = Guarded(one.weights)
    for part in 0..<Int32(2) {
      dw.write { winograd_weight_gradient_finish(&shape, partial.floats, Int32(one.parts), $0, part, 2) }
    }
    one.expect(dw, nil) { sum in
      one.eachProduct { input, weight, output in sum(weight, x[input], dy[output]) }
    }
  }

  @Test func onlyThreeKernelsAreSupported() {
    for kernel in 1...5 {
      for stride in 1...3 {
        var shape = winograd_shape(
          n: 1, h: 8, w: 8, c: 16, oh: 8, ow: 8, k: 16, kernel: Int32(kernel), stride: Int32(stride), pad_top: 1,
          pad_left: 1)
        let isSupported = kernel == 3 && stride == 1 || kernel == 4 && stride < 3
        #expect((winograd_supports(&shape) != 0) == isSupported)
      }
    }
  }
}

struct WinogradCase: Sendable, CustomTestStringConvertible {
  let n, h, w, c, oh, ow, k, kernel, step, top, left, parts: Int
  let hasBias: Bool

  var testDescription: String {
    "\(n) × \(h) × \(w) × \(c) to \(oh) × \(ow) × \(k), kernel \(kernel), stride \(step), padding \(top) and \(left), "
      + "\(parts) parts"
  }
  var inputs: Int { n * h * w * c }
  var outputs: Int { n * oh * ow * k }
  var weights: Int { k * c * kernel * kernel }

  var shape: winograd_shape {
    winograd_shape(
      n: Int32(n), h: Int32(h), w: Int32(w), c: Int32(c), oh: Int32(oh), ow: Int32(ow), k: Int32(k),
      kernel: Int32(kernel), stride: Int32(step), pad_top: Int32(top), pad_left: Int32(left))
  }

  func pack(_ weights: [Float], backward: Int32) -> [Float] {
    var shape = shape
    var packed = Guarded(winograd_packed_size(&shape, backward))
    for part in 0..<Int32(parts) {
      packed.write { winograd_pack(&shape, backward, weights, $0, part, Int32(parts)) }
    }
    #expect(packed.isIntact)
    return packed.floats
  }

  /// Calls for each part, the last one first, with scratch of its own.
  func eachPart(
    _ pass: some BinaryInteger, _ body: (inout winograd_shape, UnsafeMutablePointer<Float>, Int32, Int32) -> Void
  ) {
    var shape = shape
    let size = winograd_scratch_size(&shape, Int32(pass))
    for part in (0..<Int32(parts)).reversed() {
      var scratch = Guarded(size)
      scratch.write { body(&shape, $0, part, Int32(parts)) }
      #expect(scratch.isIntact)
    }
  }

  /// Calls with the places of each input, weight and output that belong together.
  func eachProduct(_ body: (_ input: Int, _ weight: Int, _ output: Int) -> Void) {
    for sample in 0..<n {
      for (i, j) in (0..<oh * ow).lazy.map({ ($0 / ow, $0 % ow) }) {
        for (p, q) in (0..<kernel * kernel).lazy.map({ ($0 / kernel, $0 % kernel) }) {
          let (row, column) = (i * step - top + p, j * step - left + q)
          guard (0..<h).contains(row), (0..<w).contains(column) else { continue }
          let (input, output) = (((sample * h + row) * w + column) * c, ((sample * oh + i) * ow + j) * k)
          for to in 0..<k {
            for from in 0..<c {
              body(input + from, ((to * c + from) * kernel + p) * kernel + q, output + to)
            }
          }
        }
      }
    }
  }

  /// Sums of products, with a bias for each of the last axis: off by less than 1.6e-5 of the products' length. (The method
  /// adds and subtracts multiples of neighboring inputs first, which costs a few bits: Lavin and Gray 2016.)
  func expect(_ out: Guarded, _ bias: [Float]?, _ products: ((Int, Float, Float) -> Void) -> Void) {
    var sums = (0..<out.count).map { place in bias.map { Double($0[place % $0.count]) } ?? 0 }
    var squares = [Double](repeating: 1, count: out.count)
    products { place, a, b in
      let product = Double(a) * Double(b)
      sums[place] += product
      squares[place] += product * product
    }
    #expect(out.isIntact)
    let worst =
      out.count == 0
      ? 0
      : (0..<out.count).map { place in
        let error = abs(Double(out.floats[place]) - sums[place]) / squares[place].squareRoot()
        return error.isNaN ? .infinity : error
      }.max()!
    #expect(worst < 1.6e-5)
  }
}
