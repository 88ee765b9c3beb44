import MirageAdversarial
import MirageSupport
import MirageNetworks
import TestSupport
import MirageTensors
import Testing

/// Trainings whose states differ in what they hold.
enum Family: String, CaseIterable, Sendable {
  case hinge, augmented, r1, leastSquares, auxiliary, wasserstein, wassersteinByAdam, penalty, perceptrons, residual,
    rmsprop

  func gan(discriminatorSteps: Int, seed: UInt64 = 1) throws -> GAN {
    try Bars().gan(seed: seed) { model, recipe in
      (recipe.steps, recipe.discriminatorSteps, recipe.decayFrom) = (12, discriminatorSteps, 0.25)
      switch self {
      case .hinge: break
      case .augmented: recipe.augment = DifferentiableAugmentation.allCases
      case .r1: (recipe.loss, recipe.r1, model.normalization) = (.nonSaturating, 1, .layer)
      case .leastSquares:
        (recipe.loss, model.normalization, model.conditioning) = (.leastSquares, .batch, .concatenated)
      case .auxiliary: (model.conditioning, model.normalization) = (.auxiliaryClassifier, .none)
      case .wasserstein: (recipe.loss, model.normalization) = (.wasserstein, .layer)
      case .wassersteinByAdam: (recipe.loss, model.normalization, recipe.optimizer) = (.wasserstein, .batch, .adam)
      case .penalty: (recipe.loss, model.normalization) = (.wassersteinPenalty, .layer)
      case .perceptrons: (model.network, model.conditioning, model.latents) = (.fullyConnected, .none, .uniform)
      case .residual: (model.network, recipe.loss) = (.residual, .wassersteinPenalty)
      case .rmsprop: recipe.optimizer = .rmsprop
      }
    }
  }
}

@Suite struct ResumeTests {
  private let directory = TemporaryDirectory()

  private func failure(_ body: () throws -> Void) throws -> MirageError {
    try #require(try #require(throws: (any Error).self) { try body() } as? MirageError)
  }

  @Test(arguments: Family.allCases, [1, 2]) func resumesBitForBit(_ family: Family, discriminatorSteps: Int) throws {
    try onOneThread { try resume(family, discriminatorSteps) }
  }

  private func resume(_ family: Family, _ discriminatorSteps: Int) throws {
    let whole = try family.gan(discriminatorSteps: discriminatorSteps)
    let measures = whole.train(10).map(\.byName)
    #expect(measures.allSatisfy { $0.values.allSatisfy(\.isFinite) } && Set(measures).count == 10)

    let first = try family.gan(discriminatorSteps: discriminatorSteps)
    #expect(first.train(5).map(\.byName) == Array(measures.prefix(5)))
    try first.checkpoint.write(to: directory.file("half.safetensors"))

    // One that went elsewhere meanwhile.
    let second = try family.gan(discriminatorSteps: discriminatorSteps)
    second.train(2)
    try second.restore(from: Checkpoint(reading: directory.file("half.safetensors")))
    #expect(second.steps == 5 && second.average.updates == 5)
    #expect(second.checkpoint.tensors.bits == first.checkpoint.tensors.bits)
    #expect(second.train(5).map(\.byName) == Array(measures.suffix(5)))
    #expect(second.checkpoint.tensors.bits == whole.checkpoint.tensors.bits)
    #expect(second.checkpoint.metadata == whole.checkpoint.metadata)
    #expect(second.steps == 10)
  }

  /// The file holds what DESIGN says: weights under the networks' names, the rest reserved.
  @Test func holdsNetworksOptimisersAverageAndStep() throws {
    let gan = try Family.hinge.gan(discriminatorSteps: 1)
    gan.train(1)
    let checkpoint = gan.checkpoint
    let prefixes = Set(
      checkpoint.tensors.keys.map { name in
        name.split(separator: ".").prefix(name.hasPrefix("__") ? 2 : 1).joined(separator: ".")
      })
    #expect(
      prefixes == [
        "generator", "discriminator", "__ema.generator", "__optimizer.generator", "__optimizer.discriminator",
      ])
    #expect(checkpoint.metadata["step"] == "1" && checkpoint.metadata["__ema.generator"] == "1")
    #expect(checkpoint.metadata["__optimizer.generator"] == "adam")
    var random = randomNumbers("other")
    let generator = gan.configuration.generator(using: &random)
    try checkpoint.restore(generator, fromAverage: "generator")
    #expect(generator.state.bits == gan.average.state.bits)
  }

  @Test func anUntrainedStateIsRestoredToo() throws {
    let fresh = try Family.hinge.gan(discriminatorSteps: 1)
    try fresh.checkpoint.write(to: directory.file("fresh.safetensors"))
    let other = try Family.hinge.gan(discriminatorSteps: 1)
    other.train(3)
    try other.restore(from: Checkpoint(reading: directory.file("fresh.safetensors")))
    #expect(other.steps == 0 && other.average.updates == 0)
    other.train(2)
    fresh.train(2)
    #expect(other.checkpoint.tensors.bits == fresh.checkpoint.tensors.bits)
  }

  @Test func anotherArchitectureIsNamed() throws {
    let gan = try Bars().gan()
    gan.train(1)
    let path = directory.file("a.safetensors")
    try gan.checkpoint.write(to: path)
    let saved = try Checkpoint(reading: path)
    func error(_ change: (inout GANModel, inout GANRecipe) -> Void) throws -> MirageError {
      let other = try Bars().gan(change)
      let error = try failure { try other.restore(from: saved) }
      #expect(error.kind == .badData && error.file == path && error.remedy != nil)
      return error
    }
    let wide = try error { model, _ in model.generatorWidth = 5 }
    #expect(wide.place == "entry generator")
    #expect(wide.message == "project.weight has shape [256, 8] in the weights and [320, 8] in the model")
    let critic = try error { model, _ in model.normalization = .none }
    #expect(critic.place == "entry discriminator" && critic.message == "the weights lack layers.0.weight")
    let unconditional = try error { model, _ in model.conditioning = .none }
    #expect(unconditional.place == "entry generator" && unconditional.message == "the weights lack norms.0.weight")
    let network = try error { model, _ in model.network = .residual }
    #expect(network.place == "entry generator")
    let optimizer = try error { _, recipe in recipe.optimizer = .rmsprop }
    #expect(optimizer.place == "entry __optimizer.generator")
    #expect(optimizer.message == "the state is that of the optimizer adam, not of rmsprop")
  }

  @Test func whatIsMissingIsNamed() throws {
    let gan = try Bars().gan()
    gan.train(1)
    func error(_ remove: (inout Checkpoint) -> Void) throws -> String {
      var checkpoint = gan.checkpoint
      remove(&checkpoint)
      return try failure { try gan.restore(from: checkpoint) }.description
    }
    #expect(
      try error { $0.metadata["__optimizer.discriminator"] = nil }
        .contains("the checkpoint holds no state of an optimizer for discriminator"))
    #expect(
      try error { $0.tensors["__optimizer.generator.first_moment.0"] = nil }
        .contains("the optimizer's first_moment.0 is missing"))
    #expect(
      try error { $0.metadata["__ema.generator"] = nil }.contains("the checkpoint holds no moving average generator"))
    #expect(try error { $0.tensors["__ema.generator.out.bias"] = nil }.contains("out.bias is missing"))
    #expect(try error { $0.tensors["generator.out.bias"] = nil }.contains("the weights lack out.bias"))
    #expect(try error { $0.metadata["step"] = nil }.contains("the checkpoint holds no number of steps"))
    #expect(try error { $0 = Checkpoint() }.contains("the checkpoint holds no weights of generator"))
    // What a best checkpoint has: the average alone.
    var best = Checkpoint()
    best.store(average: gan.average, as: "generator")
    #expect(try failure { try gan.restore(from: best) }.message == "the checkpoint holds no weights of generator")
  }
}
