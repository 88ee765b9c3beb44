import MirageMedia
import MirageStreams
import MirageSupport
import MirageSynthesis
import StreamsTestSupport
import TestSupport
import Testing

/// Training and test samples of the experiments with translations: who sees what, and with which labels.
///
/// A sample that an arm must not see cannot be read. The classical augmentation mirrors all images; domain B is inverted.
@Suite struct ProofDesignTests {
  let directory = TemporaryDirectory()
  private let size = 4
  private let even = Set(stride(from: 0, to: 40, by: 2))
  private let domainB = Set(1000..<1040)

  private func translation(to: [String] = [], target: PipelineSource? = nil) -> CycleTranslation {
    var stage = CycleTranslation(checkpoint: "", from: to.isEmpty ? [] : ["dark"], to: to, target: target)
    (stage.model.blocks, stage.model.filters) = (1, 4)
    (stage.model.discriminatorLayers, stage.model.discriminatorFilters) = (1, 4)
    (stage.train.batch, stage.train.identityWeight) = (2, 0)
    return stage
  }

  private func pipeline(_ source: any SourceComponent, _ stages: any StageComponent...) -> Pipeline {
    Pipeline(seed: 5, source: source, stages: stages + [HorizontalFlip(probability: 1)])
  }

  /// Indices of the samples that the first repetition draws by a subset directly after the source.
  private func drawn(_ subset: Subset) throws -> Set<Int> {
    let flow = LimitedSource(readable: []).flow(in: Context()).running(Run(seed: 5 + 1))
    let chosen = try subset.apply(to: flow, at: StagePath.root.stage(0))
    return try Set((0..<chosen.count).map { try chosen.locate($0, chosen.run).id.index })
  }

  private func training(_ design: any ProofDesign, _ arm: String) async throws -> TrialTraining {
    try await design.training(
      Trial(arm: arm, size: size, seed: 1, models: directory.file("models"), ganSteps: 1, classifierSteps: 1))
  }

  /// Samples of each part of an arm's training data.
  private func samples(_ design: any ProofDesign, _ arm: String) async throws -> [[Sample]] {
    var parts: [[Sample]] = []
    for part in try await training(design, arm).parts { parts.append(try await part.flow.samples()) }
    return parts
  }

  private enum Look { case plain, mirrored, inverted }

  private func look(_ look: Look, _ sample: Sample) -> Bool {
    let (own, real) = (sample.bytes(), light(sample.id.index, height: 8, width: 8).bytes())
    return switch look {
    case .plain: own == real
    case .mirrored: own == mirrored(real)
    case .inverted: zip(own.pixels, real.pixels).allSatisfy { $0 == 255 - $1 }
    }
  }

  private func mirrored(_ image: Image) -> Image {
    var image = image
    let (pixels, width) = (image.pixels, image.width)
    for place in pixels.indices { image.pixels[place] = pixels[place / width * width + width - 1 - place % width] }
    return image
  }

  // MARK: Domain

  private func domain(a: Set<Int>, b: Set<Int>, isLabeled: Bool = false) throws -> DomainDesign {
    let target = PipelineSource(
      LimitedSource(readable: b, first: 1000, side: 8, isLabeled: isLabeled), stages: [Invert(probability: 1)])
    return try DomainDesign(
      pipeline(LimitedSource(readable: a, side: 8), translation(target: target)),
      randomization: pipeline(LimitedSource(readable: []), Invert(probability: 1)))
  }

  @Test func armsWithoutTranslationDoNotSeeTheOtherDomain() async throws {
    let known = try drawn(Subset(perClass: size))
    let design = try domain(a: known, b: [])
    #expect(design.arms.count == 6 && known.count == 2 * size)
    for (arm, expected) in [("A", Look.plain), ("A + classical", .mirrored)] {
      let parts = try await samples(design, arm)
      #expect(parts.count == 1 && Set(parts[0].map(\.id.index)) == known, "\(arm)")
      #expect(parts[0].allSatisfy { look(expected, $0) && $0.label == .index($0.id.index % 2) }, "\(arm)")
    }
    // The stages of the randomization's pipeline, all of them, take the place of the classical ones.
    let randomized = try await samples(design, "domain randomization")
    for sample in randomized[0] {
      let real = mirrored(light(sample.id.index, height: 8, width: 8).bytes())
      #expect(zip(sample.bytes().pixels, real.pixels).allSatisfy { $0 == 255 - $1 })
    }
    await #expect(throws: (any Error).self, "the translation looks at the other domain") {
      _ = try await training(design, "A + translated")
    }
  }

  /// The translation is trained without labels of the other domain; translations have those of their originals.
  @Test func translationsHaveTheLabelsOfTheirOriginals() async throws {
    let known = try drawn(Subset(perClass: size))
    let design = try domain(a: known, b: domainB)
    let parts = try await samples(design, "A + translated")
    #expect(parts.count == 2 && parts[0].allSatisfy { look(.plain, $0) && $0.kind == .real })
    #expect(Set(parts[1].map(\.id.index)) == known && parts[1].count == 2 * size)
    #expect(parts[1].allSatisfy { $0.kind == .synthetic && $0.label == .index($0.id.index % 2) })
    let both = try await samples(design, "A + classical + translated")
    #expect(both.count == 2 && both[0].allSatisfy { look(.mirrored, $0) })
    #expect(both[1].map(\.id) == parts[1].map(\.id) && both[1].map(\.label) == parts[1].map(\.label))
    // What is augmented is translated, not the other way around.
    for (augmented, plain) in zip(both[1], parts[1]) {
      #expect(augmented.kind == .synthetic && augmented.bytes() != plain.bytes())
      #expect(augmented.bytes() != mirrored(plain.bytes()))
    }
  }

  @Test func theCeilingIsTheOtherDomainWithLabels() async throws {
    let parts = try await samples(try domain(a: [], b: domainB, isLabeled: true), "labeled B")
    #expect(parts.count == 1 && parts[0].count == 2 * size)
    #expect(parts[0].allSatisfy { domainB.contains($0.id.index) && look(.inverted, $0) })
    #expect(parts[0].allSatisfy { $0.label == .index($0.id.index % 2) })
    await #expect(throws: MirageError.self, "without labels there is no ceiling") {
      _ = try await training(try domain(a: [], b: domainB), "labeled B")
    }
  }

  /// Stages that choose training samples do not choose among test samples.
  @Test func theOtherDomainIsTestedOnItsWholeTestPart() async throws {
    for (split, count) in [(Split.train, 20), (.test, 12)] {
      try TinyDataset.writeMNIST(directory.file("data"), split: split, count: count, height: 8, width: 8)
    }
    let data = MNIST(directory: directory.file("data"))
    let target = PipelineSource(data, stages: [Skip(10), Invert(probability: 1)])
    let design = try DomainDesign(pipeline(data, Take(10), translation(target: target)), randomization: nil)
    #expect(design.arms.count == 5 && !design.references.contains("domain randomization"))
    let found = try await design.test.fittedFlow().samples()
    let real = try await MNIST(directory: directory.file("data"), split: .test).flow().samples()
    #expect(found.count == 12)
    for (sample, real) in zip(found, real) {
      #expect(sample.label == real.label && sample.bytes().pixels == real.bytes().pixels.map { 255 - $0 })
    }
    let error = #expect(throws: MirageError.self) { try domain(a: [], b: []).test }
    #expect(error?.kind == .usage && error?.remedy?.contains("--test") == true)
  }

  @Test func translationsThatDoNotFitAreRefused() throws {
    let source = LimitedSource(readable: [])
    func refusal(_ make: () throws -> any ProofDesign) -> String {
      let error = #expect(throws: MirageError.self) { _ = try make() }
      #expect(error?.kind == .badPipeline && error?.remedy != nil)
      return error?.message ?? ""
    }
    let toLight = translation(to: ["light"])
    let domains = refusal { try DomainDesign(pipeline(source, toLight), randomization: nil) }
    #expect(domains.contains("has no target"), "\(domains)")
    let classes = refusal { try MinorityDesign(pipeline(source, translation(to: ["light", "dark"]))) }
    #expect(classes.contains("does not lead to one class"), "\(classes)")
    let two = refusal { try MinorityDesign(pipeline(source, toLight, toLight)) }
    #expect(two.contains("has 2 stages"), "\(two)")
    let bare = refusal { try MinorityDesign(Pipeline(source: source, stages: [toLight])) }
    #expect(bare.contains("no augmentation after"), "\(bare)")
  }

  // MARK: Minority

  /// Of the rare class, light, only a few samples can be read; all of the dark ones can.
  private func minority() throws -> MinorityDesign {
    let few = try drawn(Subset(perClass: size, classes: ["light"]))
    #expect(few.isSuperset(of: even) && few.count == 20 + size)
    return try MinorityDesign(pipeline(LimitedSource(readable: few, side: 8), translation(to: ["light"])))
  }

  @Test func theRareClassIsReducedAndItsRivalsRestoreIt() async throws {
    let design = try minority()
    #expect(design.minority == "light")
    let expected: [(arm: String, light: Int, look: Look)] = [
      ("real", size, .plain), ("class weights", size, .plain), ("oversampled", 20, .plain),
      ("oversampled + classical", 20, .mirrored),
    ]
    for (arm, light, expected) in expected {
      let parts = try await samples(design, arm)
      #expect(parts.count == 1 && parts[0].allSatisfy { look(expected, $0) && $0.kind != .synthetic }, "\(arm)")
      let members = parts[0].filter { $0.label == .index(1) }
      #expect(members.count == light && Set(members.map(\.id.index)).count == size, "\(arm)")
      #expect(parts[0].count { $0.label == .index(0) } == 20, "\(arm)")
    }
  }

  /// 20 dark and 4 light samples: both classes have half of the influence, and 1 on average.
  @Test func weightsGiveClassesTheSameInfluence() async throws {
    let design = try minority()
    #expect(try await training(design, "class weights").classWeights == [0.6, 3])
    #expect(try await training(design, "oversampled").classWeights == nil)
  }

  @Test func translationsFollowTheRealSamples() async throws {
    let design = try minority()
    let made = try await samples(design, "translated")
    #expect(made.count == 1 && made[0].count == 24 + 20)
    #expect(made[0].prefix(24).allSatisfy { look(.plain, $0) && $0.kind == .real })
    let translated = made[0].dropFirst(24)
    #expect(translated.allSatisfy { $0.kind == .synthetic && $0.label == .index(1) })
    let originals = translated.compactMap { sample -> Int? in
      guard case .string(let name)? = sample.attributes["translated-from"] else { return nil }
      return SampleID(name)?.index
    }
    #expect(Set(originals) == even)
    let both = try await samples(design, "translated + classical")
    #expect(both[0].map { $0.bytes() } == made[0].map { mirrored($0.bytes()) })
  }
}
