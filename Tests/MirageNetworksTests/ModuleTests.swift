import MirageSupport
import MirageNetworks
import MirageTensors
import Testing

@Suite struct ModuleTests {
  private func network(_ name: String = "module") -> Sequential {
    var random = generator(name)
    return Sequential([
      Conv2D(3, 8, kernel: [3], using: &random), BatchNorm(8), Activation.relu, Flatten(),
      Linear(8, 2, isSpectral: true, using: &random),
    ])
  }

  @Test func statesHavePyTorchsNames() {
    #expect(
      network().state.keys.sorted() == [
        "0.bias", "0.weight", "1.bias", "1.num_batches_tracked", "1.running_mean", "1.running_var", "1.weight",
        "4.bias", "4.parametrizations.weight.0._u", "4.parametrizations.weight.0._v",
        "4.parametrizations.weight.original",
      ])
    #expect(network().parameterCount == 8 * 27 + 8 + 16 + 16 + 2)
  }

  @Test func aLoadedStateIsTheState() throws {
    let (one, other) = (network("one"), network("other"))
    try other.load(one.state)
    #expect(other.state.mapValues(\.bits) == one.state.mapValues(\.bits))
    let x = Tensor.ones([2, 3, 3, 3])
    #expect(other(x, .inference).bits == one(x, .inference).bits)
  }

  /// Fails with a message that holds `text`, and leaves the network as it was.
  private func expectRefused(_ state: [String: Tensor], _ text: String) {
    let network = network("refusing")
    let before = network.state.mapValues(\.bits)
    let error = #expect(throws: MirageError.self) { try network.load(state) }
    #expect(error.map { "\($0)" }?.contains(text) == true, "\(error.map { "\($0)" } ?? "")")
    #expect(network.state.mapValues(\.bits) == before)
  }

  @Test func whatIsMissingIsNamed() {
    for name in ["0.weight", "1.running_var", "4.bias", "4.parametrizations.weight.0._v"] {
      var state = network().state
      state[name] = nil
      expectRefused(state, "lack \(name)")
    }
  }

  @Test func whatIsTooMuchIsNamed() {
    var state = network().state
    state["5.weight"] = .ones([1])
    expectRefused(state, "5.weight")
  }

  @Test func anotherShapeIsNamedWithBoth() {
    var state = network().state
    state["4.bias"] = .ones([3])
    expectRefused(state, "4.bias has shape [3] in the weights and [2] in the model")
    state["4.bias"] = .ones([2, 1])
    expectRefused(state, "4.bias has shape [2, 1]")
    state = network().state
    state["0.weight"] = state["0.weight"]!.transposed([1, 0, 2, 3])
    expectRefused(state, "0.weight has shape [3, 8, 3, 3] in the weights and [8, 3, 3, 3] in the model")
  }

  @Test func theNumberOfBatchesMayBeMissing() throws {
    var state = network("one").state
    state["1.num_batches_tracked"] = nil
    let other = network("other")
    try other.load(state)
    #expect(other.state["0.weight"]!.bits == state["0.weight"]!.bits)
  }

  @Test func oldNamesOfSpectralNormalisationAreRead() throws {
    let (one, other) = (network("one"), network("other"))
    var state = one.state
    for (new, old) in [("original", "weight_orig"), ("0._u", "weight_u"), ("0._v", "weight_v")] {
      state["4." + old] = state.removeValue(forKey: "4.parametrizations.weight." + new)
    }
    try other.load(state)
    #expect(other.state.mapValues(\.bits) == one.state.mapValues(\.bits))
  }

  @Test func snapshotsDoNotChange() {
    let network = network()
    let state = network.state
    let bits = state.mapValues(\.bits)
    _ = network(.ones([2, 3, 3, 3]), training())
    for parameter in network.parameters { parameter.value = parameter.value * 2 }
    #expect(state.mapValues(\.bits) == bits && network.state["0.weight"]!.bits != bits["0.weight"])
  }

  // Moving averages

  @Test func anAverageFollowsByItsDecay() {
    let norm = BatchNorm(1)
    var average = MovingAverage(of: norm, decay: 0.75, rampUp: 0)
    norm.parameters[0].value = Tensor([5], shape: [1])
    average.update(with: norm)
    #expect(average.state["weight"]!.values == [0.75 + 0.25 * 5])
    average.update(with: norm)
    #expect(average.state["weight"]!.values == [0.75 * 2 + 0.25 * 5] && average.updates == 2)
  }

  /// The decay is (1 + n) / (10 + n) after n updates, until that is more than 0.5.
  @Test func earlyOnTheDecayIsLess() {
    let norm = BatchNorm(1)
    var average = MovingAverage(of: norm, decay: 0.5, rampUp: 10)
    norm.parameters[0].value = Tensor([0], shape: [1])
    var expected: Float = 1
    for step in 0..<20 {
      average.update(with: norm)
      expected *= min(0.5, Float(1 + step) / Float(10 + step))
      #expect(abs(average.state["weight"]!.scalar / expected - 1) < 1e-5, "step \(step)")
    }
  }

  @Test func buffersAreNotAveraged() throws {
    let norm = BatchNorm(1)
    var average = MovingAverage(of: norm)
    _ = norm(Tensor([1, 3], shape: [2, 1]), training())
    average.update(with: norm)
    #expect(average.state["running_mean"]!.bits == norm.state["running_mean"]!.bits)
    let other = BatchNorm(1)
    try other.load(average.state)
    #expect(other.state["num_batches_tracked"]!.scalar == 1)
  }

  @Test func averagesHaveNoHistory() {
    var random = generator("average")
    let linear = Linear(3, 2, using: &random)
    var average = MovingAverage(of: linear)
    average.update(with: linear)
    #expect(average.state.values.allSatisfy { !$0.isTracked } && linear.state.values.allSatisfy { !$0.isTracked })
  }
}
