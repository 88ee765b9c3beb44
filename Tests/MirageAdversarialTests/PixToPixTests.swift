import MirageAdversarial
import MirageLearning
import MirageNetworks
import MirageSupport
import MirageTensors
import TestSupport
import Testing

/// pix2pix: its steps against PyTorch, and what settings, steps and checkpoints promise. Counts of nodes and memory are of the
/// whole process: these tests run alone (`--no-parallel`).
@Suite(.serialized) struct PixToPixTests {
  private let directory = TemporaryDirectory()

  // MARK: Golden values

  @Test(arguments: GoldenFile.translation.rows("pix-to-pix")) func stepsArePyTorchs(_ row: GoldenRow) throws {
    let name = row.testDescription
    struct Images: Decodable {
      var height, width, channelsA, channelsB, batch, filters, discriminatorLayers, discriminatorFilters: Int
      var downs, blocks: Int?
      var network: PixToPixModel.Network
      var normalization: ImageNormalization
      var dropout: Bool
    }
    let images: Images = row.decoded("configuration")
    var (model, recipe) = (PixToPixModel(), PixToPixRecipe())
    (model.network, model.downs, model.blocks, model.filters) = (
      images.network, images.downs, images.blocks, images.filters
    )
    (model.normalization, model.dropout) = (images.normalization, images.dropout)
    (model.discriminatorLayers, model.discriminatorFilters) = (images.discriminatorLayers, images.discriminatorFilters)
    struct Losses: Decodable {
      var loss: PixToPixRecipe.Loss
      var l1Weight, learningRate: Double
    }
    let losses: Losses = row.decoded("recipe")
    (recipe.loss, recipe.l1Weight, recipe.learningRate) = (losses.loss, losses.l1Weight, losses.learningRate)
    let configuration = try PixToPixConfiguration(
      model, height: images.height, width: images.width, channelsA: images.channelsA, channelsB: images.channelsB)
    let gan = try PixToPix(configuration, recipe, seed: 1)
    var begin = gan.checkpoint
    let weights = begin.tensors.filter { !$0.key.hasPrefix("__") && !$0.key.hasSuffix("tracked") }
    begin.tensors.merge(try drawn(row.decoded("initial"), like: weights, name)) { $1 }
    try gan.restore(from: begin)

    let (factors, states): ([Float], [GoldenState]) = (row.decoded("factors"), row.decoded("states"))
    let measures: [[String: [Double]]] = row.decoded("measures")
    #expect(factors.count == states.count && factors.count == measures.count)
    for (step, (factor, expected)) in zip(factors, states).enumerated() {
      func drawnImages(_ domain: String, _ channels: Int) -> Tensor {
        var random = randomNumbers("\(name)/\(domain)/\(step)")
        return .uniform([images.batch, images.height, images.width, channels], in: -1...1, using: &random)
      }
      let inputs = drawnImages("A", images.channelsA)
      let found = gan.step(inputs, drawnImages("B", images.channelsB), learningRateFactor: factor).byName
      #expect(found.keys.sorted() == measures[step].keys.sorted())
      for (measure, value) in measures[step] {
        let error = abs(Double(found[measure] ?? .nan) - value[0])
        #expect(error <= value[1], "\(name): \(measure) of step \(step), \(value[0])")
      }
      var state = namedState(of: gan)
      let generator = gan.generator
      state["fake"] = generator(inputs, .inference)
      #expect(Set(state.keys) == Set(expected.names + row.decoded("noise", as: [String].self)))
      try expectRows(
        state, row.file.tensor(named: expected.rows), names: expected.names, tolerances: expected.tolerances,
        "\(name) after step \(step)")
    }
  }

  /// All state under the golden file's names; of the optimizers the first moments, under their parameters' names.
  private func namedState(of gan: PixToPix) -> [String: Tensor] {
    let checkpoint = gan.checkpoint
    var state = checkpoint.tensors.filter { !$0.key.hasPrefix("__") }
    for (network, layer) in [("G", gan.generator), ("D", gan.discriminator)] {
      for (index, name) in ParameterNames(layer).names.enumerated() {
        state["slot.\(network).\(name)"] = checkpoint.tensors["__optimizer.\(network).first_moment.\(index)"]
      }
    }
    return state
  }

  // MARK: Settings

  /// As many levels as the size can be halved, up to the published 8.
  @Test(arguments: [(28, 2), (32, 5), (48, 4), (64, 6), (128, 7), (256, 8), (512, 8)])
  func levelsFollowTheSize(side: Int, downs: Int) throws {
    let configuration = try PixToPixConfiguration(PixToPixModel(), height: side, width: side)
    #expect(configuration.model.downs == downs && configuration.model.blocks == nil)
    #expect(try PixToPixConfiguration(PixToPixModel(), height: side, width: 2 * side).model.downs == downs)
    #expect(try configuration.checked() == configuration)
  }

  @Test func theGeneratorMayBeResidual() throws {
    var model = PixToPixModel()
    (model.network, model.filters, model.normalization) = (.resnet, 2, .batch)
    let configuration = try PixToPixConfiguration(model, height: 28, width: 28, channelsA: 1, channelsB: 3)
    #expect(configuration.model.blocks == 3 && configuration.model.downs == nil)
    var random = randomNumbers("residual")
    let generator = configuration.generator(using: &random)
    #expect(generator(.zeros([1, 28, 28, 1]), .inference).shape == [1, 28, 28, 3])
    #expect(generator.state.keys.contains("model.10.conv_block.7.running_mean"))
  }

  @Test func settingsThatDoNotFitAreNamed() throws {
    func error(
      _ height: Int = 32, _ change: (inout PixToPixModel, inout PixToPixRecipe) -> Void = { _, _ in }
    ) throws -> MirageError {
      var (model, recipe) = (PixToPixModel(), PixToPixRecipe())
      (model.filters, model.discriminatorFilters) = (2, 2)
      change(&model, &recipe)
      return try #require(
        throws: MirageError.self,
        performing: {
          _ = try PixToPix(PixToPixConfiguration(model, height: height, width: 32), recipe, seed: 1)
        })
    }
    let odd = try error(30)
    #expect(odd.message == "The U-Net of pix2pix halves the size of images twice, and these are 30 x 32")
    #expect(odd.remedy == "Bring height and width to multiples of 4, with resize or pad.")
    let deep = try error { model, _ in model.downs = 6 }
    #expect(deep.message == "The U-Net of pix2pix halves the size of images 6 times, and these are 32 x 32")
    #expect(try error(0).message.contains("0 x 32"))
    let blocks = try error { model, _ in model.blocks = 3 }
    #expect(
      blocks.message == "blocks is a setting of resnet, and the network is unet" && blocks.place == "model.blocks")
    let downs = try error { model, _ in (model.network, model.downs) = (.resnet, 3) }
    #expect(downs.message == "downs is a setting of unet, and the network is resnet" && downs.place == "model.downs")
    #expect(downs.remedy == "Take it out, or set model.network to unet.")
    #expect(try error { model, _ in model.downs = 1 }.message == "downs must be from 2 to 8, not 1")
    #expect(try error { model, _ in model.discriminatorLayers = 4 }.place == "model.discriminator-layers")
    #expect(try error { _, recipe in recipe.l1Weight = -1 }.place == "train.l1-weight")
    #expect(try error { _, recipe in recipe.learningRate = 0 }.place == "train.learning-rate")
  }

  // MARK: Steps

  @Test(arguments: PixToPixRecipe.Loss.allCases) func aStepChangesBothNetworks(_ loss: PixToPixRecipe.Loss) throws {
    let gan = try Negatives().gan { _, recipe in recipe.loss = loss }
    let before = gan.checkpoint.tensors
    let measures = gan.train(1)[0]
    #expect(measures.byName.values.allSatisfy { $0.isFinite && $0 > 0 })
    #expect(abs(measures.generatorLoss - measures.adversarial - 100 * measures.l1) < 1e-3)
    let after = gan.checkpoint.tensors
    for (name, tensor) in before where name.hasSuffix("weight") && !name.hasPrefix("__") {
      #expect(after[name]!.values != tensor.values, "\(name)")
    }
  }

  @Test func aLearningRateOfZeroChangesNoWeight() throws {
    let gan = try Negatives().gan()
    let before = gan.checkpoint.tensors
    let (inputs, targets) = Negatives().pairs(0)
    _ = gan.step(inputs, targets, learningRateFactor: 0)
    let after = gan.checkpoint.tensors
    for (name, tensor) in before where !name.hasPrefix("__") {
      #expect(after[name]!.values == tensor.values, "\(name)")
    }
    #expect(gan.steps == 1)
  }

  /// The discriminator sees the input beside its translation: with other inputs it learns other weights.
  @Test func theDiscriminatorIsConditional() throws {
    let gan = try Negatives().gan()
    #expect(gan.discriminator.state["model.0.weight"]?.shape == [4, 2, 4, 4])
    let (inputs, targets) = Negatives().pairs(0)
    func discriminator(_ inputs: Tensor) throws -> [String: [UInt32]] {
      let gan = try Negatives().gan { model, _ in model.dropout = false }
      // This generator makes the same of all inputs.
      for parameter in gan.generator.parameters { parameter.value = .zeros(parameter.value.shape) }
      _ = gan.step(inputs, targets)
      return gan.discriminator.state.bits
    }
    #expect(try discriminator(inputs) != discriminator(inputs.flipped(axis: 2)))
  }

  /// Augmentation is what the discriminator sees, not what the translation is compared with.
  @Test func pairsAreAugmented() throws {
    let plain = try Negatives().gan { model, _ in model.dropout = false }
    let augmented = try Negatives().gan {
      $0.dropout = false
      $1.augment = [.translation, .cutout]
    }
    let (first, second) = (plain.train(2), augmented.train(2))
    #expect(first[0].l1 == second[0].l1 && first[0].discriminator != second[0].discriminator)
  }

  /// In training, dropout makes two translations of an image differ; in inference there is one.
  @Test func dropoutIsOffInInference() throws {
    var model = PixToPixModel()
    model.filters = 2
    let configuration = try PixToPixConfiguration(model, height: 64, width: 64, channelsA: 1, channelsB: 1)
    var random = randomNumbers("dropout")
    let generator = configuration.generator(using: &random)
    let images = Tensor.uniform([1, 64, 64, 1], in: -1...1, using: &random)
    let drawn = ["a", "b"].map { generator(images, .training(random.derived($0))).values }
    #expect(drawn[0] != drawn[1])
    #expect(generator(images, .inference).values == generator(images, .inference).values)
  }

  @Test func stepsLeaveNoNodeAndTakeNoMemory() throws {
    let gan = try Negatives().gan()
    onOneThread {
      gan.train(4)
      let (nodes, memory) = (recordedOperations, Pool.statistics)
      gan.train(6)
      #expect(recordedOperations == nodes)
      #expect(Pool.statistics.bytesAllocated == memory.bytesAllocated)
    }
  }

  /// Translations of held-out inputs come nearer to the truth than the inputs are.
  @Test func translationsComeNearTheTruth() throws {
    let gan = try Negatives().gan { _, recipe in recipe.learningRate = 2e-3 }
    let (inputs, targets) = Negatives().pairs(1000)
    let generator = gan.generator
    func error() -> Float { Losses.l1(generator(inputs, .inference), targets).scalar }
    let before = error()
    _ = onOneThread { gan.train(100) }
    #expect(error() < 0.3 * before && error() < 0.3 * Losses.l1(inputs, targets).scalar)
  }

  @Test func pairsThatDoNotFitAreNamed() async throws {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let gan = try Negatives().gan()
      _ = gan.step(.zeros([2, 28, 28, 1]), .zeros([3, 28, 28, 1]))
    }
    let message = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
    #expect(message.contains("PixToPix: 2 inputs and 3 targets"), "\(message.prefix(300))")
  }

  // MARK: Resuming

  @Test(arguments: ImageNormalization.allCases) func resumesBitForBit(_ normalization: ImageNormalization) throws {
    func gan() throws -> PixToPix {
      try Negatives().gan { model, _ in
        (model.network, model.downs, model.normalization) = (.resnet, nil, normalization)
        model.blocks = 1
      }
    }
    try onOneThread {
      let whole = try gan()
      let measures = whole.train(6)
      #expect(Set(measures.map(\.generatorLoss)).count == 6)
      let first = try gan()
      #expect(first.train(3) == Array(measures.prefix(3)))
      try first.checkpoint.write(to: directory.file("half-\(normalization).safetensors"))

      // This one went elsewhere before.
      let second = try gan()
      second.train(2)
      try second.restore(from: Checkpoint(reading: directory.file("half-\(normalization).safetensors")))
      #expect(second.steps == 3)
      #expect(second.checkpoint.tensors.bits == first.checkpoint.tensors.bits)
      #expect(second.train(3) == Array(measures.suffix(3)))
      #expect(second.checkpoint.tensors.bits == whole.checkpoint.tensors.bits)
      #expect(second.checkpoint.metadata == whole.checkpoint.metadata)
    }
  }

  @Test func checkpointsOfAnotherTrainingAreNamed() throws {
    let gan = try Negatives().gan()
    gan.train(1)
    func error(_ change: (inout Checkpoint) -> Void) throws -> String {
      var checkpoint = gan.checkpoint
      change(&checkpoint)
      return try #require(throws: MirageError.self) { try gan.restore(from: checkpoint) }.description
    }
    #expect(
      try error { $0.tensors["G.model.model.0.weight"] = nil }.contains(
        "entry G: the weights lack model.model.0.weight"))
    #expect(try error { $0.tensors["__optimizer.D.second_moment.1"] = nil }.contains("second_moment.1"))
    #expect(try error { $0.metadata["step"] = nil }.contains("the checkpoint holds no number of steps"))
  }

  // MARK: Training loop

  @Test func theTraineeShowsTheTruth() throws {
    let coding = ImageCoding(height: 28, width: 28, channels: 1)
    let (inputs, targets) = Negatives().pairs(0)
    let trainee = try PixToPixTrainee(
      Negatives().configuration(), PixToPixRecipe(), a: .init("pictures", coding: coding, images: inputs),
      b: .init("negatives", coding: coding, images: targets), seed: 1)
    let batches = [Batch(images: inputs, labels: [0, 0]), Batch(images: targets, labels: [0, 0])]
    let measures = try trainee.step(on: batches, isRecorded: true)
    #expect(measures.map { $0.name }.contains("loss/l1") && measures.allSatisfy { $0.value.isFinite })
    #expect(trainee.steps == 1)
    let exhibits = trainee.exhibits()
    #expect(exhibits.grids.map { $0.name } == ["a-to-b"] && exhibits.grids[0].grid.rows.map(\.count) == [2, 2, 2])
    #expect(exhibits.grids[0].caption == "pictures; translated to negatives; the truth")
    var (all, result) = (Checkpoint(), Checkpoint())
    trainee.store(in: &all)
    trainee.storeResult(in: &result)
    #expect(Set(result.tensors.keys) == Set(all.tensors.keys.filter { $0.hasPrefix("G.") }))
    let one = Batch(images: targets.sliced(axis: 0, 0..<1), labels: [0])
    let error = try #require(throws: MirageError.self) { try trainee.step(on: [batches[0], one], isRecorded: false) }
    #expect(error.message == "a batch has 2 inputs and 1 targets")
  }
}

/// Pairs in miniature, 28 × 28 × 1: stripes, and their negatives.
struct Negatives {
  /// Two pairs, the same in every run.
  func pairs(_ step: Int) -> (inputs: Tensor, targets: Tensor) {
    var random = randomNumbers("negatives/\(step)")
    let values = (0..<2).flatMap { _ -> [Float] in
      let (phase, width) = (random.integer(in: 0...6), random.integer(in: 3...7))
      let light = Float(random.uniform(in: 0.4...0.9))
      return (0..<28 * 28).map { ($0 % 28 + phase) % (2 * width) < width ? light : -light }
    }
    let inputs = Tensor(values, shape: [2, 28, 28, 1])
    return (inputs, inputs * -1)
  }

  func configuration(
    _ change: (inout PixToPixModel) -> Void = { _ in }
  ) throws -> PixToPixConfiguration {
    var model = PixToPixModel()
    (model.filters, model.discriminatorLayers, model.discriminatorFilters) = (4, 2, 4)
    change(&model)
    return try PixToPixConfiguration(model, height: 28, width: 28, channelsA: 1, channelsB: 1)
  }

  func gan(_ change: (inout PixToPixModel, inout PixToPixRecipe) -> Void = { _, _ in }) throws -> PixToPix {
    var recipe = PixToPixRecipe()
    let configuration = try self.configuration { change(&$0, &recipe) }
    return try PixToPix(configuration, recipe, seed: 1)
  }
}

extension PixToPix {
  /// Everything that is stored.
  var checkpoint: Checkpoint {
    var checkpoint = Checkpoint()
    store(in: &checkpoint)
    return checkpoint
  }

  /// Steps on negatives, with a learning rate that falls.
  @discardableResult
  func train(_ count: Int) -> [Measures] {
    (0..<count).map { _ in
      let factor = Schedule.linearDecay(after: 4, over: 200).factor(at: steps)
      let (inputs, targets) = Negatives().pairs(steps)
      return step(inputs, targets, learningRateFactor: factor)
    }
  }
}

extension PixToPix.Measures {
  /// The measures under the golden file's names.
  var byName: [String: Float] {
    ["generator-loss": generatorLoss, "adversarial": adversarial, "l1": l1, "discriminator": discriminator]
  }
}
