import MirageSupport
import MirageMedia
import MirageStreams
import StreamsTestSupport
import TestSupport
import Testing

@Suite struct ClassStageTests {
  @Test(arguments: [
    (["bee"], false, [1]), (["2"], false, [2]), (["bee"], true, [0, 2]), ([], false, []), ([], true, [0, 1, 2]),
    (["ant", "cat"], false, [0, 2]),
  ])
  func filterKeepsClasses(classes: [String], invert: Bool, kept: [Int]) async throws {
    // Samples of class 1 or 2 that cannot be read do not matter where they are filtered out.
    let failing = Set([1, 2].filter { !kept.contains($0) })
    let pipeline = Pipeline(source: TestSource(failing: failing), stages: [Filter(classes: classes, invert: invert)])
    let flow = try await pipeline.fittedFlow()
    #expect(flow.count == 10)
    let samples = try await flow.samples()
    #expect(samples.map(\.id.index) == (0..<10).filter { kept.contains($0 % 3) })
  }

  @Test func unknownClassesAreNamed() async throws {
    let error = await #expect(throws: MirageError.self) {
      _ = try await Pipeline(source: TestSource(), stages: [Take(5), Filter(classes: ["bea"])]).fittedFlow()
    }
    #expect(error?.kind == .badPipeline)
    #expect(error?.place == "stages/1 (filter)")
    #expect(error?.remedy == "Did you mean bee?")
  }

  @Test(arguments: [0, 1, 5, 50]) func balanceGivesEachClassTheSame(perClass: Int) async throws {
    // Ten samples: four, three and three of a class.
    let samples = try await Pipeline(source: TestSource(count: 10), stages: [Balance(perClass: perClass)])
      .fittedFlow().samples()
    let expected = perClass > 0 ? perClass : 4
    for label in 0..<3 {
      let members = samples.filter { $0.label?.index == label }
      #expect(members.count == expected)
      #expect(members.allSatisfy { $0.id.index % 3 == label })
      // A member comes again only when all have come.
      let times = Dictionary(grouping: members, by: \.id.index).mapValues(\.count)
      #expect(times.values.max()! - (times.count < (label == 0 ? 4 : 3) ? 0 : times.values.min()!) <= 1)
    }
    #expect(Set(samples.map(\.id)).count == samples.count)
  }

  @Test func balanceSurvivesAnEpochWithoutAClass() async throws {
    // Six shuffled samples of 30 do not always hold all three classes.
    let stages: [any StageComponent] = [Shuffle(), Take(6), Balance(perClass: 4), Repeat(200)]
    for seed in 0..<20 {
      let pipeline = Pipeline(seed: UInt64(seed), source: TestSource(count: 30), stages: stages)
      guard let flow = try? await pipeline.fittedFlow(Run(seed: UInt64(seed))) else { continue }
      let samples = try await flow.samples()
      #expect((0..<3).allSatisfy { label in samples.filter { $0.label?.index == label }.count == 800 })
    }
  }

  @Test func balanceNeedsClasses() async throws {
    let cases: [(TestSource, [any StageComponent])] = [
      (TestSource(classes: []), [Balance()]), (TestSource(), [Mixup(), Balance()]),
      (TestSource(), [Mixup(), Filter(classes: ["ant"])]), (TestSource(count: 2), [Balance()]),
      (TestSource(classes: []), [Mixup()]), (TestSource(classes: []), [CutMix()]),
    ]
    for (source, stages) in cases {
      let error = await #expect(throws: MirageError.self) {
        _ = try await Pipeline(source: source, stages: stages).fittedFlow()
      }
      #expect(error?.kind == .badPipeline)
    }
  }

  /// A small dataset stays the same one in every epoch, and is another one for another seed.
  @Test(arguments: [[], ["bee"], ["2", "bee"]]) func subsetReducesClasses(classes: [String]) async throws {
    let pipeline = Pipeline(source: TestSource(count: 30), stages: [Subset(perClass: 4, classes: classes)])
    func indices(seed: UInt64, epoch: Int = 0) async throws -> [Int] {
      let flow = try await pipeline.fittedFlow(Run(seed: seed)).running(Run(seed: seed, epoch: epoch))
      let samples = try await flow.samples()
      for (position, sample) in samples.enumerated() {
        #expect(try flow.locate(position, flow.run).id == sample.id && sample.label == .index(sample.id.index % 3))
      }
      return samples.map(\.id.index)
    }
    let found = try await indices(seed: 1)
    #expect(Set(found).count == found.count)
    let reduced = classes.isEmpty ? [0, 1, 2] : classes.map { $0 == "bee" ? 1 : 2 }
    for label in 0..<3 {
      let members = found.filter { $0 % 3 == label }
      #expect(members.count == (reduced.contains(label) ? 4 : 10))
    }
    // What is not reduced keeps its order, and what is reduced its place in it.
    if !classes.isEmpty { #expect(found == found.sorted()) }
    #expect(try await indices(seed: 1, epoch: 5) == found)
    #expect(try await indices(seed: 2) != found)
  }

  @Test func aReducedClassIsBalancedAgain() async throws {
    let stages: [any StageComponent] = [Subset(perClass: 2, classes: ["cat"]), Balance()]
    let samples = try await Pipeline(source: TestSource(count: 30), stages: stages).fittedFlow().samples()
    #expect((0..<3).map { label in samples.count { $0.label == .index(label) } } == [10, 10, 10])
    #expect(Set(samples.filter { $0.label == .index(2) }.map(\.id.index)).count == 2)
  }

  @Test(
    arguments: [
      ([Subset(perClass: 11)], "subset wants 11 samples of class ant, which has 10"),
      ([Subset(perClass: 11, classes: ["cat"])], "subset wants 11 samples of class cat, which has 10"),
      ([Subset(perClass: 2, classes: ["cut"])], "subset names class cut"),
      ([Shuffle(), Subset(perClass: 2, classes: ["cat"])], "samples that stay in their places"),
    ] as [([any StageComponent], String)])
  func subsetsThatCannotBeAreRefused(_ stages: [any StageComponent], _ message: String) async throws {
    let error = await #expect(throws: MirageError.self) {
      _ = try await Pipeline(source: TestSource(count: 30), stages: stages).fittedFlow()
    }
    #expect(error?.kind == .badPipeline && error?.remedy != nil)
    #expect(error?.message.contains(message) == true, "\(error!)")
  }
}

@Suite struct MixingTests {
  @Test(arguments: [Mixup(alpha: 0.4), CutMix()] as [any StageComponent])
  func blendsWithThePartnerThatWasDrawn(_ stage: any StageComponent) async throws {
    let source = TestSource(count: 40, height: 9, width: 11, channels: 3)
    var run = Run(seed: 4)
    run.recordsDraws = true
    let flow = try await Pipeline(source: source, stages: [stage]).fittedFlow(run)
    let samples = try await flow.samples()
    var partners: Set<Int> = []
    for sample in samples {
      let draw = try #require(sample.history.last)
      guard case .string(let name)? = draw.parameters["partner"], let partner = SampleID(name),
        case .number(let share)? = draw.parameters["share"].map({ $0 == .integer(1) ? .number(1) : $0 })
      else {
        Issue.record("no partner in \(draw)")
        return
      }
      partners.insert(partner.index)
      let (own, other) = (source.sample(sample.id.index).bytes(), source.sample(partner.index).bytes())
      let mixed = sample.bytes()
      switch stage {
      case is Mixup:
        for index in mixed.pixels.indices {
          let exact = share * Double(own.pixels[index]) + (1 - share) * Double(other.pixels[index])
          #expect(abs(Double(mixed.pixels[index]) - exact) <= 0.51)
        }
      default:
        let changed = mixed.pixels.indices.filter { mixed.pixels[$0] != own.pixels[$0] }
        #expect(changed.allSatisfy { mixed.pixels[$0] == other.pixels[$0] })
        #expect(changed.count <= Int((1 - share) * Double(mixed.pixels.count) + 0.5))
      }
      let label = sample.label!.probabilities(of: 3)
      #expect(abs(label.reduce(0, +) - 1) < 1e-6)
      var expected = [0.0, 0, 0]
      expected[sample.id.index % 3] += share
      expected[partner.index % 3] += 1 - share
      #expect(zip(label, expected).allSatisfy { abs(Double($0) - $1) < 1e-6 })
      #expect(sample.kind == .augmented)
    }
    #expect(partners.count > 10)
  }

  @Test(arguments: [Mixup(), CutMix(probability: 0.5)] as [any StageComponent])
  func isTheSameWithAnyNumberOfWorkers(_ stage: any StageComponent) async throws {
    let flow = try await Pipeline(source: TestSource(count: 50), stages: [Shuffle(), stage]).fittedFlow(Run(seed: 1))
    let one = try await flow.slots(workers: 1).map(summary)
    #expect(try await flow.slots(workers: 8).map(summary) == one)
  }

  /// The label of a class is the part of the image that shows it, at the borders too, where a pasted rectangle is cut off.
  @Test func cutMixLabelsByWhatIsShown() async throws {
    let source = NamingSource(count: 60)
    for sample in try await Pipeline(source: source, stages: [CutMix()]).fittedFlow().samples() {
      let (shown, label) = (sample.bytes().fractions, sample.label!.probabilities(of: 60))
      for (index, part) in label.enumerated() { #expect(abs(Double(part) - shown[UInt8(index), default: 0]) < 1e-6) }
    }
  }

  /// Every pixel is the mean of the classes' values, weighted as the label says.
  @Test func mixupLabelsByWhatIsShown() async throws {
    let source = NamingSource(count: 60)
    for sample in try await Pipeline(source: source, stages: [Mixup(alpha: 1)]).fittedFlow().samples() {
      let label = sample.label!.probabilities(of: 60)
      let mean = label.enumerated().reduce(0) { $0 + Double($1.offset) * Double($1.element) }
      #expect(sample.bytes().pixels.allSatisfy { abs(Double($0) - mean) <= 0.501 })
    }
  }

  @Test func aBadPartnerLeavesTheSampleAsItIs() async throws {
    let source = TestSource(count: 20, failing: [3])
    let slots = try await Pipeline(source: source, stages: [Mixup(alpha: 1)]).fittedFlow().slots()
    for (index, slot) in slots.enumerated() {
      switch slot {
      case .failed(let error): #expect(error.id.index == 3 && index == 3)
      case .element(let sample): #expect(index != 3 && sample.id.index == index)
      case .absent: Issue.record("nothing is filtered out")
      }
    }
  }
}

@Suite struct ScalingTests {
  /// One image of all bytes, and one of them backwards.
  private static let bytes = TestSource(count: 2, height: 16, width: 16, channels: 1)

  static let ranges = [-1.0...1, 0...1, 0...255, -0.5...0.5, 0...1e-6, -1e6...1e6, 100...101, 3...1000]

  @Test(arguments: ranges) func scaleIsInvertedExactly(range: ClosedRange<Double>) async throws {
    let pipeline = Pipeline(source: Self.bytes, stages: [Scale(to: range)])
    for (index, sample) in try await pipeline.fittedFlow().samples().enumerated() {
      guard case .scaled(let scaled) = sample.content else {
        Issue.record("not scaled")
        return
      }
      #expect(abs(Double(scaled.values.min()!) - range.lowerBound) <= 1e-6 * max(1, abs(range.lowerBound)))
      #expect(abs(Double(scaled.values.max()!) - range.upperBound) <= 1e-6 * max(1, abs(range.upperBound)))
      #expect(Set(sample.bytes().pixels).count == 256)
      #expect(sample.bytes() == Self.bytes.sample(index).bytes())
    }
  }

  @Test(arguments: [1.0...1, 1e6 - 1e-3...1e6]) func refusesRangesThatLoseBytes(range: ClosedRange<Double>) async throws
  {
    let error = await #expect(throws: MirageError.self) {
      _ = try await Pipeline(source: Self.bytes, stages: [Scale(to: range)]).fittedFlow()
    }
    #expect(error?.kind == .badPipeline && error?.place == "stages/0 (scale)")
  }

  @Test(
    arguments: [
      [Normalize(mean: [0.3], std: [0.2])], [Scale(), Normalize(mean: [0.1], std: [0.7])], [Normalize()],
      [Scale(to: 0...1), Normalize()], [Normalize(mean: [0.5]), Copies(2)],
    ] as [[any StageComponent]])
  func bytesComeBackThroughEverySink(_ stages: [any StageComponent]) async throws {
    let folder = TemporaryDirectory()
    let path = folder.file("out")
    let readers: [(any SinkComponent, any Source<Sample>)] = [
      (IDXSink(directory: path + "/idx"), MNIST(directory: path + "/idx")),
      (ImageFolderSink(directory: path + "/folder"), ImageFolder(directory: path + "/folder", channels: .keep)),
      (WebDatasetSink(directory: path + "/web"), WebDataset(directory: path + "/web", channels: .keep)),
    ]
    for (sink, reader) in readers {
      _ = try await Pipeline(source: Self.bytes, stages: stages, sink: sink).run()
      let expected = try await Pipeline(source: Self.bytes, stages: stages.filter { $0 is Copies }).fittedFlow()
        .samples()
      let found = try await reader.flow().samples()
      #expect(found.map { $0.bytes() } == expected.map { $0.bytes() })
      #expect(found.map { $0.label?.index } == expected.map { $0.label?.index })
    }
  }

  @Test(arguments: [1, 3]) func normalizeIsFittedOnAllSamples(channels: Int) async throws {
    let source = TestSource(count: 57, height: 5, width: 6, channels: channels)
    let values = (0..<57).map { source.sample($0).bytes().pixels.map { Double($0) / 255 } }
    let pipeline = Pipeline(source: source, stages: [Normalize()])
    for workers in [1, 8] {
      let fitted = try await pipeline.fitted(
        Run(shard: Shard(index: 1, count: 3)), in: Context(workers: workers, fitting: .fit))
      let stage = try #require(fitted.stages[0].fitted?.stage as? Normalize)
      for channel in 0..<channels {
        let all = values.flatMap { image in stride(from: channel, to: image.count, by: channels).map { image[$0] } }
        let mean = all.reduce(0, +) / Double(all.count)
        let deviation = (all.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / Double(all.count)).squareRoot()
        #expect(abs(stage.mean![channel] - mean) < 1e-12)
        #expect(abs(stage.std![channel] - deviation) < 1e-12)
      }
    }
    // What it makes has mean 0 and deviation 1.
    let statistics = try await ChannelStatistics.measure(pipeline.fittedFlow(), in: Context(workers: 2))
    for channel in 0..<channels {
      #expect(abs(statistics.mean[channel]) < 1e-6 && abs(statistics.deviation[channel] - 1) < 1e-6)
    }
  }

  @Test func bytesAreNeededBehindScale() async throws {
    for stage: any StageComponent in [Invert(), Mixup(), Scale()] {
      let error = await #expect(throws: MirageError.self) {
        _ = try await Pipeline(source: TestSource(), stages: [Scale(), stage]).fittedFlow()
      }
      #expect(error?.kind == .badPipeline && error?.place?.hasPrefix("stages/1") == true)
    }
  }
}

@Suite struct SampleTests {
  @Test func withImageDoesNotCopy() throws {
    var sample = TestSource(height: 100, width: 100).sample(1)
    func address(_ image: borrowing Image) -> UInt { image.pixels.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) } }
    let before = try sample.withImage { address($0) }
    for value in 0..<10 {
      let inside = try sample.withImage { image in
        image.pixels[0] = UInt8(value)
        return address(image)
      }
      #expect(inside == before)
    }
    try Invert().apply(NoParameters(), to: &sample)
    try Posterize(bits: 3...3).apply(JSONValue.object(["bits": 3]).decoded(as: Posterize.Parameters.self), to: &sample)
    #expect(try sample.withImage { address($0) } == before)
  }

  @Test func withImagePutsTheImageBackAfterAnError() throws {
    struct Failure: Error {}
    var sample = TestSource().sample(1)
    let image = sample.bytes()
    #expect(throws: Failure.self) { try sample.withImage { _ in throw Failure() } }
    #expect(sample.bytes() == image)
  }
}

@Suite struct ErrorPolicyTests {
  private func run(_ policy: ErrorPolicy, workers: Int, failing: Set<Int>) async throws -> SampleCounts {
    let folder = TemporaryDirectory()
    let pipeline = Pipeline(
      policy: policy, source: TestSource(count: 100, failing: failing), stages: [Copies(2)],
      sink: IDXSink(directory: folder.file("out")))
    var options = RunOptions()
    options.workers = workers
    return try await pipeline.run(options).counts
  }

  @Test func skippedSamplesAreCountedInOrder() async throws {
    let one = try await run(.skip(limit: 6), workers: 1, failing: [7, 50, 99])
    #expect(one.written == 194)
    #expect(
      one.skipped.map(\.sample)
        == [7, 50, 99].flatMap { index in
          (0..<2).map { SampleID(index: index, variant: $0).description }
        })
    #expect(one.skipped[0].reason.contains("sample 7 is bad"))
    #expect(try await run(.skip(limit: 6), workers: 8, failing: [7, 50, 99]) == one)
  }

  @Test(arguments: [1, 8]) func theLimitStops(workers: Int) async throws {
    let error = await #expect(throws: MirageError.self) {
      _ = try await run(.skip(limit: 5), workers: workers, failing: [7, 50, 99])
    }
    #expect(error?.kind == .badData)
    #expect(error?.message.contains("more than 5 samples") == true)
    #expect(error?.message.contains(SampleID(index: 99, variant: 1).description) == true)
  }

  @Test(arguments: [1, 8]) func stopNamesTheFirst(workers: Int) async throws {
    let error = await #expect(throws: SampleError.self) {
      _ = try await run(.stop, workers: workers, failing: [50, 7])
    }
    #expect(error?.id == SampleID(index: 7))
  }
}
