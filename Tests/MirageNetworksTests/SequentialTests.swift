import MirageSupport
import MirageNetworks
import MirageTensors
import Testing

/// A layer that hides what it is, so that nothing is computed in one pass with it.
private final class Plain: Layer {
  private let layer: any Layer
  init(_ layer: any Layer) { self.layer = layer }
  func callAsFunction(_ x: consuming Tensor, _ mode: Mode) -> Tensor { layer(x, mode) }
  func visit(_ visitor: inout some StateVisitor) { layer.visit(&visitor) }
}

@Suite struct SequentialTests {
  @Test(arguments: [Activation.relu, .leakyReLU(0.2), .tanh], [0, 1, 2])
  func aRectifierInTheSamePassIsARectifierBehind(activation: Activation, kind: Int) throws {
    var random = generator("fusion")
    func network(_ wrapped: (any Layer) -> any Layer) -> Sequential {
      let normalization: any Layer = [BatchNorm(5), InstanceNorm(5, isAffine: true), InstanceNorm(5)][kind]
      return Sequential([wrapped(normalization), wrapped(activation), BatchNorm(5)])
    }
    let (fused, apart) = (network { $0 }, network { Plain($0) })
    for parameter in fused.parameters { parameter.value = .normal(parameter.value.shape, using: &random) }
    try apart.load(fused.state)
    let x = Tensor.normal([3, 4, 6, 5], using: &random).tracked()
    let seed = Tensor.normal([3, 4, 6, 5], using: &random)
    for mode in [training(), .inference] {
      let (one, other) = (fused(x, mode), apart(x, mode))
      #expect(distance(one, other) < 1e-5)
      #expect(fused.state.mapValues(\.bits) == apart.state.mapValues(\.bits))
      let parameters = { (network: Sequential) in mode.isTraining ? network.parameters.map(\.leaf) : [] }
      for differentiable in [false, true] {
        let found = one.gradients(wrt: [x] + parameters(fused), seed: seed, differentiable: differentiable)
        let expected = other.gradients(wrt: [x] + parameters(apart), seed: seed)
        for (gradient, wanted) in zip(found, expected) { #expect(distance(gradient, wanted) < 1e-4) }
      }
    }
  }

  @Test func layersAreNamedByTheirNumbersThoughTwoArePassedAtOnce() {
    var random = generator("names")
    let network = Sequential([
      BatchNorm(2), Activation.relu, Dropout(0.5), Sequential([InstanceNorm(2), Activation.relu, Dropout(0.5)]),
      ResidualBlock(Linear(2, 2, using: &random), shortcut: Linear(2, 2, hasBias: false, using: &random)),
    ])
    let names = network.state.keys.filter { !$0.hasPrefix("0.") }.sorted()
    #expect(names == ["4.block.bias", "4.block.weight", "4.shortcut.weight"])
  }

  @Test func aResidualBlockAddsItsInput() {
    var random = generator("residual")
    let (block, shortcut) = (Linear(4, 4, using: &random), Linear(4, 3, using: &random))
    let x = Tensor.normal([2, 4], using: &random)
    #expect(ResidualBlock(block)(x, .inference).bits == (block(x, .inference) + x).bits)
    let narrow = Linear(4, 3, using: &random)
    let both = ResidualBlock(narrow, shortcut: shortcut)(x, .inference)
    #expect(distance(both, narrow(x, .inference) + shortcut(x, .inference)) == 0)
    // The input is not worked on in place, though the block begins with a rectifier.
    let kept = ResidualBlock(Sequential([Activation.relu, Activation.tanh]))
    #expect(
      distance(kept(Tensor([-1, 2], shape: [1, 2]), .inference), Tensor([-1, 2 + 0.964_027_6], shape: [1, 2])) < 1e-6)
  }

  // Batch normalization

  @Test func inferenceNormalisesWithTheRunningStatistics() throws {
    let norm = BatchNorm(2, epsilon: 1e-3)
    try norm.load([
      "weight": Tensor([2, 3], shape: [2]), "bias": Tensor([0.5, -1], shape: [2]),
      "running_mean": Tensor([1, -2], shape: [2]), "running_var": Tensor([4, 0.25], shape: [2]),
      "num_batches_tracked": Tensor([7], shape: []),
    ])
    let x = Tensor([1, -2, 3, -1.5, 0, 0], shape: [3, 2])
    let expected = zip(x.values, 0..<6).map { value, place in
      let channel = place % 2
      return (value - [1, -2][channel]) / (([4, 0.25] as [Float])[channel] + 1e-3).squareRoot() * [2, 3][channel]
        + [0.5, -1][channel]
    }
    let state = norm.state.mapValues(\.bits)
    #expect(distance(norm(x, .inference), Tensor(expected, shape: [3, 2])) < 1e-6)
    #expect(norm.state.mapValues(\.bits) == state)
  }

  @Test func runningStatisticsFollowByTheMomentum() {
    let norm = BatchNorm(1, momentum: 0.25)
    _ = norm(Tensor([1, 2, 3, 6], shape: [2, 2, 1]), training())
    // Mean 3, unbiased variance 14 / 3.
    #expect(norm.state["running_mean"]!.values == [0.75])
    #expect(abs(norm.state["running_var"]!.scalar - (0.75 + 0.25 * 14 / 3)) < 1e-6)
    #expect(norm.state["num_batches_tracked"]!.scalar == 1)
  }

  @Test func conditionalInferenceUsesEachSamplesClass() throws {
    let norm = ConditionalBatchNorm(2, classes: 2)
    var state = norm.state
    #expect(state.keys.sorted() == ["bn.num_batches_tracked", "bn.running_mean", "bn.running_var", "embed.weight"])
    #expect(state["embed.weight"]!.values == [1, 1, 0, 0, 1, 1, 0, 0])
    state["embed.weight"] = Tensor([1, 2, 3, 4, -1, -2, -3, -4], shape: [2, 4])
    try norm.load(state)
    let output = norm(Tensor([1, 1, 1, 1], shape: [2, 1, 2]), [1, 0], .inference)
    #expect(distance(output, Tensor([-4, -6, 4, 6], shape: [2, 1, 2])) < 1e-4)
    let rectified = norm(Tensor([1, 1, 1, 1], shape: [2, 1, 2]), [1, 0], .inference, slope: 0.5)
    #expect(distance(rectified, Tensor([-2, -3, 4, 6], shape: [2, 1, 2])) < 1e-4)
  }
}
