import Foundation
import MirageAdversarial
import MirageNetworks
import MirageSupport
import MirageTensors
import TestSupport
import Testing

/// CycleGAN's networks and steps against PyTorch, and what a step and a checkpoint promise. Counts of nodes and memory are
/// of the whole process: these tests run alone (`--no-parallel`).
@Suite(.serialized) struct CycleGANTests {
  private let directory = TemporaryDirectory()

  // MARK: Golden values

  @Test(arguments: GoldenFile.cycleGAN.rows("generators") + GoldenFile.cycleGAN.rows("discriminators"))
  func networksArePyTorchs(_ row: GoldenRow) throws {
    let section = ["resnet", "unet"].contains(row.decoded("kind", as: String.self)) ? "generators" : "discriminators"
    try expectOutput(network(row), section, row)
  }

  /// Files of torch.save, today's and those of 2017, give the network that PyTorch saved.
  @Test(arguments: GoldenFile.cycleGAN.rows("files")) func savedNetworksAreRead(_ row: GoldenRow) throws {
    let network = network(row)
    let file = repository + "/Tests/Golden/published/\(row.testDescription).pth"
    try Checkpoint(reading: file).restore(published: network)
    var random = randomNumbers("files/\(row.testDescription)/image")
    let image = Tensor.uniform(row.decoded("shape"), in: -1...1, using: &random)
    row.expect(network(image, .inference), row.tensor("output"), "output")
  }

  /// The network of a row, with weights of its own.
  private func network(_ row: GoldenRow) -> any Layer {
    var random = randomNumbers("begin")
    let (filters, inputs): (Int, Int) = (row.decoded("filters"), row.decoded("inputs"))
    let (outputs, dropout): (Int, Bool) = (row.optional("outputs") ?? 1, row.optional("dropout") ?? false)
    let kind: String = row.decoded("kind")
    let normalization = row.optional("normalization") ?? (kind == "unet" ? ImageNormalization.batch : .instance)
    switch kind {
    case "unet":
      return UNetGenerator(
        downs: row.decoded("downs"), filters: filters, inputs: inputs, outputs: outputs, normalization: normalization,
        hasDropout: dropout, using: &random)
    case "patch":
      return PatchDiscriminator(
        layers: row.decoded("layers"), filters: filters, inputs: inputs, normalization: normalization, using: &random)
    case "pixel":
      return PixelDiscriminator(filters: filters, inputs: inputs, normalization: normalization, using: &random)
    default:
      return ResNetGenerator(
        blocks: row.decoded("blocks"), filters: filters, inputs: inputs, outputs: outputs, normalization: normalization,
        hasDropout: dropout, upsampling: row.optional("upsampling") ?? .transposed, using: &random)
    }
  }

  /// The state has PyTorch's names and shapes; with the same weights and image, the output is the same. With dropout, that
  /// of a training differs, and from one random number to another.
  private func expectOutput(_ network: any Layer, _ section: String, _ row: GoldenRow) throws {
    let hasDropout = row.optional("dropout") ?? false
    #expect(network.state.mapValues(\.shape) == row.decoded("shapes"))
    #expect(network.parameterCount == row.decoded("parameters"))
    let path = "\(section)/\(row.testDescription)"
    let drawn = try drawn(row.decoded("initial"), like: network.state.filter { !$0.key.hasSuffix("tracked") }, path)
    try network.load(drawn)
    var random = randomNumbers("\(path)/image")
    let image = Tensor.uniform(row.decoded("shape"), in: -1...1, using: &random)
    let every: Int = row.decoded("every")
    func output(_ mode: Mode) -> Tensor {
      let output = network(image, mode)
      guard every > 1 else { return output }
      let values = output.values
      let chosen = stride(from: 0, to: values.count, by: every).map { values[$0] }
      return Tensor(chosen, shape: [chosen.count])
    }
    row.expect(output(.inference), row.tensor("output"), "inference")
    let training = output(.training(random))
    if hasDropout {
      #expect(training.values != row.tensor("output").values)
      #expect(training.values == output(.training(random)).values)
      #expect(training.values != output(.training(random.derived("other"))).values)
    } else {
      row.expect(training, row.optional("training").map(row.file.tensor) ?? row.tensor("output"), "training")
    }
  }

  @Test(arguments: GoldenFile.cycleGAN.rows("steps")) func stepsArePyTorchs(_ row: GoldenRow) throws {
    let name = row.testDescription
    struct Images: Decodable { var height, width, channelsA, channelsB, batch: Int }
    let images: Images = row.decoded("configuration")
    let configuration = try CycleGANConfiguration(
      row.decoded("configuration"), height: images.height, width: images.width, channelsA: images.channelsA,
      channelsB: images.channelsB)
    struct Losses: Decodable {
      var cycleWeight, identityWeight, learningRate: Double
      var poolSize: Int
      var cycleWeightBack: Double?
      var loss: CycleGANRecipe.Loss
      var identityUntil: Double
      var steps: Int
    }
    let losses: Losses = row.decoded("recipe")
    var recipe = CycleGANRecipe()
    (recipe.cycleWeight, recipe.identityWeight) = (losses.cycleWeight, losses.identityWeight)
    (recipe.learningRate, recipe.poolSize) = (losses.learningRate, losses.poolSize)
    (recipe.cycleWeightBack, recipe.loss) = (losses.cycleWeightBack, losses.loss)
    (recipe.identityUntil, recipe.steps) = (losses.identityUntil, losses.steps)
    let gan = try CycleGAN(configuration, recipe, seed: 1)
    var begin = gan.checkpoint
    let weights = begin.tensors.filter { !$0.key.hasPrefix("__") && !$0.key.hasSuffix("tracked") }
    begin.tensors.merge(try drawn(row.decoded("initial"), like: weights, name)) { $1 }
    for pool in ["pool_A", "pool_B"] {
      begin.metadata["__random.\(pool)"] = randomNumbers("\(name)/\(pool)").description
    }
    try gan.restore(from: begin)

    let (factors, states): ([Float], [GoldenState]) = (row.decoded("factors"), row.decoded("states"))
    let measures: [[String: [Double]]] = row.decoded("measures")
    #expect(factors.count == states.count && factors.count == measures.count)
    for (step, (factor, expected)) in zip(factors, states).enumerated() {
      func real(_ domain: String, _ channels: Int) -> Tensor {
        var random = randomNumbers("\(name)/\(domain)/\(step)")
        return .uniform([images.batch, images.height, images.width, channels], in: -1...1, using: &random)
      }
      let (realA, realB) = (real("A", images.channelsA), real("B", images.channelsB))
      let found = gan.step(realA, realB, learningRateFactor: factor).byName
      #expect(found.keys.sorted() == measures[step].keys.sorted())
      for (measure, value) in measures[step] {
        let error = abs(Double(found[measure] ?? .nan) - value[0])
        #expect(error <= value[1], "\(name): \(measure) of step \(step), \(value[0])")
      }
      var state = namedState(of: gan)
      state["fake_A"] = gan.generatorBA(realB, .inference)
      state["fake_B"] = gan.generatorAB(realA, .inference)
      #expect(Set(state.keys) == Set(expected.names + row.decoded("noise", as: [String].self)))
      try expectRows(
        state, row.file.tensor(named: expected.rows), names: expected.names, tolerances: expected.tolerances,
        "\(name) after step \(step)")
    }
  }

  /// All state under the golden file's names; of the optimizers the first moments, under their parameters' names.
  private func namedState(of gan: CycleGAN) -> [String: Tensor] {
    let checkpoint = gan.checkpoint
    var state = checkpoint.tensors.filter { !$0.key.hasPrefix("__") }
    for pool in ["A", "B"] { state["pool.\(pool)"] = checkpoint.tensors["__pool.\(pool)"] }
    let networks: [(String, [(String, any Layer)])] = [
      ("G", [("G_A", gan.generatorAB), ("G_B", gan.generatorBA)]),
      ("D", [("D_A", gan.discriminatorB), ("D_B", gan.discriminatorA)]),
    ]
    for (optimizer, networks) in networks {
      let names = networks.flatMap { name, network in ParameterNames(network).names.map { "\(name).\($0)" } }
      for (index, name) in names.enumerated() {
        state["slot.\(name)"] = checkpoint.tensors["__optimizer.\(optimizer).first_moment.\(index)"]
      }
    }
    return state
  }

  // MARK: Steps

  /// Published sizes, by the numbers that the repository prints.
  @Test func thePublishedNetworksHaveTheirNumberOfParameters() {
    var random = randomNumbers("sizes")
    #expect(ResNetGenerator(using: &random).parameterCount == 11_378_179)
    #expect(ResNetGenerator(blocks: 6, using: &random).parameterCount == 7_837_699)
    #expect(PatchDiscriminator(using: &random).parameterCount == 2_764_737)
    #expect(UNetGenerator(downs: 7, using: &random).parameterCount == 41_828_995)
    #expect(UNetGenerator(using: &random).parameterCount == 54_413_955)
  }

  /// Weights begin with N(0, 0.02), biases with 0; each network with its own.
  @Test func weightsBeginAsPublished() throws {
    var model = CycleGANModel()
    (model.blocks, model.filters, model.discriminatorFilters) = (1, 16, 16)
    let configuration = try CycleGANConfiguration(model, height: 32, width: 32)
    let gan = try CycleGAN(configuration, CycleGANRecipe(), seed: 3)
    let networks = [gan.generatorAB, gan.generatorBA, gan.discriminatorA, gan.discriminatorB]
    for network in networks {
      for (name, tensor) in network.state {
        if name.hasSuffix("bias") {
          #expect(tensor.values.allSatisfy { $0 == 0 }, "\(name)")
        } else if tensor.count > 2000 {
          #expect(abs(tensor.summary.last! - 0.02) < 0.001, "\(name)")
        }
      }
    }
    #expect(Set(networks.map { $0.parameters[0].value.values }).count == 4)
    let same = try CycleGAN(configuration, CycleGANRecipe(), seed: 3)
    #expect(same.checkpoint.tensors.bits == gan.checkpoint.tensors.bits)
    let other = try CycleGAN(configuration, CycleGANRecipe(), seed: 4)
    #expect(other.generatorAB.state.bits != gan.generatorAB.state.bits)
  }

  /// Scales of batch normalization begin near 1; convolutions before it have no bias.
  @Test func batchNormalizationBeginsAsPublished() {
    var random = randomNumbers("batch")
    let state = UNetGenerator(downs: 5, filters: 32, using: &random).state
    let scales = state.filter { $0.value.rank == 1 && $0.key.hasSuffix("weight") }.flatMap(\.value.values)
    let mean = scales.reduce(0, +) / Float(scales.count)
    let deviation = (scales.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Float(scales.count)).squareRoot()
    #expect(scales.count == 64 + 128 + 256 + 256 + 128 + 64 + 32 && abs(mean - 1) < 0.003)
    #expect(abs(deviation - 0.02) < 0.002)
    #expect(
      state.keys.filter { $0.hasSuffix("bias") && state[$0.replacing("bias", with: "running_var")] == nil }.count == 1)
  }

  @Test func aLearningRateOfZeroChangesNoWeight() throws {
    let gan = try Gratings().gan()
    let before = gan.checkpoint.tensors
    let measures = gan.step(Gratings().batch("A", 0), Gratings().batch("B", 0), learningRateFactor: 0)
    #expect(measures.byName.values.allSatisfy { $0.isFinite && $0 > 0 })
    let after = gan.checkpoint.tensors
    for (name, tensor) in before where !name.hasPrefix("__") {
      #expect(after[name]!.values == tensor.values, "\(name)")
    }
    #expect(gan.steps == 1 && after["__pool.A"]?.shape == [2, 12, 16, 1])
  }

  @Test func withoutIdentityLossItIsNotMeasured() throws {
    let measures = try Gratings().gan { $0.identityWeight = 0 }.train(1)[0]
    #expect(measures.identityA == nil && measures.identityB == nil)
  }

  /// A weight of 0 leaves out the reconstruction, and with it the identity loss whose weight is a fraction of it.
  @Test func eachDomainHasItsCycleWeight() throws {
    let measures = try Gratings().gan { ($0.cycleWeightBack, $0.identityWeight) = (0, 0.25) }.train(1)[0]
    let (a, identity) = (try #require(measures.cycleA), try #require(measures.identityA))
    #expect(measures.cycleB == nil && measures.identityB == nil)
    let total = measures.adversarialAB + measures.adversarialBA + 10 * a + 2.5 * identity
    #expect(abs(measures.generatorLoss - total) < 1e-4 * total)
    let back = try Gratings().gan { ($0.cycleWeight, $0.cycleWeightBack) = (0, 3) }.train(1)[0]
    #expect(back.cycleA == nil && back.identityA == nil && back.cycleB != nil && back.identityB != nil)
    let same = try Gratings().gan { $0.cycleWeightBack = 10 }.train(2)
    #expect(try Gratings().gan().train(2) == same)
  }

  /// Noise has three scales: the whole image, smooth spots, and squares of 4 × 4 pixels. The generator to A has none.
  @Test func noiseIsAFurtherInputToB() throws {
    let gan = try Gratings().gan(noise: 3)
    #expect(gan.generatorAB.state["model.1.weight"]?.shape == [4, 4, 7, 7])
    #expect(gan.generatorBA.state["model.1.weight"]?.shape == [4, 1, 7, 7])
    let images = Gratings().batch("A", 0)
    func input(_ name: String) -> Tensor {
      var random = randomNumbers(name)
      return gan.configuration.withNoise(images, using: &random)
    }
    let found = input("one")
    #expect(found.shape == [2, 12, 16, 4] && found.sliced(axis: 3, 0..<1).values == images.values)
    #expect(Set(found.sliced(axis: 3, 1..<2).values).count == 2, "one number for each image")
    let spots = found.sliced(axis: 3, 2..<3)
    let steps = (spots.sliced(axis: 2, 1..<16) - spots.sliced(axis: 2, 0..<15)).abs()
    #expect(steps.values.max()! < spots.values.max()! - spots.values.min()! && Set(spots.values).count > 2 * 3 * 4)
    let squares = found.sliced(axis: 3, 3..<4)
    let coarse = squares.averagePooled(size: [4], stride: [4], padding: [0])
    #expect(coarse.upsampled(by: 4).values == squares.values && Set(coarse.values).count == 2 * 3 * 4)
    #expect(input("one").values == found.values && input("two").values != found.values)
    // Each image's own random numbers: the same noise beside other images.
    let randoms = [randomNumbers("x"), randomNumbers("y")]
    let both = gan.configuration.withNoise(images, from: randoms)
    let second = gan.configuration.withNoise(images.sliced(axis: 0, 1..<2), from: [randoms[1]])
    #expect(both.sliced(axis: 0, 1..<2).values == second.values)
    #expect(try Gratings().gan().configuration.withNoise(images, from: randoms).values == images.values)
    // The translation depends on it.
    func translated(_ name: String) -> [Float] {
      var random = randomNumbers(name)
      return gan.translatedToB(images, using: &random).values
    }
    gan.train(2)
    #expect(translated("one") == translated("one") && translated("one") != translated("two"))
  }

  /// From a fraction of the steps on, the identity loss is neither computed nor part of the loss.
  @Test func theIdentityLossEnds() throws {
    let gan = try Gratings().gan { ($0.steps, $0.identityUntil) = (8, 0.3) }
    let measures = gan.train(4)
    #expect(measures.map { $0.identityA != nil } == [true, true, false, false])
    let last = measures[3]
    let total = last.adversarialAB + last.adversarialBA + 10 * (last.cycleA! + last.cycleB!)
    #expect(abs(last.generatorLoss - total) < 1e-4 * total)
    #expect(try Gratings().gan { $0.identityUntil = 0 }.train(1)[0].identityB == nil)
  }

  /// At first a translation is 0.95 of the image, with and without noise; then it moves away.
  @Test(arguments: [CycleGANModel.Network.resnet, .unet128]) func generatorsMayStartNearTheIdentity(
    _ network: CycleGANModel.Network
  ) throws {
    var model = CycleGANModel()
    (model.network, model.filters, model.discriminatorFilters, model.noise) = (network, 2, 2, 2)
    model.startsNearIdentity = true
    let side = network == .resnet ? 16 : 128
    let configuration = try CycleGANConfiguration(model, height: side, width: side)
    let gan = try CycleGAN(configuration, CycleGANRecipe(), seed: 1)
    model.startsNearIdentity = false
    let plain = try CycleGAN(CycleGANConfiguration(model, height: side, width: side), CycleGANRecipe(), seed: 1)
    #expect(gan.generatorAB.state.mapValues(\.shape) == plain.generatorAB.state.mapValues(\.shape))
    var random = randomNumbers("near")
    let images = Tensor.uniform([2, side, side, 3], in: -1...1, using: &random)
    func errors() -> [Float] {
      [gan.translatedToB(images, using: &random), gan.translatedToA(images)].map {
        ($0 - images * 0.95).abs().values.max()!
      }
    }
    #expect(errors().allSatisfy { $0 < 1e-6 })
    _ = gan.step(images, -images)
    #expect(errors().allSatisfy { $0 > 1e-5 })
    // It is the sum before the hyperbolic tangent.
    let (input, inner) = (
      Tensor([-0.9, 0.2, 1], shape: [1, 1, 1, 3]), Tensor([0.3, -0.8, 0.99], shape: [1, 1, 1, 3])
    )
    let found = NearIdentityGenerator(Constant(value: inner), channels: 3)(input, .inference).values
    for (value, (x, t)) in zip(found, zip(input.values, inner.values)) {
      #expect(abs(Double(value) - tanh(atanh(0.95 * Double(x)) + atanh(Double(t)))) < 1e-5)
    }
  }

  /// A layer with one output.
  private struct Constant: Layer {
    let value: Tensor
    func callAsFunction(_ x: consuming Tensor, _ mode: Mode) -> Tensor { value }
    func visit(_ visitor: inout some StateVisitor) {}
  }

  @Test(arguments: CycleGANRecipe.Loss.allCases)
  func domainsMayHaveBatchesOfDifferentSize(_ loss: CycleGANRecipe.Loss) throws {
    let gan = try Gratings().gan { $0.loss = loss }
    let one = Gratings().batch("A", 0).sliced(axis: 0, 0..<1)
    #expect(gan.step(one, Gratings().batch("B", 0)).generatorLoss.isFinite)
    #expect(gan.checkpoint.tensors["__pool.B"]?.shape[0] == 1 && gan.checkpoint.tensors["__pool.A"]?.shape[0] == 2)
  }

  @Test func stepsLeaveNoNodeAndTakeNoMemory() throws {
    let gan = try Gratings().gan { $0.poolSize = 3 }
    onOneThread {
      gan.train(4)
      let (nodes, memory) = (recordedOperations, Pool.statistics)
      gan.train(10)
      #expect(recordedOperations == nodes)
      #expect(Pool.statistics.bytesAllocated == memory.bytesAllocated)
    }
  }

  /// Translations there and back come nearer to where they began.
  @Test func theCycleErrorFalls() throws {
    let measures = onOneThread { try! Gratings().gan { $0.learningRate = 2e-3 }.train(120) }
    func error(_ part: ArraySlice<CycleGAN.Measures>) -> Float {
      part.reduce(0) { $0 + ($1.cycleA ?? .nan) + ($1.cycleB ?? .nan) } / Float(2 * part.count)
    }
    #expect(error(measures.suffix(5)) < 0.6 * error(measures.prefix(5)))
  }

  @Test func imagesOfAnotherSizeAreNamed() async throws {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let gan = try Gratings().gan()
      _ = gan.step(Gratings().batch("A", 0), .zeros([2, 12, 12, 1]))
    }
    let message = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
    #expect(message.contains("CycleGAN: images of [2, 12, 12, 1] and not of N x [12, 16, 1]"), "\(message.prefix(300))")
    let small = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      var random = randomNumbers("small")
      _ = ResNetGenerator(blocks: 0, filters: 2, using: &random)(.zeros([1, 8, 10, 3]), .inference)
    }
    #expect(
      String(decoding: try #require(small).standardErrorContent, as: UTF8.self)
        .contains("ResNetGenerator: images of [1, 8, 10, 3]"))
    let levels = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      var random = randomNumbers("small")
      _ = UNetGenerator(downs: 5, filters: 1, using: &random)(.zeros([1, 32, 48, 3]), .inference)
    }
    #expect(
      String(decoding: try #require(levels).standardErrorContent, as: UTF8.self)
        .contains("UNetGenerator: images of [1, 32, 48, 3], whose height and width are not multiples of 32"))
  }

  // MARK: Resuming

  /// With pools that are full and replaced from, filling, and off, and an identity loss that ends.
  @Test(arguments: [3, 50, 0]) func resumesBitForBit(poolSize: Int) throws {
    func gan() throws -> CycleGAN {
      try Gratings().gan {
        ($0.poolSize, $0.steps) = (poolSize, 10)
        if poolSize == 3 { ($0.loss, $0.identityUntil) = (.wassersteinPenalty, 0.7) }
      }
    }
    try onOneThread {
      let whole = try gan()
      let measures = whole.train(10)
      #expect(Set(measures.map(\.generatorLoss)).count == 10)

      let first = try gan()
      #expect(first.train(5) == Array(measures.prefix(5)))
      try first.checkpoint.write(to: directory.file("half-\(poolSize).safetensors"))

      // This one went elsewhere before.
      let second = try gan()
      second.train(2)
      try second.restore(from: Checkpoint(reading: directory.file("half-\(poolSize).safetensors")))
      #expect(second.steps == 5)
      #expect(second.checkpoint.tensors.bits == first.checkpoint.tensors.bits)
      #expect(second.train(5) == Array(measures.suffix(5)))
      #expect(second.checkpoint.tensors.bits == whole.checkpoint.tensors.bits)
      #expect(second.checkpoint.metadata == whole.checkpoint.metadata)
    }
  }

  @Test func noiseContinuesBitForBit() throws {
    try onOneThread {
      let (whole, second) = (try Gratings().gan(noise: 2), try Gratings().gan(noise: 2))
      let measures = whole.train(3)
      try second.restore(from: whole.checkpoint)
      #expect(whole.train(2) == second.train(2))
      #expect(second.checkpoint.tensors.bits == whole.checkpoint.tensors.bits)
      #expect(try Gratings().gan(noise: 2).train(3) == measures)
    }
  }

  @Test func anUntrainedStateIsRestoredToo() throws {
    let (fresh, other) = (try Gratings().gan(), try Gratings().gan())
    other.train(3)
    try other.restore(from: fresh.checkpoint)
    #expect(other.steps == 0 && other.checkpoint.tensors["__pool.A"] == nil)
    #expect(other.train(2) == fresh.train(2))
    #expect(other.checkpoint.tensors.bits == fresh.checkpoint.tensors.bits)
  }

  /// The pools and the optimizers are not forgotten: without one of them the rest would differ.
  @Test func everyPartOfTheStateMatters() throws {
    let gan = try Gratings().gan { $0.poolSize = 3 }
    gan.train(4)
    let checkpoint = gan.checkpoint
    func later(_ change: (inout Checkpoint) -> Void) throws -> [String: [UInt32]] {
      var changed = checkpoint
      change(&changed)
      let other = try Gratings().gan { $0.poolSize = 3 }
      try other.restore(from: changed)
      other.train(4)
      return other.checkpoint.tensors.bits
    }
    let expected = try later { _ in }
    #expect(try later { $0.tensors["__pool.A"] = $0.tensors["__pool.A"]!.flipped(axis: 0) } != expected)
    #expect(try later { $0.metadata["__random.pool_B"] = randomNumbers("other").description } != expected)
    for entry in ["__optimizer.G.second_moment.0", "__optimizer.D.first_moment.2", "D_B.model.0.bias"] {
      #expect(try later { $0.tensors[entry] = $0.tensors[entry]! * 2 + 0.1 } != expected, "\(entry)")
    }
  }
}

/// Unpaired domains in miniature, 12 × 16 × 1: A has stripes from left to right, B from top to bottom.
struct Gratings {
  /// Two images of a domain, the same in every run.
  func batch(_ domain: String, _ step: Int) -> Tensor {
    var random = randomNumbers("gratings/\(domain)/\(step)")
    let values = (0..<2).flatMap { _ -> [Float] in
      let (phase, light) = (random.integer(in: 0...3), Float(random.uniform(in: 0.4...0.9)))
      return (0..<12 * 16).map { place in
        let along = domain == "A" ? place / 16 : place % 16
        return (along + phase) % 4 < 2 ? light : -light
      }
    }
    return Tensor(values, shape: [2, 12, 16, 1])
  }

  func gan(noise: Int = 0, _ change: (inout CycleGANRecipe) -> Void = { _ in }) throws -> CycleGAN {
    var (model, recipe) = (CycleGANModel(), CycleGANRecipe())
    (model.blocks, model.filters, model.discriminatorLayers, model.discriminatorFilters) = (1, 4, 2, 4)
    model.noise = noise
    change(&recipe)
    let configuration = try CycleGANConfiguration(model, height: 12, width: 16, channelsA: 1, channelsB: 1)
    return try CycleGAN(configuration, recipe, seed: 1)
  }
}

extension CycleGAN {
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

extension CycleGAN.Measures {
  /// The measures under the golden file's names.
  var byName: [String: Float] {
    let all: [String: Float?] = [
      "generator-loss": generatorLoss, "adversarial-a-b": adversarialAB, "adversarial-b-a": adversarialBA,
      "cycle-a": cycleA, "cycle-b": cycleB, "identity-a": identityA, "identity-b": identityB,
      "discriminator-a": discriminatorA, "discriminator-b": discriminatorB,
    ]
    return all.compactMapValues { $0 }
  }
}
