import MirageLearning
import MirageAdversarial
import MirageEvaluation
import MirageSupport
import MirageMedia
import MirageNetworks
import MirageStreams
import MirageSynthesis
import Synchronization
import StreamsTestSupport
import TestSupport
import Testing

/// What holds for the stages of GANs, as RegistryTests has it for the others.
@Suite struct GANStageTests {
  let directory = TemporaryDirectory()

  private func model(_ name: String = "gan.safetensors") -> String { directory.file(name) }

  @Test func addsSamplesOfEveryClassBehindTheRealOnes() async throws {
    let flow = try await SmallStage.fitted(SmallStage.pipeline(try SmallStage.gan(model())))
    let samples = try await flow.samples()
    #expect(samples.prefix(30).allSatisfy { $0.kind == .real })
    #expect(samples.dropFirst(30).allSatisfy { $0.kind == .synthetic })
    let labels = samples.dropFirst(30).map { $0.label?.index }
    #expect((0..<3).map { label in labels.count { $0 == label } } == [50, 50, 50])
    #expect(Set(samples.map(\.id)).count == 180)
    for (position, sample) in samples.enumerated() {
      let place = try flow.locate(position, flow.run)
      #expect(place.id == sample.id && place.label == sample.label?.index)
    }
    #expect(Set(samples.dropFirst(30).map { $0.bytes().pixels }).count > 100, "they differ")
  }

  @Test func dependsOnPositionAndRunAlone() async throws {
    let pipeline = SmallStage.pipeline(try SmallStage.gan(model()))
    let flow = try await SmallStage.fitted(pipeline)
    let whole = try await flow.slots(workers: 1).map(summary)
    #expect(try await flow.slots(workers: 2).map(summary) == whole)
    #expect(
      try await SmallStage.fitted(pipeline).slots(workers: 8).map(summary) == whole, "another flow, eight workers")
    var random = Random(key: Random.Key(seed: 1, path: "positions"), sample: 0)
    let positions = (0..<100).map { _ in random.integer(in: 0...flow.count - 1) }
    #expect(try await flow.read(positions, flow.run).map(summary) == positions.map { whole[$0] })
    var shards: [String] = []
    for index in 0..<3 {
      let run = Run(seed: 3, shard: Shard(index: index, count: 3))
      let part = try await SmallStage.fitted(pipeline, run)
      for try await sample in part { shards.append(summary(.element(sample))) }
    }
    #expect(shards == whole)
  }

  @Test func anotherSeedGivesOtherSamplesOfTheSameModel() async throws {
    _ = try await SmallStage.fitted(SmallStage.pipeline(try SmallStage.gan(model())))
    let source = GANSource(checkpoint: model(), emit: Emission(count: 9))
    func pixels(_ seed: UInt64) async throws -> [[UInt8]] {
      try await source.flow().running(Run(seed: seed)).samples().map { $0.bytes().pixels }
    }
    let (first, again, other) = (try await pixels(1), try await pixels(1), try await pixels(2))
    #expect(first == again)
    #expect(zip(first, other).allSatisfy { $0 != $1 })
    let more = try await GANSource(checkpoint: model(), emit: Emission(count: 90)).flow().running(Run(seed: 1))
      .samples()
    #expect(more.prefix(9).map { $0.bytes().pixels } == first, "fewer are the first of more")
  }

  @Test func scaledImagesAreFollowedByScaledOnes() async throws {
    let stage = try SmallStage.gan(model())
    let flow = try await SmallStage.fitted(SmallStage.pipeline(stage, before: [Scale(to: 0...1)]))
    for sample in try await flow.samples() {
      guard case .scaled(let image) = sample.content else {
        Issue.record("\(sample.id) is not scaled")
        continue
      }
      #expect(image.values.allSatisfy { (0...1).contains($0) })
    }
  }

  @Test(arguments: [
    (Emission(ratio: 0.5), [5, 5, 5]), (Emission(count: 7), [3, 2, 2]),
    (Emission(perClass: 4, classes: ["bee"]), [0, 4, 0]),
    (Emission(), [10, 10, 10]), (Emission(balance: true), [0, 0, 0]),
    (Emission(count: 5, classes: ["cat", "0"]), [3, 0, 2]),
  ])
  func emitsAsManyAsItSays(_ emission: Emission, _ counts: [Int]) async throws {
    let stage = try SmallStage.gan(model(), steps: 1) { $0.emit = emission }
    let samples = try await SmallStage.fitted(SmallStage.pipeline(stage)).samples().filter { $0.kind == .synthetic }
    #expect((0..<3).map { label in samples.count { $0.label?.index == label } } == counts)
  }

  @Test func balancesUnequalClasses() async throws {
    // 31 samples: ant has one more than the others.
    let source = TestSource(count: 31, classes: SmallStage.classes, height: 8, width: 8)
    let stage = try SmallStage.gan(model(), steps: 1) { $0.emit = Emission(balance: true) }
    let samples = try await SmallStage.fitted(SmallStage.pipeline(stage, source: source)).samples()
    #expect((0..<3).map { label in samples.count { $0.label?.index == label } } == [11, 11, 11])
  }

  @Test func aModelWithoutClassesEmitsSamplesWithoutOne() async throws {
    let source = TestSource(count: 20, classes: [], height: 8, width: 8)
    let stage = try SmallStage.gan(model()) {
      $0.model.conditioning = .none
      $0.emit = Emission(count: 5, syntheticOnly: true)
    }
    let samples = try await SmallStage.fitted(SmallStage.pipeline(stage, source: source)).samples()
    #expect(samples.count == 5 && samples.allSatisfy { $0.label == nil && $0.kind == .synthetic })
  }

  @Test func rejectsWhatAClassifierDoesNotRecognize() async throws {
    _ = try await SmallStage.fitted(SmallStage.pipeline(try SmallStage.gan(model())))
    let classifier = directory.file("classifier.safetensors")
    let batches = Batches(SmallStage.source.flow(in: Context()), size: 10)
    var training = ClassifierTraining()
    training.epochs = 60
    try await training.run(train: batches, test: batches).checkpoint.write(to: classifier)
    func flow(_ threshold: Double) async throws -> Flow<Sample> {
      let emission = Emission(count: 70, threshold: threshold, classifier: classifier, attempts: 30)
      return try GANSource(checkpoint: model(), emit: emission).flow(in: Context()).running(Run(seed: 1))
    }
    let samples = try await flow(0.5).slots()
    let atOnce = samples.count { slot in
      guard case .element(let sample) = slot else { return false }
      return sample.attributes["attempts"] == .integer(1)
    }
    #expect(atOnce < samples.count, "some were drawn anew")
    for slot in try await flow(1).slots() {
      guard case .failed(let error) = slot else {
        Issue.record("none can be that sure")
        continue
      }
      #expect("\(error)".contains("none of 30 samples of class"))
    }
  }

  @Test func aSecondRunTrainsNothing() async throws {
    let pipeline = SmallStage.pipeline(try SmallStage.gan(model()))
    _ = try await SmallStage.fitted(pipeline)
    let trained = Mutex(0)
    _ = try await SmallStage.fitted(pipeline) { if $0.activity == "training" { trained.withLock { $0 += 1 } } }
    #expect(trained.withLock { $0 } == 0)
    let shown = try await pipeline.fitted(Run(seed: 3), in: Context(fitting: .leaveOut))
    #expect(shown.leftOut.isEmpty, "who only looks sees the trained stage")
  }

  @Test func notTrainedYetIsLeftOut() async throws {
    let shown = try await SmallStage.pipeline(try SmallStage.gan(model()))
      .fitted(Run(seed: 3), in: Context(fitting: .leaveOut))
    #expect(shown.leftOut == ["stages/0 (conditional-gan)"] && shown.flow.count == 30)
  }

  /// Interrupted in the middle of an epoch, between two checkpoints.
  @Test(arguments: [3, 11]) func resumedEqualsUninterrupted(_ step: Int) async throws {
    func stage(_ name: String) throws -> ConditionalGAN { try SmallStage.gan(model(name), steps: 12) }
    _ = try await SmallStage.fitted(SmallStage.pipeline(try stage("whole.safetensors"), before: [GaussianNoise()]))
    let pipeline = SmallStage.pipeline(try stage("parts.safetensors"), before: [GaussianNoise()])
    let first = Task {
      try await SmallStage.fitted(pipeline) { progress in
        if progress.activity == "training" && progress.done == step { withUnsafeCurrentTask { $0?.cancel() } }
      }
    }
    await #expect(throws: CancellationError.self) { try await first.value }
    #expect(try Checkpoint(reading: model("parts.safetensors")).step() == step)
    _ = try await SmallStage.fitted(pipeline)
    let (whole, parts) = (
      try InputFile.contents(of: model("whole.safetensors")), try InputFile.contents(of: model("parts.safetensors"))
    )
    #expect(whole == parts)
    let folder = directory.file("parts-training")
    #expect(FileKind(folder + "/report.html") == .file)
  }

  @Test func keepsTheBestBesideTheLast() async throws {
    let stage = try SmallStage.gan(model(), steps: 8) {
      $0.watch.metric = .fid
      ($0.watch.evaluateEvery, $0.watch.evaluateCount) = (4, 30)
    }
    _ = try await SmallStage.fitted(SmallStage.pipeline(stage))
    let (last, best) = (try ModelFile(reading: model()), try ModelFile(reading: directory.file("gan.best.safetensors")))
    #expect(last.saved.step == 8 && [4, 8].contains(best.saved.step))
    #expect(last.saved.metrics["fid"] != nil && last.saved.metrics["label-agreement"] != nil)
  }

  /// Samples may be sorted by class, so a part of them is not what all are like.
  @Test func metricsSeeAllSamplesWhereThereAreFew() async throws {
    func metrics(_ count: Int, _ name: String) async throws -> [String: Double] {
      let stage = try SmallStage.gan(model(name), steps: 2) {
        $0.watch.metric = .fid
        ($0.watch.evaluateEvery, $0.watch.evaluateCount) = (2, count)
      }
      _ = try await SmallStage.fitted(SmallStage.pipeline(stage))
      return try ModelFile(reading: model(name)).saved.metrics
    }
    #expect(try await metrics(30, "as-many.safetensors") == metrics(50, "more.safetensors"))
  }
}
