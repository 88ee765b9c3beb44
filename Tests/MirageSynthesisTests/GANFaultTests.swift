import MirageAdversarial
import MirageSupport
import MirageMedia
import MirageNetworks
import MirageStreams
import MirageSynthesis
import StreamsTestSupport
import TestSupport
import Testing

/// What can be wrong with a GAN's data, settings and checkpoints: an error each, nothing lost.
@Suite struct GANFaultTests {
  let directory = TemporaryDirectory()

  private var path: String { directory.file("gan.safetensors") }

  private func failure(_ pipeline: Pipeline, retrains: Bool = false) async -> String {
    do {
      _ = try await SmallStage.fitted(pipeline, retrains: retrains)
      return "none"
    } catch {
      return "\(error)"
    }
  }

  private func train(_ change: (inout ConditionalGAN) -> Void = { _ in }) async throws {
    _ = try await SmallStage.fitted(SmallStage.pipeline(try SmallStage.gan(path, steps: 2, change: change)))
  }

  @Test func data() async throws {
    func source(_ count: Int, _ classes: [String]) -> TestSource {
      TestSource(count: count, classes: classes, height: 8, width: 8)
    }
    let stage = try SmallStage.gan(path, steps: 1)
    let faults: [(any SourceComponent, String)] = [
      (source(1, ["ant", "bee"]), "one sample is not enough"),
      (source(0, ["ant", "bee"]), "no samples are not enough"),
      (source(2, ["ant", "bee", "cat"]), "class cat has no sample"),
      (source(9, []), "has no class, which a conditional GAN needs"),
      (source(9, ["ant"]), "needs at least two classes, and the data has 1"),
      (TestSource(count: 9, height: 8, width: 8, channels: 4), "images of 4 channels"),
      (UnequalSource(), "sample s0-00000007-p0-v0 is 5 x 8 x 1, and those before it are 8 x 8 x 1"),
    ]
    for (source, message) in faults {
      let found = await failure(SmallStage.pipeline(stage, source: source))
      #expect(found.contains(message), "\(found)")
      #expect(FileKind(path) == .missing, "before training starts")
    }
  }

  @Test func badSamplesAreLeftOutWhereThePolicySaysSo() async throws {
    let source = TestSource(count: 30, classes: SmallStage.classes, height: 8, width: 8, failing: [7])
    var pipeline = SmallStage.pipeline(try SmallStage.gan(path, steps: 2), source: source)
    #expect(await failure(pipeline).contains("sample 7 is bad"))
    pipeline.policy = .skip(limit: 3)
    #expect(await failure(pipeline) == "none")
  }

  @Test func whatCannotBeAdded() async throws {
    let faults: [(Emission, GANModel.Conditioning, String)] = [
      (Emission(perClass: 3), .none, "emit.per-class needs a model with classes"),
      (Emission(balance: true), .none, "emit.balance needs a model with classes"),
      (Emission(count: 3, classes: ["ant"]), .none, "emit.classes needs a model with classes"),
      (Emission(count: 3, classes: ["ent"]), .projection, "Did you mean ant?"),
      (Emission(count: 3, threshold: 0.5), .projection, "emit.threshold needs a classifier"),
    ]
    for (emission, conditioning, message) in faults {
      let stage = try SmallStage.gan(path, steps: 1) {
        ($0.emit, $0.model.conditioning, $0.watch.metric) = (emission, conditioning, .last)
      }
      let found = await failure(SmallStage.pipeline(stage))
      #expect(found.contains(message), "\(found)")
      #expect(FileKind(path) == .missing, "before training starts")
    }
    let error = #expect(throws: MirageError.self) {
      var model = GANModel()
      model.conditioning = .none
      try ConditionalGAN(checkpoint: path, model: model, emit: Emission(perClass: 3)).validate()
    }
    #expect(error?.place == "emit.per-class")
  }

  @Test func networksThatCannotMakeTheImages() async throws {
    let stage = try SmallStage.gan(path) { $0.model.network = .dcgan }
    let found = await failure(SmallStage.pipeline(stage))
    #expect(found.contains("stages/0 (conditional-gan), model.network: dcgan cannot make images of 8 x 8"), "\(found)")
    #expect(found.contains("resize"))
  }

  @Test func aCheckpointOfOtherSettingsIsNamedAndKept() async throws {
    try await train()
    let before = try InputFile.contents(of: path)
    let others: [(String, (inout ConditionalGAN) -> Void)] = [
      ("model.latent is 8 in the checkpoint and 9 here", { $0.model.latent = 9 }),
      ("recipe.steps is 2 in the checkpoint and 3 here", { $0.train.steps = 3 }),
      ("recipe.loss", { $0.train.loss = .leastSquares }),
      ("watching.metric", { $0.watch.metric = .labelAgreement }),
    ]
    for (message, change) in others {
      let stage = try SmallStage.gan(path, steps: 2, change: change)
      let found = await failure(SmallStage.pipeline(stage))
      #expect(found.contains(message) && found.contains("--retrain") && found.contains(path), "\(found)")
    }
    let stage = try SmallStage.gan(path, steps: 2)
    let flipped = await failure(SmallStage.pipeline(stage, before: [HorizontalFlip()]))
    #expect(flipped.contains("upstream.stages"), "\(flipped)")
    let bigger = TestSource(count: 33, classes: SmallStage.classes, height: 8, width: 8)
    #expect(await failure(SmallStage.pipeline(stage, source: bigger)).contains("upstream.source"))
    #expect(try InputFile.contents(of: path) == before)
  }

  @Test func retrainingKeepsThePrevious() async throws {
    try await train()
    let before = try InputFile.contents(of: path)
    let stage = try SmallStage.gan(path, steps: 3)
    #expect(await failure(SmallStage.pipeline(stage), retrains: true) == "none")
    #expect(try InputFile.contents(of: directory.file("gan.previous-1.safetensors")) == before)
    #expect(try ModelFile(reading: path).saved.step == 3)
  }

  @Test func retrainingDoesNotNeedTheDamagedOne() async throws {
    let damaged = Array("damaged".utf8)
    try directory.write("gan.safetensors", damaged)
    #expect(await failure(SmallStage.pipeline(try SmallStage.gan(path, steps: 1)), retrains: true) == "none")
    #expect(try InputFile.contents(of: directory.file("gan.previous-1.safetensors")) == damaged)
  }

  @Test func anotherFileIsNotOverwritten() async throws {
    for bytes in [Array("hello".utf8), []] {
      try directory.write("gan.safetensors", bytes)
      #expect(await failure(SmallStage.pipeline(try SmallStage.gan(path))).contains(path))
      #expect(try InputFile.contents(of: path) == bytes)
    }
  }

  @Test func aCheckpointForOtherData() async throws {
    try await train()
    func emitting(_ source: TestSource) -> Pipeline {
      SmallStage.pipeline(GANEmit(checkpoint: path, emit: Emission(perClass: 3)), source: source)
    }
    let classes = SmallStage.classes
    #expect(await failure(emitting(TestSource(classes: classes, height: 8, width: 8))) == "none")
    #expect(
      await failure(emitting(TestSource(classes: classes, height: 9, width: 8)))
        .contains("the model makes images of 8 x 8 x 1, and the data's are 9 x 8 x 1"))
    #expect(
      await failure(emitting(TestSource(classes: ["ant", "bee"], height: 8, width: 8)))
        .contains("the model knows 3 classes, and the data has 2"))
    #expect(
      await failure(emitting(TestSource(classes: ["ant", "dog", "cat"], height: 8, width: 8)))
        .contains("a class bee, where the data has dog"))
  }

  @Test func divergenceStopsAndKeepsTheLastGoodCheckpoint() async throws {
    let stage = try SmallStage.gan(path, steps: 200) {
      $0.model.normalization = .none
      $0.train.loss = .wassersteinPenalty
      $0.train.discriminatorSteps = 1
      ($0.train.learningRate, $0.train.gradientPenalty) = (10, 1e6)
      $0.watch.checkpointEvery = 1
    }
    let found = await failure(SmallStage.pipeline(stage))
    #expect(found.contains("diverged at step") && found.contains("is kept in \(path)"), "\(found)")
    let saved = try Checkpoint(reading: path)
    #expect(saved.tensors.values.allSatisfy { $0.values.allSatisfy(\.isFinite) })
    let report = String(decoding: try InputFile.contents(of: directory.file("gan-training/report.html")), as: UTF8.self)
    #expect(report.contains("diverged"))
  }

  @Test func oneTrainingAtATime() async throws {
    let lock = try FileLock(directory.file("gan.lock"))
    #expect(await failure(SmallStage.pipeline(try SmallStage.gan(path))).contains("another run is training"))
    withExtendedLifetime(lock) {}
  }

  @Test func noModelAtAll() async throws {
    let missing = directory.file("none.safetensors")
    let emit = GANEmit(checkpoint: missing, emit: Emission(perClass: 1))
    #expect(await failure(SmallStage.pipeline(emit)).contains(missing))
    try directory.write("gan.safetensors", "no checkpoint at all, and long enough to look at")
    #expect(await failure(SmallStage.pipeline(GANEmit(checkpoint: path))).contains(path))
  }
}

/// The eighth image is smaller.
private struct UnequalSource: SourceComponent {
  static let declaration = Declaration("unequal", "Images of which one is smaller")

  func flow(in context: Context) -> Flow<Sample> {
    let (even, odd) = (
      TestSource(count: 12, height: 8, width: 8), TestSource(count: 12, height: 5, width: 8)
    )
    let base = even.flow(in: Context())
    return Flow(count: 12, about: base.about, locate: base.locate) { positions, _ in
      positions.map { .element($0 == 7 ? odd.sample($0) : even.sample($0)) }
    }
  }
}
