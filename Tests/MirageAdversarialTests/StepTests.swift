import MirageAdversarial
import MirageSupport
import MirageNetworks
import MirageTensors
import Testing

/// What a step does and does not do. The counts of nodes and threads are of the whole process: these tests run alone
/// (`--no-parallel`).
@Suite(.serialized) struct StepTests {
  @Test(arguments: Family.allCases) func equalSeedsGiveEqualBits(_ family: Family) throws {
    let (one, other) = (try family.gan(discriminatorSteps: 2), try family.gan(discriminatorSteps: 2))
    #expect(one.train(3).map(\.byName) == other.train(3).map(\.byName))
    #expect(one.checkpoint.tensors.bits == other.checkpoint.tensors.bits)
    let third = try family.gan(discriminatorSteps: 2, seed: 2)
    #expect(third.train(1).map(\.byName) != one.train(1).map(\.byName))
  }

  @Test(arguments: Family.allCases) func thirtyStepsLeaveNoNodeAndTakeNoMemory(_ family: Family) throws {
    let gan = try family.gan(discriminatorSteps: 2)
    onOneThread {
      gan.train(3)
      let (nodes, memory) = (recordedOperations, Pool.statistics)
      for _ in 0..<30 { _ = gan.step(on: Bars().batches(of: gan, step: gan.steps), measuresGradients: true) }
      #expect(recordedOperations == nodes)
      #expect(Pool.statistics.bytesAllocated == memory.bytesAllocated)
    }
  }

  /// Gradients are measured beside the step, not in it.
  @Test func measuringChangesNothing() throws {
    let (one, other) = (try Bars().gan(), try Bars().gan())
    let measured = one.step(on: Bars().batches(of: one, step: 0), measuresGradients: true)
    let plain = other.step(on: Bars().batches(of: other, step: 0))
    #expect(measured.discriminatorGradientNorm! > 0 && measured.generatorGradientNorm! > 0)
    #expect(plain.discriminatorGradientNorm == nil && plain.generatorGradientNorm == nil)
    #expect(one.checkpoint.tensors.bits == other.checkpoint.tensors.bits)
  }

  // MARK: Averages

  /// Weights and running statistics alike, more slowly once there were some steps.
  @Test func averagesFollowWeightsAndRunningStatistics() throws {
    let gan = try Bars().gan { _, recipe in recipe.average = 0.4 }
    var expected = gan.generator.state
    for step in 0..<6 {
      gan.train(1)
      let kept = min(0.4, Float(1 + step) / Float(10 + step))
      expected = expected.merging(gan.generator.state) { $0 * kept + $1 * (1 - kept) }
    }
    #expect(gan.average.updates == 6 && gan.average.state.keys.contains("norms.0.bn.running_var"))
    for (name, value) in gan.average.state {
      let worst = zip(value.values, expected[name]!.values).map { abs($0 - $1) / (1 + abs($1)) }.max()!
      #expect(worst < 1e-5, "\(name)")
    }
    #expect(gan.average.state.bits != gan.generator.state.bits)
  }

  @Test func withoutAnAverageItIsTheNetwork() throws {
    let gan = try Bars().gan { _, recipe in recipe.average = 0 }
    gan.train(2)
    #expect(gan.average.state.bits == gan.generator.state.bits)
  }

  // MARK: Learning rates, bounds, penalties

  /// Adam's first step moves a weight by the learning rate, whatever the gradient.
  @Test func learningRatesAreEachNetworksOwn() throws {
    let gan = try Bars().gan { _, recipe in (recipe.learningRate, recipe.discriminatorLearningRate) = (1e-3, 4e-3) }
    let before = gan.checkpoint.tensors
    gan.train(1)
    for (name, rate) in [
      ("generator.out.weight", 1e-3), ("discriminator.layers.0.parametrizations.weight.original", 4e-3),
    ] {
      let moved = (gan.checkpoint.tensors[name]! - before[name]!).abs().values
      #expect(abs(Double(moved.max()!) - rate) < 0.02 * rate, "\(name)")
    }
  }

  @Test func learningRatesDecayToNothing() throws {
    func moves(_ decayFrom: Double) throws -> [Float] {
      let gan = try Bars().gan { model, recipe in
        (recipe.steps, recipe.decayFrom, recipe.learningRate) = (4, decayFrom, 1e-3)
        // Each move is the learning rate, times the sign of the gradient.
        (recipe.betas, model.normalization) = ([0, 0], .layer)
      }
      return (0..<5).map { _ in
        let before = gan.generator.state["out.weight"]!
        gan.train(1)
        return (gan.generator.state["out.weight"]! - before).abs().values.max()! / 1e-3
      }
    }
    for (decayFrom, expected) in [(0, [1, 0.75, 0.5, 0.25, 0]), (0.5, [1, 1, 1, 0.5, 0]), (1, [1, 1, 1, 1, 1])]
      as [(Double, [Float])]
    {
      let found = try moves(decayFrom)
      #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 0.02 }, "\(decayFrom): \(found)")
    }
  }

  @Test(arguments: [0.01, 0.003]) func clippingHoldsTheCriticsWeights(_ clip: Double) throws {
    let gan = try Bars().gan { model, recipe in
      (recipe.loss, recipe.clip, recipe.discriminatorSteps, model.normalization) = (.wasserstein, clip, 2, .layer)
      recipe.learningRate = 1e-2
    }
    for _ in 0..<3 {
      gan.train(1)
      let largest = gan.discriminator.parameters.map { $0.value.abs().values.max()! }
      #expect(largest.allSatisfy { $0 <= Float(clip) } && largest.contains(Float(clip)))
    }
    #expect(gan.generator.parameters.contains { $0.value.abs().values.max()! > 0.5 })
  }

  @Test func withoutAPenaltyThereIsNone() throws {
    let plain = try Bars().gan { model, _ in model.normalization = .layer }
    let zero = try Bars().gan { model, recipe in (model.normalization, recipe.r1) = (.layer, 0) }
    #expect(plain.train(3).map(\.byName) == zero.train(3).map(\.byName))
    #expect(plain.checkpoint.tensors.bits == zero.checkpoint.tensors.bits && plain.train(1)[0].penalty == nil)
    // Judged in one pass or, for a penalty of next to nothing, in two: the same but for rounding.
    let (apart, together) = (
      try Bars().gan { model, recipe in (model.normalization, recipe.r1) = (.layer, 1e-20) },
      try Bars().gan { model, _ in model.normalization = .layer }
    )
    let one = apart.step(on: Bars().batches(of: apart, step: 0), measuresGradients: true).byName
    let two = together.step(on: Bars().batches(of: together, step: 0), measuresGradients: true).byName
    #expect(one["penalty"]! < 1e-12 && two["penalty"] == nil)
    for (name, value) in two { #expect(abs(one[name]! - value) < 1e-4 * (1 + abs(value)), "\(name)") }
  }

  @Test func aPenaltysWeightCounts() throws {
    func penalty(_ weight: Double) throws -> (penalty: Float, loss: Float) {
      let gan = try Bars().gan { model, recipe in
        (model.normalization, recipe.loss, recipe.gradientPenalty) = (.none, .wassersteinPenalty, weight)
        recipe.discriminatorSteps = 1
      }
      let measures = gan.train(1)[0]
      return (measures.penalty!, measures.discriminatorLoss)
    }
    let (none, one, ten) = (try penalty(0), try penalty(1), try penalty(10))
    #expect(none.penalty == 0 && one.penalty > 0.1 && abs(ten.penalty - 10 * one.penalty) < 1e-4 * ten.penalty)
    #expect(abs(ten.loss - none.loss - ten.penalty) < 1e-4 * (1 + ten.penalty))
  }

  // MARK: Batches and labels

  @Test(arguments: GANModel.Network.allCases) func oneImageIsABatch(_ network: GANModel.Network) throws {
    for normalization in GANModel.Normalization.allCases {
      let gan = try Bars().gan { model, _ in (model.network, model.normalization) = (network, normalization) }
      var random = randomNumbers("one")
      for _ in 0..<2 {
        let measures = gan.step(on: [Bars().batch(1, using: &random)])
        #expect(measures.discriminatorLoss.isFinite && measures.generatorLoss.isFinite)
      }
      #expect(gan.checkpoint.tensors.values.allSatisfy { $0.values.allSatisfy(\.isFinite) })
    }
  }

  @Test func unconditionedNetworksDoNotLookAtLabels() throws {
    let (one, other) = (
      try Bars().gan { model, _ in model.conditioning = .none },
      try Bars().gan { model, _ in model.conditioning = .none }
    )
    var random = randomNumbers("labels")
    let images = Bars().batch(6, using: &random).images
    let measures = one.step(on: [(images, [0, 1, 2, 0, 1, 2])])
    #expect(measures.byName == other.step(on: [(images, [-7, 99, 99, 0, 5, .max])]).byName)
    #expect(one.checkpoint.tensors.bits == other.checkpoint.tensors.bits)
  }

  /// In inference an image does not depend on those it is made with.
  @Test(arguments: GANModel.Network.allCases, GANModel.Conditioning.allCases)
  func imagesDoNotDependOnTheirBatch(_ network: GANModel.Network, _ conditioning: GANModel.Conditioning) throws {
    let gan = try Bars().gan { model, _ in (model.network, model.conditioning) = (network, conditioning) }
    gan.train(2)
    var random = randomNumbers("alone")
    let (latents, labels) = (gan.configuration.latents(7, using: &random), [0, 1, 2, 2, 1, 0, 1])
    let together = gan.generator(latents, labels, .inference)
    for index in 0..<7 {
      let alone = gan.generator(latents.sliced(axis: 0, index..<index + 1), [labels[index]], .inference)
      let difference = (alone - together.sliced(axis: 0, index..<index + 1)).abs().values.max()!
      #expect(difference < 1e-5)
    }
    // Nor does making images change the network.
    let state = gan.generator.state.bits
    _ = gan.generator(latents, labels, .inference)
    #expect(gan.generator.state.bits == state)
  }

  @Test func latentsAreOfTheirDistribution() throws {
    for (latents, bound) in [(GANModel.Latents.normal, Float(10)), (.uniform, 1)] {
      let gan = try Bars().gan { model, _ in model.latents = latents }
      var random = randomNumbers("latents")
      let whole = gan.configuration.latents(5000, using: &random)
      let less = gan.configuration.latents(5000, truncation: 0.5, using: &random)
      #expect(whole.shape == [5000, 8] && whole.abs().values.max()! <= bound)
      let deviation: Float = latents == .normal ? 1 : 1 / Float(3).squareRoot()
      #expect(abs(whole.variance().scalar.squareRoot() - deviation) < 0.02 && abs(whole.mean().scalar) < 0.02)
      #expect(abs(less.variance().scalar.squareRoot() - deviation / 2) < 0.02)
    }
  }
}
