import MirageSupport
import MirageNetworks
import MirageTensors
import Testing

@Suite struct OptimizerTests {
  /// The network of make_training.py.
  private final class Network: Module {
    let conv: Conv2D
    let norm = BatchNorm(3)
    let linear: Linear

    init() {
      var random = generator("network")
      conv = Conv2D(2, 3, kernel: [3], padding: [1], hasBias: false, using: &random)
      linear = Linear(90, 4, using: &random)
    }

    func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor {
      linear(Flatten()(norm(conv(x, mode), mode).leakyReLU(0.2), mode), mode)
    }

    func visit(_ visitor: inout some StateVisitor) {
      visitor.visit(conv, "conv")
      visitor.visit(norm, "norm")
      visitor.visit(linear, "linear")
    }
  }

  private func optimizer(_ row: GoldenRow) -> any Optimizer {
    let settings = row.inner("settings")
    func setting(_ name: String, _ missing: Float = 0) -> Float { settings.has(name) ? settings.float(name) : missing }
    let (rate, decay) = (setting("lr"), setting("weight-decay"))
    switch row.text("optimizer") {
    case "SGD":
      return SGD(
        learningRate: rate, momentum: setting("momentum"), weightDecay: decay, isNesterov: settings.has("nesterov"))
    case "RMSprop":
      return RMSProp(learningRate: rate, smoothing: setting("alpha", 0.99), momentum: setting("momentum"))
    case let name:
      let betas: [Float] = settings.has("betas") ? settings.decoded("betas") : [0.9, 0.999]
      return Adam(
        learningRate: rate, betas: (betas[0], betas[1]), weightDecay: decay, isDecoupled: name == "AdamW")
    }
  }

  private func start(_ row: GoldenRow) throws -> Network {
    let network = Network()
    try network.load(network.state.merging(row.state("initial")) { $1 })
    return network
  }

  /// One step a batch of the range; the losses before each.
  private func train(
    _ network: Network, _ optimizer: inout some Optimizer, _ row: GoldenRow, _ range: Range<Int>
  ) -> [Float] {
    let (batches, labels) = (row.tensors("batches"), row.decoded("labels") as [[Int]])
    return range.map { step in
      let loss = Losses.crossEntropy(logits: network(batches[step], training()), labels: labels[step])
      let value = loss.scalar
      optimizer.step(network.parameters, network.gradients(of: loss))
      return value
    }
  }

  @Test(arguments: GoldenRow.all("optimizers")) func tenStepsArePyTorchs(_ row: GoldenRow) throws {
    func run(_ optimizer: some Optimizer) throws {
      var optimizer = optimizer
      let network = try start(row)
      let losses = train(network, &optimizer, row, 0..<10)
      let expected: [Float] = row.decoded("losses")
      row.expect(Tensor(losses, shape: [10]), Tensor(expected, shape: [10]), "the losses")
      for (name, tensor) in row.state("final") { row.expect(network.state[name]!, tensor, name) }
      #expect(network.state["norm.num_batches_tracked"]?.scalar == 10)
      row.expect(network(row.tensors("batches")[0], .inference), row.tensor("output"), "the output")
    }
    try run(optimizer(row))
  }

  @Test(arguments: GoldenRow.all("optimizers")) func aSavedStateContinuesBitForBit(_ row: GoldenRow) throws {
    func run(_ fresh: some Optimizer) throws {
      var (whole, first, second) = (fresh, fresh, fresh)
      let (uninterrupted, resumed) = (try start(row), try start(row))
      _ = train(uninterrupted, &whole, row, 0..<6)
      _ = train(resumed, &first, row, 0..<3)
      let copy = Network()
      try copy.load(resumed.state)
      try second.load(first.state, for: copy.parameters)
      _ = train(copy, &second, row, 3..<6)
      #expect(copy.state.mapValues(\.bits) == uninterrupted.state.mapValues(\.bits))
      #expect(second.state.mapValues(\.bits) == whole.state.mapValues(\.bits))
    }
    try run(optimizer(row))
  }

  @Test func aSavedStateDoesNotChangeWithLaterSteps() throws {
    let row = GoldenRow.all("optimizers").first { $0.testDescription == "adam" }!
    var adam = Adam(learningRate: 0.1)
    let network = try start(row)
    _ = train(network, &adam, row, 0..<1)
    let (saved, weights) = (adam.state, network.state)
    let bits = (saved.mapValues(\.bits), weights.mapValues(\.bits))
    _ = train(network, &adam, row, 1..<3)
    #expect(saved.mapValues(\.bits) == bits.0 && weights.mapValues(\.bits) == bits.1)
  }

  @Test func statesThatDoNotFitAreErrors() throws {
    let parameters = [Parameter(.zeros([2])), Parameter(.zeros([3]))]
    var adam = Adam(learningRate: 0.1)
    #expect(throws: MirageError.self) { try adam.load([:], for: parameters) }
    let wrong = ["step": Tensor(1), "first_moment.0": Tensor.zeros([2]), "first_moment.1": .zeros([4])]
    let error = #expect(throws: MirageError.self) { try adam.load(wrong, for: parameters) }
    #expect("\(error!)".contains("first_moment.1"))
  }

  // Gradient rules and schedules

  @Test(arguments: GoldenRow.all("clipping")) func clippingIsPyTorchs(_ row: GoldenRow) {
    var gradients = row.tensors("gradients")
    if row.text("clip") == "norm" {
      let clipped = GradientRules.clipped(gradients, norm: row.float("limit"))
      #expect(abs(clipped.norm - row.float("norm")) < 1e-5 && GradientRules.norm(gradients) == clipped.norm)
      gradients = clipped.gradients
    } else {
      gradients = GradientRules.clipped(gradients, value: row.float("limit"))
    }
    for (gradient, expected) in zip(gradients, row.tensors("output")) { row.expect(gradient, expected, "a gradient") }
  }

  @Test func regularisationIsTheGradientOfItsPenalty() {
    let w = Tensor([-2, -0.5, 0.25, 3], shape: [4]).tracked()
    let penalty = w.abs().sum() * 0.125 + w.square().sum() * (0.5 / 2)
    let expected = penalty.gradients(wrt: [w])[0] + 1
    let found = GradientRules.regularized([.ones([4])], [Parameter(w)], l1: 0.125, l2: 0.5)
    #expect(found[0].values == expected.values)
  }

  @Test(arguments: GoldenRow.all("schedules")) func schedulesArePyTorchs(_ row: GoldenRow) throws {
    let settings = row.inner("settings")
    let schedule: Schedule
    switch row.text("schedule") {
    case "constant": schedule = .constant
    case "step": schedule = .step(every: settings.integer("every"), factor: settings.float("gamma"))
    case "cosine": schedule = .cosine(steps: settings.integer("steps"), minimum: settings.float("end") / 0.01)
    case "constant-then-linear":
      schedule = .linearDecay(after: settings.integer("constant"), over: settings.integer("decay"))
    case "cyclegan":  // counts from 1
      schedule = .linearDecay(after: settings.integer("constant") - 1, over: settings.integer("decay") + 1)
    case "warm-up": schedule = .warmUp(steps: settings.integer("steps"), then: .constant)
    default: return  // PyTorch's linear schedule has no counterpart
    }
    for (step, rate) in (row.decoded("rates") as [Double]).enumerated() {
      #expect(abs(Double(0.01 * schedule.factor(at: step)) - rate) < 1e-8, "step \(step)")
    }
  }

  @Test func aScheduleAfterWarmUpBeginsAtItsBeginning() {
    let schedule = Schedule.warmUp(steps: 4, then: .linearDecay(after: 2, over: 4))
    #expect((0..<12).map { schedule.factor(at: $0) } == [0.25, 0.5, 0.75, 1, 1, 1, 1, 0.75, 0.5, 0.25, 0, 0])
    #expect(Schedule.cosine(steps: 5, minimum: 0.25).factor(at: 50) == 0.25)  // stays at its end
  }
}
