import MirageMedia
import MirageStreams
import MirageSupport
import StreamsTestSupport
import TestSupport
import Testing

/// Pipelines as values: branches, paths, kinds of media, fitting.
@Suite struct PipelineTests {
  private let noisy: [any StageComponent] = [GaussianNoise(sigma: 20...20)]

  private func draws(_ pipeline: Pipeline) async throws -> [String] {
    var run = Run(seed: 4)
    run.recordsDraws = true
    return try await pipeline.fittedFlow(run).samples().flatMap { $0.history.map(\.path) }
  }

  @Test func branchesHavePathsOfTheirOwn() async throws {
    let branch = PipelineSource(TestSource(count: 3), stages: noisy)
    let pipeline = Pipeline(source: Interleave([branch, branch]), stages: noisy)
    let paths = Set(try await draws(pipeline))
    #expect(paths == ["source/sources/0/stages/0", "source/sources/1/stages/0", "stages/0"])
    let samples = try await Pipeline(source: Interleave([branch, branch])).fittedFlow(Run(seed: 4)).samples()
    #expect(samples[0].bytes() != samples[1].bytes(), "each branch draws its own numbers")
    #expect(Set(samples.map(\.id)).count == samples.count)
  }

  @Test func stageZeroIsStageZeroWhateverTheSource() async throws {
    let plain = Pipeline(source: TestSource(count: 3), stages: noisy)
    let nested = Pipeline(source: PipelineSource(TestSource(count: 3)), stages: noisy)
    #expect(try await draws(plain) == ["stages/0", "stages/0", "stages/0"])
    let (one, other) = (try await plain.fittedFlow(Run(seed: 4)), try await nested.fittedFlow(Run(seed: 4)))
    #expect(try await one.samples().map { $0.bytes() } == other.samples().map { $0.bytes() })
  }

  @Test func aBranchIsFittedOnItsOwnSamples() async throws {
    let source = TestSource(count: 5)
    let branch = Pipeline(source: PipelineSource(source, stages: [Normalize()]))
    let direct = Pipeline(source: source, stages: [Normalize()])
    #expect(
      try await branch.fittedFlow().samples().map { "\($0.content)" }
        == direct.fittedFlow().samples().map { "\($0.content)" })
    let left = try await direct.fitted(in: Context(fitting: .leaveOut))
    #expect(left.leftOut == ["stages/0 (normalize)"])
  }

  @Test func audioFlowsThroughWhatWorksOnAnyMedia() async throws {
    let pipeline = Pipeline(source: TestClips(), stages: [Copies(2), Filter(classes: ["high"]), Shuffle()])
    let samples = try await pipeline.fittedFlow().samples()
    #expect(samples.count == 6)
    #expect(samples.allSatisfy { $0.format == .audio(frames: 8, channels: 1, rate: 16_000) })
  }

  @Test(arguments: [HorizontalFlip(), Mixup(), Scale(), Normalize()] as [any StageComponent])
  func whatWorksOnImagesRefusesAudio(_ stage: any StageComponent) async throws {
    let error = try await failure {
      _ = try await Pipeline(source: TestClips(), stages: [Copies(2), stage]).fitted()
    }
    #expect(error.kind == .badPipeline && error.place == "stages/1")
    #expect(error.message == "\(type(of: stage).name) works on images, and the source gives audio clips")
    let mixed = try await failure { try Interleave([TestClips(), TestSource()]).validate() }
    #expect(mixed.message.contains("mixes audio clips and images"))
  }

  @Test func sinksOfImagesRefuseAudio() async throws {
    let directory = TemporaryDirectory()
    let sink = ImageFolderSink(directory: directory.file("out"))
    let error = try await failure { _ = try await Pipeline(source: TestClips(), sink: sink).run() }
    #expect(error.place == "sink" && FileKind(directory.file("out")) == .missing)
  }

  /// A stage that has never been trained.
  private struct Untrained: StageComponent, TrainedEstimator {
    static let declaration = Declaration("untrained", "Never trained")

    var checkpoint: String { "none" }
    func fit(on upstream: Flow<Sample>, in context: Context) -> Fitted<Sample, Sample> { Fitted(Take(0)) }
  }

  @Test func onlyFittingTrains() async throws {
    let pipeline = Pipeline(source: TestSource(), stages: [Untrained()])
    let error = try await failure { _ = try await pipeline.samples() }
    #expect(error.place == "stages/0 (untrained)" && error.remedy?.contains("fitted(in:)") == true)
    #expect(try await pipeline.fitted().flow.count == 0)
    #expect(try await pipeline.fitted(in: Context(fitting: .leaveOut)).leftOut == ["stages/0 (untrained)"])
  }

  @Test func samplesStreamsInOrder() async throws {
    var indices: [Int] = []
    for try await sample in try await Pipeline(source: TestSource(count: 9)).samples() {
      indices.append(sample.id.index)
    }
    #expect(indices == Array(0..<9))
  }
}
