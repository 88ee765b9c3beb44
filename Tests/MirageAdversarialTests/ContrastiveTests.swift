import MirageAdversarial
import MirageLearning
import MirageNetworks
import MirageSupport
import MirageTensors
import TestSupport
import Testing

/// CUT and FastCUT: their steps against PyTorch, and what patches, steps and checkpoints promise. Counts of nodes and memory
/// are of the whole process: these tests run alone (`--no-parallel`).
@Suite(.serialized) struct ContrastiveTests {
  private let directory = TemporaryDirectory()

  // MARK: Golden values

  @Test(arguments: GoldenFile.translation.rows("contrastive")) func stepsArePyTorchs(_ row: GoldenRow) throws {
    let name = row.testDescription
    struct Images: Decodable { var height, width, channels, batch: Int }
    let images: Images = row.decoded("configuration")
    let configuration = try ContrastiveConfiguration(
      row.decoded("configuration"), height: images.height, width: images.width, channelsA: images.channels,
      channelsB: images.channels)
    struct Losses: Decodable {
      var method: ContrastiveRecipe.Method
      var contrastWeight, learningRate, temperature: Double
      var patches: Int
    }
    let losses: Losses = row.decoded("recipe")
    var recipe = ContrastiveRecipe()
    (recipe.method, recipe.contrastWeight, recipe.patches) = (losses.method, losses.contrastWeight, losses.patches)
    (recipe.learningRate, recipe.temperature) = (losses.learningRate, losses.temperature)
    let gan = try ContrastiveGAN(configuration, recipe, seed: 1)
    var begin = gan.checkpoint
    let weights = begin.tensors.filter { !$0.key.hasPrefix("__") }
    begin.tensors.merge(try drawn(row.decoded("initial"), like: weights, name)) { $1 }
    try gan.restore(from: begin)

    let (factors, states): ([Float], [GoldenState]) = (row.decoded("factors"), row.decoded("states"))
    let measures: [[String: [Double]]] = row.decoded("measures")
    #expect(factors.count == states.count && factors.count == measures.count)
    for (step, (factor, expected)) in zip(factors, states).enumerated() {
      func real(_ domain: String) -> Tensor {
        var random = randomNumbers("\(name)/\(domain)/\(step)")
        return .uniform(
          [images.batch, images.height, images.width, images.channels], in: -1...1, using: &random)
      }
      let found = gan.step(real("A"), real("B"), learningRateFactor: factor).byName
      #expect(found.keys.sorted() == measures[step].keys.sorted())
      for (measure, value) in measures[step] {
        let error = abs(Double(found[measure] ?? .nan) - value[0])
        #expect(error <= value[1], "\(name): \(measure) of step \(step), \(value[0])")
      }
      var state = namedState(of: gan)
      state["fake"] = gan.generator(real("A"), .inference)
      #expect(Set(state.keys) == Set(expected.names + row.decoded("noise", as: [String].self)))
      try expectRows(
        state, row.file.tensor(named: expected.rows), names: expected.names, tolerances: expected.tolerances,
        "\(name) after step \(step)")
    }
  }

  /// All state under the golden file's names; of the optimizers the first moments, under their parameters' names.
  private func namedState(of gan: ContrastiveGAN) -> [String: Tensor] {
    let checkpoint = gan.checkpoint
    var state = checkpoint.tensors.filter { !$0.key.hasPrefix("__") }
    let networks: [(String, [(String, any Module)])] = [
      ("G", [("G", gan.generator), ("F", gan.heads)]), ("D", [("D", gan.discriminator)]),
    ]
    for (optimizer, networks) in networks {
      let names = networks.flatMap { name, network in ParameterNames(network).names.map { "\(name).\($0)" } }
      for (index, name) in names.enumerated() {
        state["slot.\(name)"] = checkpoint.tensors["__optimizer.\(optimizer).first_moment.\(index)"]
      }
    }
    return state
  }

  // MARK: Features and patches

  /// The layers of the encoder: the padded image, both halving convolutions, the first and the middle block.
  @Test func featuresAreOnesOfTheEncoder() {
    #expect(ResNetGenerator.featureLayers(blocks: 9) == [0, 4, 7, 10, 14])
    #expect(ResNetGenerator.featureLayers(blocks: 6) == [0, 4, 7, 10, 12])
    #expect(ResNetGenerator.featureLayers(blocks: 2) == [0, 4, 7, 10, 11])
    #expect(ResNetGenerator.featureLayers(blocks: 1) == [0, 4, 7, 10])
    #expect(ResNetGenerator.featureLayers(blocks: 0) == [0, 4, 7])
    var random = randomNumbers("features")
    let generator = ResNetGenerator(blocks: 3, filters: 2, inputs: 1, outputs: 1, using: &random)
    let images = Tensor.uniform([2, 12, 16, 1], in: -1...1, using: &random)
    let layers = ResNetGenerator.featureLayers(blocks: 3)
    var shapes: [[Int]] = []
    let translated = generator(images, .inference, observing: layers) { place, map in
      #expect(place == shapes.count)
      shapes.append(map.shape)
    }
    #expect(shapes == [[2, 18, 22, 1], [2, 6, 8, 4], [2, 3, 4, 8], [2, 3, 4, 8], [2, 3, 4, 8]])
    #expect(shapes.map { $0[3] } == ResNetGenerator.featureChannels(blocks: 3, filters: 2, inputs: 1))
    #expect(translated.values == generator(images, .inference).values)
    var encoded: [[Int]] = []
    generator.encode(images, .inference, observing: layers) { encoded.append($1.shape) }
    #expect(encoded == shapes)
  }

  @Test(arguments: [5, 12, 100]) func placesAreDifferentAndOfTheirImage(count: Int) {
    var random = randomNumbers("places")
    let places = PatchPlaces(count, in: [3, 3, 4, 2], using: &random)
    let each = min(count, 12)
    #expect(places.rows.count == 3 * each && Set(places.rows).count == 3 * each)
    for image in 0..<3 {
      #expect(places.rows[image * each..<(image + 1) * each].allSatisfy { $0 / 12 == image })
    }
    let again = PatchPlaces(count, in: [3, 3, 4, 2], using: &random)
    #expect(again.rows != places.rows)
    // Every place is as likely as another.
    var hits = [Int](repeating: 0, count: 12)
    for _ in 0..<600 { PatchPlaces(3, in: [1, 3, 4, 1], using: &random).rows.forEach { hits[$0] += 1 } }
    #expect(hits.allSatisfy { (100...200).contains($0) }, "\(hits)")
  }

  @Test func mirroredPlacesAreThoseOfTheMirroredMap() {
    var random = randomNumbers("mirror")
    let map = Tensor.uniform([2, 3, 5, 4], in: -1...1, using: &random)
    let places = PatchPlaces(7, in: map.shape, using: &random)
    #expect(
      places.features(of: map.flipped(axis: 2), isMirrored: true).values == places.features(of: map).values)
  }

  /// A patch recognizes its own place: the loss is 0 at best, greater for other places, and log(places) without any order.
  @Test func theLossIsLowerWherePatchesCorrespond() throws {
    var random = randomNumbers("loss")
    let places = PatchPlaces(8, in: [2, 5, 5, 16], using: &random)
    let map = Tensor.normal([2, 5, 5, 16], using: &random)
    let vectors = places.features(of: map)
    let units = vectors / vectors.square().sum(axes: [1], keepingDimensions: true).sqrt()
    func loss(_ keys: Tensor) -> Float { places.loss(units, keys, temperature: 0.07).scalar }
    #expect(loss(units) < 0.05)
    // Keys of the next place of the same image; those of the other image would not be negatives either.
    let shuffled = units.gathered((0..<16).map { $0 / 8 * 8 + ($0 + 1) % 8 }, axis: 0)
    #expect(loss(shuffled) > 5)
    #expect(abs(loss(.zeros(units.shape)) - Float(PortableMath.log(8))) < 1e-5)
    let noisy = units + .normal(units.shape, standardDeviation: 0.1, using: &random)
    #expect(loss(units) < loss(noisy) && loss(noisy) < loss(shuffled))
  }

  /// Vectors of length 1; also of features without any contrast.
  @Test func headsMakeUnitVectors() {
    var random = randomNumbers("heads")
    let heads = ProjectionHeads(channels: [3, 6], width: 10, using: &random)
    #expect(heads.state["mlp_1.0.weight"]?.shape == [10, 6] && heads.state["mlp_0.2.bias"]?.shape == [10])
    let found = heads(.normal([5, 6], using: &random), layer: 1, .inference)
    #expect(found.square().sum(axes: [1]).values.allSatisfy { abs($0 - 1) < 1e-3 })
    let flat = heads(.zeros([2, 3]), layer: 0, .training(random)).sum()
    #expect(heads.gradients(of: flat).allSatisfy { $0.values.allSatisfy(\.isFinite) })
  }

  // MARK: Steps

  /// The gradient of the contrastive loss reaches all layers of the heads and of the generator.
  @Test(arguments: ContrastiveRecipe.Method.allCases) func aStepChangesAllNetworks(_ method: ContrastiveRecipe.Method)
    throws
  {
    let gan = try Gratings().contrastiveGAN { $0.method = method }
    let before = gan.checkpoint.tensors
    let measures = gan.train(1)[0]
    #expect(measures.byName.values.allSatisfy { $0.isFinite && $0 > 0 })
    #expect((measures.identityContrast != nil) == (method == .cut))
    let after = gan.checkpoint.tensors
    for (name, tensor) in before where name.hasSuffix("weight") && !name.hasPrefix("__") {
      #expect(after[name]!.values != tensor.values, "\(name)")
    }
  }

  @Test func aLearningRateOfZeroChangesNoWeight() throws {
    let gan = try Gratings().contrastiveGAN()
    let before = gan.checkpoint.tensors
    _ = gan.step(Gratings().batch("A", 0), Gratings().batch("B", 0), learningRateFactor: 0)
    let after = gan.checkpoint.tensors
    for (name, tensor) in before where !name.hasPrefix("__") {
      #expect(after[name]!.values == tensor.values, "\(name)")
    }
    #expect(gan.steps == 1)
  }

  /// Without the contrastive loss the heads get no gradient.
  @Test func aWeightOfZeroLeavesTheHeads() throws {
    let gan = try Gratings().contrastiveGAN { $0.contrastWeight = 0 }
    let (heads, generator) = (gan.heads.state.bits, gan.generator.state.bits)
    let measures = gan.train(2)
    #expect(measures.allSatisfy { $0.contrast == 0 && $0.generatorLoss == $0.adversarial })
    #expect(gan.heads.state.bits == heads && gan.generator.state.bits != generator)
  }

  @Test func domainsMayHaveBatchesOfDifferentSize() throws {
    let one = Gratings().batch("A", 0).sliced(axis: 0, 0..<1)
    for method in ContrastiveRecipe.Method.allCases {
      let gan = try Gratings().contrastiveGAN { $0.method = method }
      #expect(gan.step(one, Gratings().batch("B", 0)).generatorLoss.isFinite)
    }
  }

  @Test func stepsLeaveNoNodeAndTakeNoMemory() throws {
    for method in ContrastiveRecipe.Method.allCases {
      let gan = try Gratings().contrastiveGAN { $0.method = method }
      onOneThread {
        gan.train(6)
        let (nodes, memory) = (recordedOperations, Pool.statistics)
        gan.train(6)
        #expect(recordedOperations == nodes)
        #expect(Pool.statistics.bytesAllocated == memory.bytesAllocated)
      }
    }
  }

  /// Patches of a translation recognize those of the original better and better.
  @Test func theContrastFalls() throws {
    let measures = onOneThread { try! Gratings().contrastiveGAN { $0.learningRate = 2e-3 }.train(120) }
    func contrast(_ part: ArraySlice<ContrastiveGAN.Measures>) -> Float {
      part.reduce(0) { $0 + $1.contrast } / Float(part.count)
    }
    #expect(contrast(measures.suffix(10)) < 0.85 * contrast(measures.prefix(10)))
  }

  @Test func imagesOfAnotherSizeAreNamed() async throws {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let gan = try Gratings().contrastiveGAN()
      _ = gan.step(Gratings().batch("A", 0), .zeros([2, 12, 12, 1]))
    }
    let message = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
    #expect(
      message.contains("ContrastiveGAN: images of [2, 12, 12, 1] and not of N x [12, 16, 1]"),
      "\(message.prefix(300))")
  }

  // MARK: Settings

  @Test func settingsThatDoNotFitAreNamed() throws {
    func error(
      _ channels: Int = 1, _ change: (inout ContrastiveModel, inout ContrastiveRecipe) -> Void = { _, _ in }
    ) throws -> MirageError {
      var (model, recipe) = (ContrastiveModel(), ContrastiveRecipe())
      change(&model, &recipe)
      return try #require(
        throws: MirageError.self,
        performing: {
          let configuration = try ContrastiveConfiguration(
            model, height: 32, width: 32, channelsA: 1, channelsB: channels)
          _ = try ContrastiveGAN(configuration, recipe, seed: 1)
        })
    }
    #expect(try error(3).message == "CUT compares images of both domains, and these have 1 and 3 channels")
    #expect(try error { model, _ in model.discriminatorLayers = 4 }.place == "model.discriminator-layers")
    #expect(try error { model, _ in model.blocks = 65 }.message == "blocks must be from 0 to 64, not 65")
    #expect(try error { $1.temperature = 0 }.place == "train.temperature")
    #expect(try error { $1.patches = 1 }.message == "patches must be from 2 to 4096, not 1")
    #expect(try error { $1.contrastWeight = -1 }.place == "train.contrast-weight")
    var recipe = ContrastiveRecipe()
    #expect(recipe.weight == 10)
    recipe.method = .cut
    #expect(recipe.weight == 1)
    let configuration = try ContrastiveConfiguration(ContrastiveModel(), height: 32, width: 28)
    #expect(try configuration.checked() == configuration)
  }

  // MARK: Resuming

  @Test(arguments: ContrastiveRecipe.Method.allCases) func resumesBitForBit(_ method: ContrastiveRecipe.Method) throws {
    func gan() throws -> ContrastiveGAN { try Gratings().contrastiveGAN { $0.method = method } }
    try onOneThread {
      let whole = try gan()
      let measures = whole.train(10)
      #expect(Set(measures.map(\.generatorLoss)).count == 10)
      let first = try gan()
      #expect(first.train(5) == Array(measures.prefix(5)))
      try first.checkpoint.write(to: directory.file("half-\(method).safetensors"))

      // This one went elsewhere before.
      let second = try gan()
      second.train(2)
      try second.restore(from: Checkpoint(reading: directory.file("half-\(method).safetensors")))
      #expect(second.steps == 5)
      #expect(second.checkpoint.tensors.bits == first.checkpoint.tensors.bits)
      #expect(second.train(5) == Array(measures.suffix(5)))
      #expect(second.checkpoint.tensors.bits == whole.checkpoint.tensors.bits)
      #expect(second.checkpoint.metadata == whole.checkpoint.metadata)
    }
  }

  @Test func checkpointsOfAnotherTrainingAreNamed() throws {
    let gan = try Gratings().contrastiveGAN()
    gan.train(1)
    func error(_ change: (inout Checkpoint) -> Void) throws -> String {
      var checkpoint = gan.checkpoint
      change(&checkpoint)
      return try #require(throws: MirageError.self) { try gan.restore(from: checkpoint) }.description
    }
    #expect(try error { $0.tensors["F.mlp_1.0.weight"] = nil }.contains("entry F: the weights lack mlp_1.0.weight"))
    #expect(try error { $0.tensors["__optimizer.G.second_moment.1"] = nil }.contains("second_moment.1"))
    #expect(try error { $0.metadata["step"] = nil }.contains("the checkpoint holds no number of steps"))
  }

  // MARK: Training loop

  @Test func theTraineeShowsTranslations() throws {
    let gratings = Gratings()
    let coding = ImageCoding(height: 12, width: 16, channels: 1)
    func domain(_ name: String) -> TranslationDomain {
      TranslationDomain(name, coding: coding, images: gratings.batch(name, 0))
    }
    var recipe = ContrastiveRecipe()
    recipe.method = .cut
    let trainee = try ContrastiveTrainee(
      gratings.contrastiveConfiguration(), recipe, a: domain("A"), b: domain("B"), seed: 1)
    let batches = ["A", "B"].map { Batch(images: gratings.batch($0, 0), labels: [0, 0]) }
    let measures = try trainee.step(on: batches, isRecorded: true)
    #expect(measures.contains { $0.name == "loss/identity-contrast" } && trainee.steps == 1)
    #expect(measures.allSatisfy { $0.value.isFinite })
    let exhibits = trainee.exhibits()
    #expect(exhibits.grids.map(\.name) == ["a-to-b"] && exhibits.grids[0].grid.rows.map(\.count) == [2, 2])
    #expect(exhibits.grids[0].caption == "A; translated to B" && exhibits.variation != nil)
    var (all, result) = (Checkpoint(), Checkpoint())
    trainee.store(in: &all)
    trainee.storeResult(in: &result)
    #expect(Set(result.tensors.keys) == Set(all.tensors.keys.filter { $0.hasPrefix("G.") }))
    #expect(throws: MirageError.self) {
      try trainee.step(on: [batches[0], Batch(images: .zeros([0, 12, 16, 1]), labels: [])], isRecorded: false)
    }
  }
}

extension Gratings {
  func contrastiveConfiguration() throws -> ContrastiveConfiguration {
    var model = ContrastiveModel()
    (model.blocks, model.filters, model.discriminatorLayers, model.discriminatorFilters) = (1, 4, 2, 4)
    return try ContrastiveConfiguration(model, height: 12, width: 16, channelsA: 1, channelsB: 1)
  }

  func contrastiveGAN(_ change: (inout ContrastiveRecipe) -> Void = { _ in }) throws -> ContrastiveGAN {
    var recipe = ContrastiveRecipe()
    recipe.patches = 24
    change(&recipe)
    return try ContrastiveGAN(contrastiveConfiguration(), recipe, seed: 1)
  }
}

extension ContrastiveGAN {
  /// Everything that is stored.
  var checkpoint: Checkpoint {
    var checkpoint = Checkpoint()
    store(in: &checkpoint)
    return checkpoint
  }

  /// Steps on gratings, with a learning rate that falls.
  @discardableResult
  func train(_ count: Int) -> [Measures] {
    (0..<count).map { _ in
      let factor = Schedule.linearDecay(after: 4, over: 200).factor(at: steps)
      return step(Gratings().batch("A", steps), Gratings().batch("B", steps), learningRateFactor: factor)
    }
  }
}

extension ContrastiveGAN.Measures {
  /// The measures under the golden file's names.
  var byName: [String: Float] {
    let all: [String: Float?] = [
      "generator-loss": generatorLoss, "adversarial": adversarial, "contrast": contrast,
      "identity-contrast": identityContrast, "discriminator": discriminator,
    ]
    return all.compactMapValues { $0 }
  }
}
