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

/// Translations that lead one way: FastCUT and pix2pix as stages of a pipeline.
@Suite struct OtherTranslationTests {
  let directory = TemporaryDirectory()

  /// Thirty images of 12 × 12, of three classes in turn.
  private static let source = TestSource(count: 30, classes: ["ant", "bee", "cat"], height: 12, width: 12)

  private func contrastive(_ checkpoint: String = "cut.safetensors", steps: Int = 3) -> ContrastiveTranslation {
    var stage = ContrastiveTranslation(checkpoint: directory.file(checkpoint), from: ["ant"], to: ["bee"])
    (stage.model.blocks, stage.model.filters) = (1, 4)
    (stage.model.discriminatorLayers, stage.model.discriminatorFilters) = (1, 4)
    (stage.train.steps, stage.train.batch, stage.train.patches) = (steps, 2, 4)
    (stage.watch.metric, stage.watch.checkpointEvery) = (.last, 4)
    return stage
  }

  private func pairs(
    _ checkpoint: String = "pairs.safetensors", steps: Int = 3, through: [any StageComponent] = [Invert()]
  ) -> PixToPixTranslation {
    var stage = PixToPixTranslation(checkpoint: directory.file(checkpoint), through: through)
    (stage.model.filters, stage.model.discriminatorLayers, stage.model.discriminatorFilters) = (4, 1, 4)
    (stage.train.steps, stage.train.batch) = (steps, 4)
    (stage.watch.checkpointEvery, stage.translate.originals) = (4, .drop)
    return stage
  }

  private func fitted(_ stage: any StageComponent, source: any SourceComponent = source) async throws -> Flow<Sample> {
    try await SmallStage.fitted(SmallStage.pipeline(stage, source: source, before: []))
  }

  @Test func resumedEqualsUninterrupted() async throws {
    for make in [
      { (name: String) -> any StageComponent in contrastive(name, steps: 7) }, { pairs($0, steps: 7) },
    ] {
      _ = try await fitted(make("whole.safetensors"))
      let pipeline = SmallStage.pipeline(make("part.safetensors"), source: Self.source, before: [])
      let first = Task {
        try await SmallStage.fitted(pipeline) { progress in
          if progress.activity == "training" && progress.done == 5 { withUnsafeCurrentTask { $0?.cancel() } }
        }
      }
      await #expect(throws: CancellationError.self) { try await first.value }
      _ = try await fitted(make("part.safetensors"))
      let files = try ["whole", "part"].map { try InputFile.contents(of: directory.file("\($0).safetensors")) }
      #expect(files[0] == files[1])
      for name in ["whole", "part"] { try removeTree(directory.file("\(name).safetensors")) }
    }
  }

  @Test func aModelThatLeadsOneWaySaysSo() async throws {
    let samples = try await fitted(contrastive()).samples()
    #expect(samples.count == 40 && samples.dropFirst(30).allSatisfy { $0.label == .index(1) && $0.kind == .synthetic })
    let forward = Translate(checkpoint: contrastive().checkpoint, classes: ["ant"])
    #expect(try await Pipeline(source: Self.source, stages: [forward]).samples().samples().count == 30)
    let back = Translate(checkpoint: contrastive().checkpoint, direction: .backward)
    let error = await #expect(throws: MirageError.self) {
      _ = try await Pipeline(source: Self.source, stages: [back]).samples()
    }
    #expect("\(error!)".contains("from ant to bee only"), "\(error!)")
    var stage = contrastive()
    stage.translate.direction = .backward
    #expect(#expect(throws: MirageError.self) { try stage.validate() }?.place == "translate.direction")
  }

  /// What flows through the stages is translated, not what flows in; and the more a translation is trained, the nearer it is
  /// to what flows in.
  @Test func pairsAreLearned() async throws {
    func distance(_ steps: Int) async throws -> Double {
      var stage = pairs("pairs-\(steps).safetensors", steps: steps)
      (stage.train.learningRate, stage.train.decayFrom) = (0.01, 1)
      let (made, real) = (
        try await fitted(stage).samples(), try await Self.source.flow().running(Run(seed: 3)).samples()
      )
      #expect(made.map(\.id.index) == real.map(\.id.index) && made.map(\.label) == real.map(\.label))
      return zip(made, real).reduce(0) { sum, pair in
        sum + zip(pair.0.bytes().pixels, pair.1.bytes().pixels).reduce(0) { $0 + abs(Double($1.0) - Double($1.1)) }
      }
    }
    let (untrained, trained) = (try await distance(1), try await distance(60))
    #expect(trained < 0.5 * untrained, "\(untrained) and \(trained)")
  }

  @Test func pairsMayComeFromASourceOrATarget() async throws {
    let folder = directory.file("pairs")
    try makeDirectories(folder)
    for index in 0..<6 {
      var image = Image(height: 12, width: 24, channels: 1, fill: [UInt8(20 * index)])
      for y in 0..<12 { for x in 12..<24 { image.pixels[y * 24 + x] = UInt8(255 - 20 * index) } }
      try OutputFile.write(folder + "/\(index).png", PNG.encode(image))
    }
    let source = ImagePairs(directory: folder, channels: .gray)
    let own = try await fitted(pairs("own.safetensors", through: []), source: source).samples()
    #expect(own.count == 6 && own.allSatisfy { $0.kind == .synthetic })
    var stage = pairs("target.safetensors", through: [])
    stage.target = PipelineSource(ImagePairs(directory: folder, first: .right, channels: .gray))
    let other = try await fitted(stage, source: source).samples()
    #expect(own.map { $0.bytes() } == other.map { $0.bytes() }, "the same pairs are the same training")
    stage.target = PipelineSource(ImagePairs(directory: folder, first: .right, channels: .gray), stages: [Take(5)])
    stage.checkpoint = directory.file("fewer.safetensors")
    let error = await #expect(throws: MirageError.self) { _ = try await fitted(stage, source: source) }
    #expect(error?.place?.contains("target") == true, "\(error!)")
    let none = await #expect(throws: MirageError.self) { _ = try await fitted(pairs("none.safetensors", through: [])) }
    #expect("\(none!)".contains("needs pairs"), "\(none!)")
  }
}
