import MirageAdversarial
import MirageNetworks
import MirageSupport
import MirageTensors
import TestSupport
import Testing

/// Settings and weights that do not fit are errors that name them.
@Suite struct CycleGANConfigurationTests {
  private func failure(_ body: () throws -> Void) throws -> MirageError {
    try #require(try #require(throws: (any Error).self) { try body() } as? MirageError)
  }

  // MARK: Settings

  @Test(arguments: [
    Refusal("model.blocks", "blocks must be from 0 to 64, not 65") { model, _ in model.blocks = 65 },
    Refusal("model.blocks", "blocks must be from 0 to 64, not -1") { model, _ in model.blocks = -1 },
    Refusal("model.filters", "filters must be from 1 to 256, not 0") { model, _ in model.filters = 0 },
    Refusal("model.discriminator-layers", "discriminator-layers must be from 1 to 6, not 0") { model, _ in
      model.discriminatorLayers = 0
    },
    Refusal("model.discriminator-filters", "discriminator-filters must be from 1 to 256, not 257") { model, _ in
      model.discriminatorFilters = 257
    },
    Refusal("model.noise", "noise must be from 0 to 64, not 65") { model, _ in model.noise = 65 },
    Refusal("train.cycle-weight-back", "cycle-weight-back must be from 0 to 1000000, not -1") { _, recipe in
      recipe.cycleWeightBack = -1
    },
    Refusal("train.cycle-weight", "cycle-weight must be from 0 to 1000000, not -1") { _, recipe in
      recipe.cycleWeight = -1
    },
    Refusal("train.identity-weight", "identity-weight must be a number from 0 to 1000000") { _, recipe in
      recipe.identityWeight = .nan
    },
    Refusal("train.identity-until", "identity-until must be from 0 to 1, not 2") { _, recipe in
      recipe.identityUntil = 2
    },
    Refusal("train.learning-rate", "learning-rate must be from 1e-09 to 10, not 0") { _, recipe in
      recipe.learningRate = 0
    },
    Refusal("train.pool-size", "pool-size must be from 0 to 10000, not -1") { _, recipe in recipe.poolSize = -1 },
  ]) func settingsOutOfRangeAreNamed(_ refusal: Refusal) throws {
    var (model, recipe) = (CycleGANModel(), CycleGANRecipe())
    (model.filters, model.discriminatorFilters) = (2, 2)
    refusal.change(&model, &recipe)
    let error = try failure {
      _ = try CycleGAN(CycleGANConfiguration(model, height: 32, width: 32), recipe, seed: 1)
    }
    #expect(error.kind == .badPipeline && error.place == refusal.place)
    #expect(error.message == refusal.message)
  }

  @Test func sizesThatDoNotFitAreNamed() throws {
    func error(_ height: Int, _ width: Int, _ channels: Int = 3, layers: Int = 3) throws -> MirageError {
      var model = CycleGANModel()
      model.discriminatorLayers = layers
      return try failure {
        _ = try CycleGANConfiguration(model, height: height, width: width, channelsA: 3, channelsB: channels)
      }
    }
    let odd = try error(30, 32)
    #expect(odd.message == "CycleGAN halves the size of images twice, and these are 30 x 32")
    #expect(odd.remedy == "Bring height and width to multiples of 4, with resize or pad.")
    #expect(try error(0, 32).message.contains("0 x 32"))
    let small = try error(64, 20)
    #expect(small.message == "a discriminator of 3 layers for images of 64 x 20: it needs 24 a side")
    #expect(small.place == "model.discriminator-layers")
    #expect(try error(4, 4, layers: 1).message == "CycleGAN translates images from 8 x 8 up, and these are 4 x 4")
    #expect(try error(32, 32, 4).message == "images of 4 channels")
    for (side, layers) in [(24, 3), (12, 2), (8, 1), (48, 4)] {
      var model = CycleGANModel()
      (model.filters, model.discriminatorFilters, model.blocks, model.discriminatorLayers) = (1, 1, 1, layers)
      let configuration = try CycleGANConfiguration(model, height: side, width: side)
      let images = Tensor.zeros([1, side, side, 3])
      let measures = try CycleGAN(configuration, CycleGANRecipe(), seed: 1).step(images, images)
      #expect(measures.generatorLoss.isFinite && measures.discriminatorA.isFinite)
    }
  }

  @Test func settingsOfAnotherNetworkAreNamed() throws {
    func error(_ side: Int, _ change: (inout CycleGANModel) -> Void) throws -> MirageError {
      var model = CycleGANModel()
      change(&model)
      return try failure { _ = try CycleGANConfiguration(model, height: side, width: side) }
    }
    let small = try error(64) { $0.network = .unet128 }
    #expect(small.message == "unet-128 halves the size of images 7 times, and these are 64 x 64")
    #expect(small.remedy == "Bring height and width to multiples of 128, with resize or pad.")
    #expect(try error(128) { $0.network = .unet256 }.message.contains("unet-256 halves the size of images 8 times"))
    let blocks = try error(128) { ($0.network, $0.blocks) = (.unet128, 3) }
    #expect(blocks.message == "blocks is a setting of resnet, and the network is unet-128")
    #expect(blocks.place == "model.blocks" && blocks.kind == .badPipeline)
    #expect(try error(128) { ($0.network, $0.upsampling) = (.unet128, .resize) }.place == "model.upsampling")
    let layers = try error(32) { ($0.discriminator, $0.discriminatorLayers) = (.pixel, 2) }
    #expect(layers.place == "model.discriminator-layers")
    var model = CycleGANModel()
    model.startsNearIdentity = true
    let channels = try failure { _ = try CycleGANConfiguration(model, height: 32, width: 32, channelsA: 1) }
    #expect(channels.place == "model.starts-near-identity")
    #expect(channels.message == "images of 1 channels cannot begin as images of 3")
  }

  /// Every choice trains, translates, is stored, and is built again from its configuration.
  @Test(arguments: [
    Networks { $0.normalization = .batch }, Networks { $0.normalization = .none }, Networks { $0.dropout = true },
    Networks { ($0.upsampling, $0.startsNearIdentity) = (.resize, true) }, Networks { $0.discriminator = .pixel },
    Networks(side: 128) { ($0.network, $0.dropout) = (.unet128, true) },
    Networks(side: 128) { ($0.network, $0.normalization, $0.noise) = (.unet128, .batch, 2) },
  ]) func everyNetworkTrains(_ networks: Networks) throws {
    var model = CycleGANModel()
    (model.filters, model.discriminatorFilters) = (2, 2)
    networks.change(&model)
    let configuration = try CycleGANConfiguration(
      model, height: networks.side, width: networks.side, channelsA: 1, channelsB: 1)
    let gan = try CycleGAN(configuration, CycleGANRecipe(), seed: 1)
    var random = randomNumbers("images")
    let images = Tensor.uniform([2, networks.side, networks.side, 1], in: -1...1, using: &random)
    let before = gan.checkpoint.tensors.bits
    #expect(gan.step(images, -images).generatorLoss.isFinite && gan.checkpoint.tensors.bits != before)
    let read = try JSONValue(encoding: configuration).decoded(as: CycleGANConfiguration.self).checked()
    #expect(read == configuration)
    let other = try CycleGAN(read, CycleGANRecipe(), seed: 1)
    try other.restore(from: gan.checkpoint)
    #expect(other.translatedToA(images).values == gan.translatedToA(images).values)
    #expect(other.step(images, -images) == gan.step(images, -images))
  }

  @Test func anIdentityLossNeedsEqualChannels() throws {
    let configuration = try CycleGANConfiguration(CycleGANModel(), height: 32, width: 32, channelsA: 1, channelsB: 3)
    let error = try failure { _ = try CycleGAN(configuration, CycleGANRecipe(), seed: 1) }
    #expect(error.place == "train.identity-weight")
    #expect(error.message == "an identity loss between images of 1 and of 3 channels")
  }

  /// A configuration as the first checkpoints have it: settings that it does not name have their defaults.
  @Test func configurationsOfOldCheckpointsAreRead() throws {
    let old: JSONValue = [
      "blocks": 2, "filters": 8, "discriminator-layers": 1, "discriminator-filters": 6, "height": 16, "width": 12,
      "channels-a": 1, "channels-b": 3,
    ]
    let read = try old.decoded(as: CycleGANConfiguration.self).checked()
    var model = CycleGANModel()
    (model.blocks, model.filters, model.discriminatorLayers, model.discriminatorFilters) = (2, 8, 1, 6)
    #expect(try read == CycleGANConfiguration(model, height: 16, width: 12, channelsA: 1, channelsB: 3))
    model.noise = 5
    let noisy = try CycleGANConfiguration(model, height: 16, width: 12)
    #expect(try JSONValue(encoding: noisy).decoded(as: CycleGANConfiguration.self) == noisy && noisy != read)
  }

  // MARK: Weights

  private func generator(blocks: Int = 1, filters: Int = 2) -> ResNetGenerator {
    var random = randomNumbers("generator")
    return ResNetGenerator(blocks: blocks, filters: filters, using: &random)
  }

  private func checkpoint(_ network: some Module) -> Checkpoint {
    var checkpoint = Checkpoint()
    checkpoint.store(network)
    return checkpoint
  }

  @Test func badWeightsAreNamed() throws {
    let saved = checkpoint(generator())
    func message(_ blocks: Int = 1, filters: Int = 2, _ change: (inout Checkpoint) -> Void = { _ in }) throws -> String
    {
      var changed = saved
      change(&changed)
      let error = try failure { try changed.restore(published: generator(blocks: blocks, filters: filters)) }
      #expect(error.kind == .badData && error.remedy != nil)
      return error.message
    }
    #expect(
      try message { $0.tensors["model.10.conv_block.5.weight"] = nil }
        == "the weights lack model.10.conv_block.5.weight")
    #expect(
      try message(filters: 3)
        == "model.1.weight has shape [2, 3, 7, 7] in the weights and [3, 3, 7, 7] in the model")
    #expect(
      try message { $0.tensors["model.11.bias"] = .zeros([3]) }
        == "model.11.bias has shape [3] in the weights and [4] in the model")
    #expect(try message(2) == "the weights lack model.11.conv_block.1.weight")
    #expect(try message { $0.tensors["model.99.weight"] = .zeros([1]) }.contains("model.99.weight"))
    // Batch normalization, with scales beside its statistics.
    let batch = try message {
      for (name, value) in [("weight", Tensor.ones([2])), ("bias", .zeros([2])), ("running_mean", .zeros([2]))] {
        $0.tensors["model.2.\(name)"] = value
      }
    }
    #expect(batch == "the weights hold model.2.bias, which the model does not have")
  }

  /// Names and statistics of the repository's older files; the weights are the same.
  @Test(arguments: ["", "module.", "_orig_mod.module."]) func publishedWeightsAreRead(prefix: String) throws {
    let (saved, loaded) = (generator(), generator())
    for parameter in saved.parameters { parameter.value = parameter.value + 0.25 }
    var old = Checkpoint()
    for (name, tensor) in saved.state { old.tensors[prefix + name] = tensor }
    for norm in ["model.2", "model.5", "model.10.conv_block.2", "model.10.conv_block.6"] {
      old.tensors["\(prefix)\(norm).running_mean"] = .zeros([2])
      old.tensors["\(prefix)\(norm).running_var"] = .ones([2])
      old.tensors["\(prefix)\(norm).num_batches_tracked"] = Tensor(3)
    }
    try old.restore(published: loaded)
    #expect(loaded.state.bits == saved.state.bits)
    // Inside a file of several networks.
    let again = generator()
    var several = Checkpoint()
    for (name, tensor) in old.tensors { several.tensors["G_A.\(name)"] = tensor }
    try several.restore(published: again, from: "G_A")
    #expect(again.state.bits == saved.state.bits)
  }

  @Test func checkpointsOfAnotherTrainingAreNamed() throws {
    let gan = try Gratings().gan()
    gan.train(1)
    func error(pool: Int = 50, _ change: (inout Checkpoint) -> Void = { _ in }) throws -> String {
      var checkpoint = gan.checkpoint
      change(&checkpoint)
      let other = try Gratings().gan { $0.poolSize = pool }
      let error = try failure { try other.restore(from: checkpoint) }
      #expect(error.kind == .badData && error.remedy != nil)
      return error.description
    }
    #expect(try error { $0.tensors["G_B.model.1.weight"] = nil }.contains("entry G_B: the weights lack model.1.weight"))
    #expect(
      try error { $0.tensors["D_A.model.8.bias"] = .zeros([2]) }.contains("entry D_A: model.8.bias has shape [2]"))
    #expect(
      try error { $0.tensors["__optimizer.D.second_moment.1"] = nil }.contains("the optimizer's second_moment.1"))
    #expect(try error { $0.metadata["__pool.B"] = nil }.contains("the checkpoint holds no image pool B"))
    #expect(try error { $0.metadata["__pool.B"] = "-1" }.contains("entry __pool.B"))
    #expect(try error { $0.tensors["__pool.A"] = nil }.contains("entry __pool.A: the images of the pool are missing"))
    #expect(
      try error { $0.tensors["__pool.A"] = .zeros([2, 8, 16, 1]) }
        .contains("the image pool has shape [2, 8, 16, 1] in the checkpoint and [2, 12, 16, 1] here"))
    #expect(try error(pool: 1).contains("the image pool has 2 images in the checkpoint and at most 1 here"))
    #expect(try error { $0.metadata["__random.pool_A"] = "x" }.contains("x is not the state of a random generator"))
    #expect(try error { $0.metadata["step"] = nil }.contains("the checkpoint holds no number of steps"))
  }
}

/// A choice of networks, for square images.
struct Networks: Sendable {
  let side: Int
  let change: @Sendable (inout CycleGANModel) -> Void

  init(side: Int = 16, _ change: @escaping @Sendable (inout CycleGANModel) -> Void) {
    (self.side, self.change) = (side, change)
  }
}

/// A setting that is refused.
struct Refusal: Sendable, CustomTestStringConvertible {
  let place, message: String
  let change: @Sendable (inout CycleGANModel, inout CycleGANRecipe) -> Void
  var testDescription: String { message }

  init(
    _ place: String, _ message: String,
    _ change: @escaping @Sendable (inout CycleGANModel, inout CycleGANRecipe) -> Void
  ) {
    (self.place, self.message, self.change) = (place, message, change)
  }
}
