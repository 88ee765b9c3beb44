import MirageSupport
import MirageTensors

// What is differentiated: every operation, where it is smooth.

/// Uniform numbers of each shape.
private func draw(_ name: String, _ shapes: [Int]..., in range: ClosedRange<Float> = -1.5...1.5) -> [Tensor] {
  var random = generator(name)
  return shapes.map { .uniform($0, in: range, using: &random) }
}

/// Numbers of each shape away from 0.
private func kinked(_ name: String, _ shapes: [Int]...) -> [Tensor] {
  var random = generator(name)
  return shapes.map { .awayFromZero($0, using: &random) }
}

extension DerivativeCase {
  static let elementwise: [DerivativeCase] = {
    let positive: ClosedRange<Float> = 0.5...2
    func one(
      _ name: String, _ x: [Tensor], _ function: @escaping @Sendable (Tensor) -> Tensor
    ) -> DerivativeCase { DerivativeCase(name, x) { function($0[0]) } }
    return [
      one("exp", draw("exp", [3, 5])) { $0.exp() },
      one("log", draw("log", [3, 5], in: positive)) { $0.log() },
      one("sqrt", draw("sqrt", [3, 5], in: positive)) { $0.sqrt() },
      one("square", draw("square", [3, 5])) { $0.square() },
      one("abs", kinked("abs", [3, 5])) { $0.abs() },
      one("sign", kinked("sign", [3, 5])) { $0.sign() * $0 },
      one("reciprocal", draw("reciprocal", [3, 5], in: positive)) { $0.reciprocal() },
      one("pow 2.5", draw("pow 2.5", [3, 5], in: positive)) { $0.pow(2.5) },
      one("pow -1.5", draw("pow -1.5", [3, 5], in: 1...2)) { $0.pow(-1.5) },
      one("pow 3", draw("pow 3", [7])) { $0.pow(3) },
      one("sin", draw("sin", [3, 5])) { $0.sin() },
      one("cos", draw("cos", [3, 5])) { $0.cos() },
      one("tanh", draw("tanh", [3, 5])) { $0.tanh() },
      one("sigmoid", draw("sigmoid", [3, 5])) { $0.sigmoid() },
      one("relu", kinked("relu", [3, 5])) { $0.relu() },
      one("leaky relu", kinked("leaky relu", [3, 5])) { $0.leakyReLU(0.2) },
      one("squared leaky relu", kinked("squared leaky relu", [3, 5])) { $0.leakyReLU(0.2).square() },
      one("silu", draw("silu", [3, 5])) { $0.silu() },
      one("softplus", draw("softplus", [3, 5])) { $0.softplus() },
      one("clamped", kinked("clamped", [3, 5])) { $0.clamped(to: -0.1...9).square() + $0.clamped(to: -9...0.1) },
      one("negated", draw("negated", [])) { -$0 },
      one("float operators", draw("float operators", [2, 3], in: positive)) {
        2 / (3 * (($0 + 1) * 2 - 0.5) / 4) + (1 - $0) * (2 + $0) - $0 / 3
      },
      one("a column above the grain", draw("grain", [16_500, 1])) { $0.tanh() * $0 },
    ]
  }()

  static let binary: [DerivativeCase] = {
    let shapes: [(String, [Int], [Int])] = [
      ("equal shapes", [3, 4], [3, 4]), ("a row", [3, 4], [4]), ("a column", [3, 1], [3, 4]),
      ("both stretched", [2, 1, 3], [4, 1]), ("a scalar", [], [2, 3]), ("inner ones", [2, 3, 4], [2, 1, 4]),
    ]
    let arithmetic = shapes.flatMap { name, a, b in
      [
        DerivativeCase("add, \(name)", draw("add" + name, a, b)) { $0[0] + $0[1] },
        DerivativeCase("subtract, \(name)", draw("subtract" + name, a, b)) { $0[0] - $0[1] },
        DerivativeCase("multiply, \(name)", draw("multiply" + name, a, b)) { $0[0] * $0[1] },
        DerivativeCase("divide, \(name)", draw("divide" + name, a, b, in: 0.7...2)) { $0[0] / $0[1] },
      ]
    }
    let lower = draw("lower", [3, 4])
    let pair = [lower[0], lower[0] + kinked("gaps", [3, 4])[0]]
    let mask = Tensor((0..<12).map { $0 % 3 == 0 ? 1 : 0 }, shape: [3, 4])
    let products = [("", false, false), (" of a transpose", true, false), (" with a transpose", false, true)]
      .flatMap { name, a, b in
        [(3, 4, 5), (1, 1, 1), (1, 7, 2), (17, 1, 3)].map { m, k, n in
          DerivativeCase(
            "matmul\(name), \(m) x \(k) x \(n)", draw("matmul\(name)\(m)", a ? [k, m] : [m, k], b ? [n, k] : [k, n])
          ) { matmul($0[0], $0[1], transposeA: a, transposeB: b) }
        }
      }
    return arithmetic + products + [
      DerivativeCase("maximum", pair) { maximum($0[0], $0[1]) * $0[0] },
      DerivativeCase("minimum", pair) { minimum($0[0], $0[1]).exp() },
      DerivativeCase("select", draw("select", [3, 4], [4])) { select(mask, $0[0].square(), $0[1].exp()) },
      DerivativeCase("matmul of lists", draw("matmul of lists", [2, 3, 4], [2, 4, 5])) { matmul($0[0], $0[1]) },
      DerivativeCase("matmul of lists, both transposed", draw("both", [2, 4, 3], [2, 5, 4])) {
        matmul($0[0], $0[1], transposeA: true, transposeB: true)
      },
    ]
  }()

  static let shaping: [DerivativeCase] = [
    DerivativeCase("reshaped", draw("reshaped", [2, 6])) { $0[0].reshaped([3, -1]).exp() },
    DerivativeCase("transposed", draw("transposed", [2, 3, 1, 4])) { $0[0].transposed([3, 0, 2, 1]).exp() },
    DerivativeCase("broadcast", draw("broadcast", [2, 1])) { $0[0].broadcast(to: [3, 2, 4]).exp() },
    DerivativeCase("gathered", draw("gathered", [2, 3, 2])) { $0[0].gathered([2, 0, 2, 2], axis: 1).exp() },
    DerivativeCase("gathered first", draw("gathered first", [4, 3])) { $0[0].gathered([3, 3, 1], axis: 0).exp() },
    DerivativeCase("sliced", draw("sliced", [3, 4])) { $0[0].sliced(axis: 1, 1..<3).exp() },
    DerivativeCase("sliced first", draw("sliced first", [3, 4])) { $0[0].exp().sliced(axis: 0, 1..<2).exp() },
    DerivativeCase("padded", draw("padded", [2, 3])) { $0[0].padded([(1, 0), (2, 3)], value: 0.5).exp() },
    DerivativeCase("reflected", draw("reflected", [1, 4, 3, 2])) { $0[0].reflectionPadded([(1, 3), (2, 0)]).exp() },
    DerivativeCase("flipped", draw("flipped", [2, 3])) { $0[0].flipped(axis: 1).exp() },
    DerivativeCase("concatenated", draw("concatenated", [2, 3], [2, 1])) {
      concatenated([$0[0].exp(), $0[1], $0[0]], axis: 1).square()
    },
  ]

  static let reductions: [DerivativeCase] = {
    var random = generator("max")
    let distinct = Tensor.spread([3, 5], using: &random)
    return [
      DerivativeCase("sum", draw("sum", [3, 5])) { $0[0].square().sum() },
      DerivativeCase("sum of outer axes", draw("sum of outer axes", [3, 2, 5])) { $0[0].exp().sum(axes: [0, 2]) },
      DerivativeCase("mean", draw("mean", [3, 5])) { $0[0].exp().mean(axes: [1], keepingDimensions: true) },
      DerivativeCase("variance", draw("variance", [3, 5])) { $0[0].variance(axes: [0]) },
      DerivativeCase("max", [distinct]) { $0[0].max(axis: 1).square() },
      DerivativeCase("softmax", draw("softmax", [3, 5])) { $0[0].softmax() },
      DerivativeCase("logSoftmax", draw("logSoftmax", [3, 5])) { $0[0].logSoftmax() },
    ]
  }()

  static let pooling: [DerivativeCase] = {
    var random = generator("pooling")
    let distinct = Tensor.spread([2, 5, 4, 2], using: &random)
    return [
      DerivativeCase("average pool", draw("average pool", [2, 5, 4, 2])) {
        $0[0].averagePooled(size: [3, 2], stride: [2], padding: [1]).exp()
      },
      DerivativeCase("average pool without padding", draw("average pool inside", [2, 4, 5, 2])) {
        $0[0].averagePooled(size: [3, 2], stride: [1, 2], padding: [1], countsPadding: false).exp()
      },
      DerivativeCase("average pool of sequences", draw("average pool 1d", [2, 7, 2])) {
        $0[0].averagePooled(size: [3]).exp()
      },
      DerivativeCase("max pool", [distinct]) { ($0[0].maxPooled(size: [3], stride: [2], padding: [1]) * 0.2).exp() },
      DerivativeCase("nearest upsampling", draw("nearest", [1, 3, 2, 2])) { $0[0].upsampled(by: 2).exp() },
      DerivativeCase("bilinear upsampling", draw("bilinear", [1, 3, 2, 2])) { $0[0].upsampled(by: 3, .bilinear).exp() },
      DerivativeCase("resizing", draw("resizing", [2, 5, 2, 2])) { $0[0].resized(to: [3, 5]).exp() },
      DerivativeCase("pixel shuffle", draw("pixel shuffle", [1, 2, 3, 8])) { $0[0].pixelShuffled(2).exp() },
    ]
  }()

  static let normalizations: [DerivativeCase] = {
    // Offsets of ±6 keep the rectifiers behind away from their kink: |x̂| is at most √n, here √17.
    let far = Tensor([6, -6, 6], shape: [3])
    func cases(_ name: String, _ apply: @escaping @Sendable (Tensor, Tensor?, Tensor?, Float) -> Tensor)
      -> [DerivativeCase]
    {
      [
        DerivativeCase(name, draw(name, [3, 3, 2, 3])) { apply($0[0], nil, nil, 1) },
        DerivativeCase("\(name), scaled", draw(name + "s", [3, 3, 2, 3], [3], [3])) { apply($0[0], $0[1], $0[2], 1) },
        DerivativeCase("\(name), conditional", draw(name + "c", [2, 3, 1, 3], [2, 3], [2, 3])) {
          apply($0[0], $0[1], $0[2], 1)
        },
        DerivativeCase("\(name), rectified", draw(name + "r", [2, 3, 3, 3], [3], [3], in: -1...1)) {
          apply($0[0], $0[1], $0[2] + far, 0.2)
        },
        DerivativeCase("\(name), of itself", draw(name + "i", [2, 9, 3], in: -2...2)) { x in
          apply(x[0], x[0].sliced(axis: 1, 0..<1).reshaped([2, 3]), x[0].mean(axes: [1]), 1)
        },
      ]
    }
    return cases("batch norm") { $0.batchNormalized(scale: $1, offset: $2, slope: $3).output }
      + cases("instance norm") { $0.instanceNormalized(scale: $1, offset: $2, slope: $3) } + [
        DerivativeCase("layer norm", draw("layer norm", [3, 5])) { $0[0].layerNormalized(axes: 1) },
        DerivativeCase("layer norm, scaled", draw("layer norm, scaled", [2, 3, 2, 3], [2, 3], [2, 3])) {
          $0[0].layerNormalized(axes: 2, scale: $0[1], offset: $0[2])
        },
      ]
  }()

  /// Functions whose third derivatives are worth a look.
  static let smooth: [DerivativeCase] = [
    DerivativeCase("x⁴ eˣ", draw("x4", [5])) { $0[0].square().square() * $0[0].exp() },
    DerivativeCase("tanh of a convolution", draw("c3", [1, 4, 3, 2], [2, 2, 3, 2], in: -0.7...0.7)) {
      $0[0].convolved(with: $0[1], stride: [2, 1], padding: [1]).tanh()
    },
    DerivativeCase("sigmoid of a transposed one", draw("t3", [1, 2, 3, 2], [2, 3, 3, 3], in: -0.7...0.7)) {
      $0[0].transposeConvolved(with: $0[1], stride: [2], padding: [1], outputPadding: [1]).sigmoid()
    },
    DerivativeCase("layer norm", draw("l3", [2, 6], [6], [6])) {
      $0[0].layerNormalized(axes: 1, scale: $0[1], offset: $0[2])
    },
    DerivativeCase("batch norm", draw("b3", [5, 3], [3], [3])) {
      $0[0].batchNormalized(scale: $0[1], offset: $0[2]).output
    },
    DerivativeCase("softmax", draw("s3", [2, 4])) { $0[0].softmax() },
    DerivativeCase("matmul", draw("m3", [2, 3], [3, 2])) { matmul($0[0].silu(), $0[1].softplus()).square() },
  ]
}
