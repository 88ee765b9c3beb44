import MirageSupport
import MirageTensors
import TestSupport
import Testing

/// Every tensor operation held against PyTorch (Tests/Golden/make_tensors.py): its value, its gradients on the fused
/// and on the differentiable path, and the gradients of those.
@Suite struct GoldenTests {
  @Test func thereAreCases() { #expect(GoldenCase.all.count > 250) }

  @Test(arguments: GoldenCase.all) func agrees(_ one: GoldenCase) throws {
    let plain = one.inputs.map(golden)
    guard let value = one.apply(to: plain) else {
      Issue.record("\(one.name): no test for the operation \(one.operation)")
      return
    }
    one.expect(value, one.output, "the output")
    if let also = one.also, let (_, mean, variance) = one.batchNormalized(plain) {
      one.expect(mean, also["mean"], "the mean")
      one.expect(variance, also["variance"], "the variance")
    }

    guard let seed = one.seed.map(golden) else { return }  // an operation without gradients
    let tracked = plain.indices.filter { one.gradients[$0] != nil }
    let inputs = plain.indices.map { tracked.contains($0) ? plain[$0].tracked() : plain[$0] }
    let wrt = tracked.map { inputs[$0] }
    let output = try #require(one.apply(to: inputs))
    one.expect(output, one.output, "the output with a graph")
    let fused = output.gradients(wrt: wrt, seed: seed)
    let differentiable = output.gradients(wrt: wrt, seed: seed, differentiable: true)
    try #require(fused.count == tracked.count && differentiable.count == tracked.count)
    for (place, input) in tracked.enumerated() {
      one.expect(fused[place], one.gradients[input], "the gradient of input \(input)")
      one.expect(differentiable[place], one.gradients[input], "the differentiable gradient of input \(input)")
      if tracked.count > 1 {
        let alone = output.gradients(wrt: [inputs[input]], seed: seed)
        one.expect(alone[0], one.gradients[input], "the gradient of input \(input) alone")
      }
    }

    let products = zip(tracked, differentiable).map { input, gradient in
      (gradient * golden(one.directions[input]!)).sum()
    }
    let total = products.dropFirst().reduce(products[0], +)
    let second = total.isTracked ? total.gradients(wrt: wrt) : wrt.map { Tensor.zeros($0.shape) }
    for (place, input) in tracked.enumerated() {
      one.expect(second[place], one.second[input], "the second derivative of input \(input)", like: plain[input].shape)
    }
  }
}

/// The array of this name in tensors.safetensors.
private func golden(_ name: String) -> Tensor {
  guard let stored = GoldenCase.arrays[name] else { preconditionFailure("tensors.safetensors has no \(name)") }
  return Tensor(stored.values, shape: stored.shape)
}

/// One line of tensors.json; Tests/Golden/README.md says what the fields mean.
struct GoldenCase: Decodable, Sendable, CustomTestStringConvertible {
  let name, operation: String
  let attributes: JSONValue
  let inputs: [String]
  let output: String
  let seed: String?
  let gradients, directions, second: [String?]
  let also: [String: String]?
  let tolerance: Float
  var testDescription: String { name }

  static let folder = repository + "/Tests/Golden/"
  static let arrays = try! SafeTensors(reading: folder + "tensors.safetensors").tensors
  static let all: [GoldenCase] = {
    let text = try! InputFile.contents(of: folder + "tensors.json")
    return try! JSONValue(parsing: text).decoded(as: [GoldenCase].self)
  }()

  /// Fails the test unless every element is within `tolerance` × (1 + |expected|). Nothing stored means zeros.
  func expect(_ actual: Tensor, _ name: String?, _ what: String, like shape: [Int] = []) {
    let expected = name.map(golden) ?? .zeros(shape)
    guard actual.shape == expected.shape else {
      Issue.record("\(self.name): \(what) has shape \(actual.shape) instead of \(expected.shape)")
      return
    }
    let (got, wanted) = (actual.values, expected.values)
    /// How far out of its tolerance an element is; above 1 is wrong.
    func error(_ index: Int) -> Float {
      let error = abs(got[index] - wanted[index]) / (tolerance * (1 + abs(wanted[index])))
      return error.isNaN ? .infinity : error
    }
    let wrong = got.indices.filter { error($0) > 1 }
    guard let worst = wrong.max(by: { error($0) < error($1) }) else { return }
    Issue.record(
      """
      \(self.name): \(what) at \(position(worst, in: actual.shape)) of \(actual.shape) is \(got[worst]) instead of \
      \(wanted[worst]), \(error(worst)) times its tolerance; \(wrong.count) of \(got.count) elements are wrong
      """)
  }

  /// The coordinates of an element.
  private func position(_ index: Int, in shape: [Int]) -> [Int] {
    var rest = index
    return shape.reversed().map { size in
      defer { rest /= size }
      return rest % size
    }.reversed()
  }
}

// The operations, by their names in tensors.json.

extension GoldenCase {
  /// The operation's value; nil where the test does not know it.
  func apply(to x: [Tensor]) -> Tensor? {
    elementwise(x[0]) ?? binary(x) ?? shaping(x) ?? reduction(x[0]) ?? layer(x)
  }

  private func elementwise(_ x: Tensor) -> Tensor? {
    switch operation {
    case "exp": x.exp()
    case "log": x.log()
    case "sqrt": x.sqrt()
    case "square": x.square()
    case "abs": x.abs()
    case "sign": x.sign()
    case "reciprocal": x.reciprocal()
    case "pow": x.pow(number("exponent"))
    case "sin": x.sin()
    case "cos": x.cos()
    case "tanh": x.tanh()
    case "sigmoid": x.sigmoid()
    case "relu": x.relu()
    case "leaky-relu": x.leakyReLU(number("slope"))
    case "silu": x.silu()
    case "softplus": x.softplus()
    case "clamped": x.clamped(to: numbers("range")[0]...numbers("range")[1])
    case "negated": -x
    default: nil
    }
  }

  private func binary(_ x: [Tensor]) -> Tensor? {
    let left = attributes["side"] == "left"
    switch operation {
    case "add": return x[0] + x[1]
    case "subtract": return x[0] - x[1]
    case "multiply": return x[0] * x[1]
    case "divide": return x[0] / x[1]
    case "add-float": return left ? number("scalar") + x[0] : x[0] + number("scalar")
    case "subtract-float": return left ? number("scalar") - x[0] : x[0] - number("scalar")
    case "multiply-float": return left ? number("scalar") * x[0] : x[0] * number("scalar")
    case "divide-float": return left ? number("scalar") / x[0] : x[0] / number("scalar")
    case "maximum": return maximum(x[0], x[1])
    case "minimum": return minimum(x[0], x[1])
    case "is-greater": return x[0].isGreater(than: x[1])
    case "is-less": return x[0].isLess(than: x[1])
    case "is-equal": return x[0].isEqual(to: x[1])
    case "select": return select(x[0], x[1], x[2])
    case "matmul":
      return matmul(x[0], x[1], transposeA: flag("transpose-a"), transposeB: flag("transpose-b"))
    default: return nil
    }
  }

  private func shaping(_ x: [Tensor]) -> Tensor? {
    switch operation {
    case "reshape": x[0].reshaped(integers("shape"))
    case "transpose": x[0].transposed(integers("permutation"))
    case "broadcast": x[0].broadcast(to: integers("shape"))
    case "flip": x[0].flipped(axis: integer("axis"))
    case "concatenate": concatenated(x, axis: integer("axis"))
    case "slice": x[0].sliced(axis: integer("axis"), integers("range")[0]..<integers("range")[1])
    case "gather": x[0].gathered(integers("indices"), axis: integer("axis"))
    case "pad": x[0].padded(pairs("amounts"), value: number("value"))
    case "reflection-pad": x[0].reflectionPadded(pairs("amounts"))
    default: nil
    }
  }

  private func reduction(_ x: Tensor) -> Tensor? {
    switch operation {
    case "sum": return x.sum(axes: axes, keepingDimensions: flag("keeping-dimensions"))
    case "mean": return x.mean(axes: axes, keepingDimensions: flag("keeping-dimensions"))
    case "variance": return x.variance(axes: axes, keepingDimensions: flag("keeping-dimensions"))
    case "max": return x.max(axis: integer("axis"))
    case "argmax":
      var shape = x.shape
      shape.remove(at: integer("axis"))
      return Tensor(x.argmax(axis: integer("axis")).map { Float($0) }, shape: shape)
    case "softmax": return x.softmax()
    case "log-softmax": return x.logSoftmax()
    default: return nil
    }
  }

  private func layer(_ x: [Tensor]) -> Tensor? {
    let second = x.count > 1 ? x[1] : nil
    let third = x.count > 2 ? x[2] : nil
    switch operation {
    case "convolution":
      return x[0].convolved(
        with: x[1], bias: third, stride: integers("stride"), padding: integers("padding"),
        dilation: integers("dilation"), groups: integer("groups"))
    case "transpose-convolution":
      return x[0].transposeConvolved(
        with: x[1], bias: third, stride: integers("stride"), padding: integers("padding"),
        outputPadding: integers("output-padding"), dilation: integers("dilation"), groups: integer("groups"))
    case "average-pool":
      return x[0].averagePooled(
        size: integers("size"), stride: stride, padding: integers("padding"), countsPadding: flag("counts-padding"))
    case "max-pool":
      return x[0].maxPooled(size: integers("size"), stride: stride, padding: integers("padding"))
    case "upsample":
      return attributes["method"] == "nearest"
        ? x[0].upsampled(by: integer("factor"), .nearest) : x[0].upsampled(by: integer("factor"), .bilinear)
    case "resize": return x[0].resized(to: integers("sizes"))
    case "pixel-shuffle": return x[0].pixelShuffled(integer("factor"))
    case "batch-norm": return batchNormalized(x)?.output
    case "batch-norm-given":
      return x[0].batchNormalized(
        mean: x[1], variance: x[2], scale: x.count > 3 ? x[3] : nil, offset: x.count > 3 ? x[4] : nil,
        epsilon: number("epsilon"))
    case "layer-norm":
      return x[0].layerNormalized(axes: integer("axes"), scale: second, offset: third, epsilon: number("epsilon"))
    case "instance-norm":
      return x[0].instanceNormalized(scale: second, offset: third, epsilon: number("epsilon"))
    default: return nil
    }
  }

  func batchNormalized(_ x: [Tensor]) -> (output: Tensor, mean: Tensor, variance: Tensor)? {
    guard operation == "batch-norm" else { return nil }
    let (scale, offset) = x.count > 1 ? (x[1], x[2]) : (nil, nil)
    let (output, mean, variance) = x[0].batchNormalized(scale: scale, offset: offset, epsilon: number("epsilon"))
    return (output, mean, variance)
  }

  /// A reduction's axes; nil where it is over all of them.
  private var axes: [Int]? { attributes["axes"] == .null ? nil : integers("axes") }
  /// A pool's stride; nil where it is the pool's size.
  private var stride: [Int]? { attributes["stride"] == .null ? nil : integers("stride") }

  // Attributes. One that is missing is a mistake of the script.

  private func attribute<Value: Decodable>(_ name: String, as type: Value.Type) -> Value {
    guard let value = attributes[name] else { preconditionFailure("\(self.name) has no attribute \(name)") }
    return try! value.decoded(as: type)
  }
  private func integer(_ name: String) -> Int { attribute(name, as: Int.self) }
  private func integers(_ name: String) -> [Int] { attribute(name, as: [Int].self) }
  private func number(_ name: String) -> Float { attribute(name, as: Float.self) }
  private func numbers(_ name: String) -> [Float] { attribute(name, as: [Float].self) }
  private func flag(_ name: String) -> Bool { attribute(name, as: Bool.self) }
  private func pairs(_ name: String) -> [(Int, Int)] { attribute(name, as: [[Int]].self).map { ($0[0], $0[1]) } }
}
