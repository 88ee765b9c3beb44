import MirageAdversarial
import MirageLearning
import MirageMedia
import MirageNetworks
import MirageStreams
import MirageSupport
import MirageSynthesis
import MirageTensors
import StreamsTestSupport
import TestSupport
import Testing

/// Training a CycleGAN between two domains of a pipeline, and translating what flows.
@Suite struct CycleTranslationTests {
  let directory = TemporaryDirectory()

  /// Thirty images of 12 × 12, of three classes in turn.
  private static let source = TestSource(count: 30, classes: ["ant", "bee", "cat"], height: 12, width: 12)

  private func stage(
    _ checkpoint: String = "cycle.safetensors", steps: Int = 3, from: [String] = ["ant"], to: [String] = ["bee"],
    change: (inout CycleTranslation) -> Void = { _ in }
  ) -> CycleTranslation {
    var stage = CycleTranslation(checkpoint: directory.file(checkpoint), from: from, to: to)
    small(&stage, steps: steps)
    change(&stage)
    return stage
  }

  private func small(_ stage: inout CycleTranslation, steps: Int = 3) {
    (stage.model.blocks, stage.model.filters) = (1, 4)
    (stage.model.discriminatorLayers, stage.model.discriminatorFilters) = (1, 4)
    (stage.train.steps, stage.train.batch) = (steps, 2)
    (stage.watch.metric, stage.watch.checkpointEvery) = (.last, 4)
  }

  private func fitted(
    _ stage: CycleTranslation, source: TestSource = source, before: [any StageComponent] = []
  ) async throws -> Flow<Sample> {
    try await SmallStage.fitted(SmallStage.pipeline(stage, source: source, before: before))
  }

  // MARK: What flows out

  @Test func originalsAreKeptReplacedOrDropped() async throws {
    let originals = try await Self.source.flow().running(Run(seed: 3)).samples()
    func samples(_ originals: Translation.Originals) async throws -> [Sample] {
      try await fitted(stage { $0.translate.originals = originals }).samples()
    }
    let (kept, replaced, dropped) = (try await samples(.keep), try await samples(.replace), try await samples(.drop))
    #expect(kept.count == 40 && replaced.count == 30 && dropped.count == 10)
    #expect(zip(kept, originals).allSatisfy { $0.bytes() == $1.bytes() && $0.kind == .real && $0.label == $1.label })
    #expect(Set(kept.map(\.id)).count == 40)
    #expect(kept.dropFirst(30).map { $0.bytes() } == dropped.map { $0.bytes() })
    for (sample, original) in zip(replaced, originals) {
      let isTranslated = original.label == .index(0)
      #expect(sample.id == original.id && (sample.bytes() == original.bytes()) != isTranslated)
      #expect(sample.kind == (isTranslated ? .synthetic : .real))
      #expect(sample.label == (isTranslated ? .index(1) : original.label))
      #expect((sample.attributes["translated-from"] == .string("\(original.id)")) == isTranslated)
    }
  }

  @Test func headersAgreeWithSamples() async throws {
    for originals in Translation.Originals.allCases {
      let flow = try await fitted(stage { $0.translate.originals = originals })
      for (position, slot) in try await flow.slots(workers: 2).enumerated() {
        guard case .element(let sample) = slot else { continue }
        let header = try flow.locate(position, flow.run)
        #expect(header.id == sample.id && header.label == sample.label?.index)
      }
    }
  }

  @Test(arguments: [(nil, 1), ("keep", 0), ("cat", 2), ("2", 2)] as [(String?, Int)])
  func labelsAreSetOrKept(_ label: String?, _ index: Int) async throws {
    let flow = try await fitted(
      stage {
        $0.translate.label = label
        $0.translate.originals = .drop
      })
    #expect(try await flow.samples().allSatisfy { $0.label == .index(index) })
  }

  @Test func backwardTranslatesTheSecondDomain() async throws {
    let flow = try await fitted(
      stage {
        $0.translate.direction = .backward
        $0.translate.originals = .drop
      })
    let samples = try await flow.samples()
    #expect(samples.map(\.id.index) == Array(stride(from: 1, to: 30, by: 3)))
    #expect(samples.allSatisfy { $0.label == .index(0) })
  }

  @Test(arguments: [0, 2]) func dependsOnPositionAndRunAlone(noise: Int) async throws {
    let flow = try await fitted(stage { $0.model.noise = noise })
    let whole = try await flow.slots(workers: 1).map(summary)
    #expect(try await flow.slots(workers: 3).map(summary) == whole)
    let positions = [39, 3, 31, 31, 0, 17]
    #expect(try await flow.read(positions, flow.run).map(summary) == positions.map { whole[$0] })
  }

  @Test func floatsStayFloatsInTheirScale() async throws {
    let flow = try await fitted(stage { $0.translate.originals = .drop }, before: [Scale(to: 0...1)])
    for sample in try await flow.samples() {
      guard case .scaled(let image) = sample.content else {
        Issue.record("\(sample.id) is not scaled")
        continue
      }
      #expect(image.values.allSatisfy { (0...1).contains($0) })
    }
  }

  /// Two samples of the same pixels have different translations, and each of them the same one in any block and pipeline
  /// position; the way back has no noise.
  @Test func noiseIsTheSamplesOwn() async throws {
    let noisy = stage {
      ($0.model.noise, $0.translate.originals, $0.train.steps) = (4, .drop, 6)
      $0.train.learningRate = 0.01
    }
    let flow = try await fitted(noisy, before: [Copies(2)])
    let pixels = try await flow.samples().map { $0.bytes().pixels }
    #expect(pixels.count == 20 && zip(pixels, pixels.dropFirst()).allSatisfy { $0 != $1 })
    let model = noisy.checkpoint
    func translated(
      _ source: TestSource, _ seed: UInt64 = 3, _ direction: TranslationDirection = .forward
    ) async throws -> [[UInt8]] {
      let translate = Translate(checkpoint: model, direction: direction)
      return try await Pipeline(seed: seed, source: source, stages: [translate]).samples().samples()
        .map { $0.bytes().pixels }
    }
    var (few, many) = (Self.source, Self.source)
    (few.count, many.count) = (7, 70)
    let (one, other) = (try await translated(few), try await translated(many))
    // Blocks of another size round differently.
    for (left, right) in zip(one, other) {
      #expect(zip(left, right).allSatisfy { abs(Int($0) - Int($1)) <= 1 })
    }
    #expect(try await translated(few, 4) != one)
    let back = try await translated(few, 3, .backward)
    #expect(try await translated(few, 4, .backward) == back)
  }

  /// A checkpoint that was written before a setting existed is used and goes on, as if it named the setting's default.
  @Test(arguments: [3, 5]) func checkpointsWithoutNewSettingsAreUsed(steps: Int) async throws {
    let trained = stage(steps: 5)
    let pipeline = SmallStage.pipeline(trained, source: Self.source)
    let first = Task {
      try await SmallStage.fitted(pipeline) { progress in
        if progress.activity == "training" && progress.done == steps { withUnsafeCurrentTask { $0?.cancel() } }
      }
    }
    _ = try? await first.value
    var old = try Checkpoint(reading: trained.checkpoint)
    // All that the first version named.
    let networks: Set = ["blocks", "filters", "discriminator-layers", "discriminator-filters"]
    let named: [String: Set<String>] = [
      "model": networks, "configuration": networks.union(["height", "width", "channels-a", "channels-b"]),
      "recipe": [
        "steps", "batch", "cycle-weight", "identity-weight", "learning-rate", "decay-from", "pool-size", "augment",
      ],
    ]
    for (part, names) in named {
      guard case .object(let fields)? = old.json(part) else { throw MirageError.badData("no \(part)") }
      let kept = fields.filter { names.contains($0.key) }
      #expect(Set(kept.keys) == names && kept.count < fields.count)
      old.metadata[part] = JSONValue.object(kept).text
    }
    try old.write(to: trained.checkpoint)
    _ = try await fitted(trained)
    #expect(try Checkpoint(reading: trained.checkpoint).step() == 5)
    let error = await #expect(throws: MirageError.self) { _ = try await fitted(stage(steps: 5) { $0.model.noise = 1 }) }
    #expect("\(error!)".contains("model.noise is 0 in the checkpoint and 1 here"), "\(error!)")
  }

  // MARK: Domains

  @Test func theSecondDomainMayBeABranch() async throws {
    let other = directory.file("mnist")
    try TinyDataset.writeMNIST(other, count: 9, height: 16, width: 16)
    var one = CycleTranslation(
      checkpoint: directory.file("branch.safetensors"),
      target: .init(MNIST(directory: other), stages: [CenterCrop(size: 12)]))
    small(&one)
    let samples = try await fitted(one).samples()
    #expect(samples.count == 60 && samples.dropFirst(30).allSatisfy { $0.kind == .synthetic })
    #expect(zip(samples, samples.dropFirst(30)).allSatisfy { $0.label == $1.label })
    // Another branch is another training.
    one.target = .init(MNIST(directory: other), stages: [CenterCrop(size: 12), Invert()])
    let error = await #expect(throws: MirageError.self) { _ = try await fitted(one) }
    #expect(error?.remedy?.contains("--retrain") == true)
  }

  @Test func theSecondDomainMayBeACopyThroughStages() async throws {
    var one = CycleTranslation(checkpoint: directory.file("copy.safetensors"), from: ["ant"], through: [Invert()])
    small(&one)
    #expect(try await fitted(one).samples().count == 40)
  }

  // MARK: Training

  @Test(arguments: [2, 5]) func resumedEqualsUninterrupted(_ step: Int) async throws {
    _ = try await fitted(stage("whole.safetensors", steps: 7))
    let part = stage("part.safetensors", steps: 7)
    let pipeline = SmallStage.pipeline(part, source: Self.source)
    let first = Task {
      try await SmallStage.fitted(pipeline) { progress in
        if progress.activity == "training" && progress.done == step { withUnsafeCurrentTask { $0?.cancel() } }
      }
    }
    await #expect(throws: CancellationError.self) { try await first.value }
    #expect(try Checkpoint(reading: part.checkpoint).step() == step)
    _ = try await fitted(part)
    let (whole, parts) = (
      try InputFile.contents(of: directory.file("whole.safetensors")), try InputFile.contents(of: part.checkpoint)
    )
    #expect(whole == parts)
  }

  /// A classifier that is trained along is stored with the networks, and keeps no class out.
  @Test func labelsAreKeptByAClassifier() async throws {
    var one = CycleTranslation(checkpoint: directory.file("kept.safetensors"), through: [Invert()])
    small(&one)
    one.train.labels = .kept
    one.watch.checkpointEvery = 1
    _ = try await fitted(one)
    let names = try Checkpoint(reading: one.checkpoint).tensors.keys
    #expect(names.contains { $0.hasPrefix("C.") } && names.contains { $0.hasPrefix("G_A.") })
    one.from = ["ant"]
    #expect(#expect(throws: MirageError.self) { try one.validate() }?.place == "train.labels")
  }

  @Test func aFinishedTrainingIsUsed() async throws {
    _ = try await fitted(stage())
    #expect(FileKind(directory.file("cycle.best.safetensors")) == .missing, "without a metric there is no best one")
    let digest = try Digest.sha256(file: stage().checkpoint)
    _ = try await fitted(stage())
    #expect(try Digest.sha256(file: stage().checkpoint) == digest)
    let error = await #expect(throws: MirageError.self) { _ = try await fitted(stage { $0.train.cycleWeight = 7 }) }
    #expect("\(error!)".contains("cycle-weight"))
  }

  @Test func domainsThatAreClassesAreMeasuredByAClassifier() async throws {
    let trained = stage(steps: 4) { ($0.watch.metric, $0.watch.evaluateEvery) = (.fid, 2) }
    _ = try await fitted(trained)
    let best = try SavedModel(reading: directory.file("cycle.best.safetensors"))
    #expect([0, 2, 4].contains(best.step))
    let metrics = try SavedModel(reading: trained.checkpoint).metrics
    let names = ["cycle-error", "fid", "input-correlation", "label-agreement"]
    #expect(metrics.keys.sorted() == names.flatMap { ["\($0)-ab", "\($0)-ba"] })
    #expect((0...1).contains(metrics["label-agreement-ab"]!) && metrics["cycle-error-ab"]! > 0)
  }

  // MARK: Translating by a checkpoint

  @Test func aCheckpointTranslatesInAnotherPipeline() async throws {
    let dropped = try await fitted(stage { $0.translate.originals = .drop }).samples()
    let translate = Translate(
      checkpoint: stage().checkpoint, classes: ["ant"], originals: .drop, label: "bee")
    let samples = try await Pipeline(seed: 3, source: Self.source, stages: [translate]).samples().samples()
    #expect(samples.map { $0.bytes() } == dropped.map { $0.bytes() } && samples.map(\.label) == dropped.map(\.label))
    let all = try await Pipeline(source: Self.source, stages: [Translate(checkpoint: stage().checkpoint)])
      .samples().samples()
    #expect(all.count == 30 && all.allSatisfy { $0.kind == .synthetic })
    #expect(all.map(\.label?.index) == (0..<30).map { $0 % 3 })
  }

  /// With weights of 0, a generator paints what its last bias says: A to B white, B to A black.
  @Test func eachDirectionHasItsGenerator() async throws {
    _ = try await fitted(stage())
    var checkpoint = try Checkpoint(reading: stage().checkpoint)
    for (prefix, bias) in [("G_A.", Float(5)), ("G_B.", -5)] {
      let names = checkpoint.tensors.keys.filter { $0.hasPrefix(prefix) }
      for name in names { checkpoint.tensors[name] = .zeros(checkpoint.tensors[name]!.shape) }
      let last = names.filter { $0.hasSuffix(".bias") && checkpoint.tensors[$0]!.shape == [1] }
      checkpoint.tensors[try #require(last.first)] = Tensor([bias], shape: [1])
    }
    let painted = directory.file("painted.safetensors")
    try checkpoint.write(to: painted)
    for (direction, byte) in [(TranslationDirection.forward, UInt8(255)), (.backward, 0)] {
      let translate = Translate(checkpoint: painted, direction: direction)
      let samples = try await Pipeline(source: Self.source, stages: [translate]).samples().samples()
      #expect(samples.allSatisfy { $0.bytes().pixels.allSatisfy { $0 == byte } })
    }
  }

  @Test func aCheckpointThatDoesNotFitIsRefused() async throws {
    func error(_ stage: Translate, _ source: TestSource = Self.source) async throws -> String {
      let error = await #expect(throws: MirageError.self) {
        _ = try await Pipeline(source: source, stages: [stage]).samples()
      }
      return "\(try #require(error))"
    }
    _ = try await fitted(stage())
    let small = TestSource(count: 9, classes: ["ant", "bee"], height: 8, width: 12)
    #expect(try await error(Translate(checkpoint: stage().checkpoint), small).contains("resize, pad or a crop"))
    #expect(try await error(Translate(checkpoint: stage().checkpoint, classes: ["ent"])).contains("Did you mean ant?"))
    #expect(try await error(Translate(checkpoint: stage().checkpoint, label: "cut")).contains("Did you mean cat?"))
    #expect(try await error(Translate(checkpoint: directory.file("none"))).contains("no such file"))
    let gan = directory.file("gan.safetensors")
    _ = try await SmallStage.fitted(SmallStage.pipeline(try SmallStage.gan(gan, steps: 1)))
    #expect(try await error(Translate(checkpoint: gan)).contains("is not a translation's checkpoint: it is a GAN's"))
  }

  // MARK: Mistakes

  @Test func mistakesAreErrorsBeforeTheTraining() async throws {
    let channels = TestSource(count: 9, classes: ["ant", "bee"], height: 12, width: 12, channels: 4)
    let odd = TestSource(count: 9, classes: ["ant", "bee"], height: 10, width: 12)
    let faults: [(CycleTranslation, TestSource, String)] = [
      (stage(from: ["ent"]), Self.source, "from names class ent"),
      (stage(to: ["bea"]), Self.source, "Did you mean bee?"),
      (stage(to: ["bee", "0"]), Self.source, "class 0 is in both domains"),
      (stage { $0.translate.label = "dog" }, Self.source, "translate.label names class dog"),
      (stage(), odd, "multiples of 4, with resize or pad"),
      (stage(), channels, "images of 4 channels"),
      (stage(), TestSource(count: 1, classes: ["ant", "bee"], height: 12, width: 12), "ant: one sample is not enough"),
      (stage { $0.model.discriminatorLayers = 3 }, Self.source, "it needs 24 a side"),
    ]
    for (stage, source, message) in faults {
      let error = await #expect(throws: MirageError.self, "\(message)") { _ = try await fitted(stage, source: source) }
      #expect("\(error!)".contains(message), "\(error!)")
      #expect(FileKind(stage.checkpoint) == .missing, "before training starts")
    }
  }

  @Test func settingsThatExcludeEachOtherAreNamed() throws {
    let settings: [(CycleTranslation, String)] = [
      (CycleTranslation(checkpoint: "x"), ""), (CycleTranslation(checkpoint: "x", to: ["bee"]), "to"),
      (CycleTranslation(checkpoint: "x", from: ["ant"], to: ["bee"], through: [Invert()]), "through"),
      (stage { $0.train.learningRate = 0 }, "train.learning-rate"), (stage { $0.model.blocks = 65 }, "model.blocks"),
    ]
    for (stage, place) in settings {
      let error = #expect(throws: MirageError.self) { try stage.validate() }
      #expect(error?.place ?? "" == place && error?.kind == .badPipeline)
    }
    var backward = CycleTranslation(checkpoint: "x", through: [Invert()])
    backward.translate.direction = .backward
    #expect(#expect(throws: MirageError.self) { try backward.validate() }?.place == "translate.direction")
  }
}
