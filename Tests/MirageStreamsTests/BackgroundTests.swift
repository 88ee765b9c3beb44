import MirageMedia
import MirageStreams
import MirageSupport
import StreamsTestSupport
import TestSupport
import Testing

@Suite struct BackgroundTests {
  private static let images = TestSource(count: 30, height: 5, width: 6, channels: 3, failing: [7])
  private static let backgrounds = TestSource(count: 11, height: 9, width: 8, channels: 3)

  private func flow(
    _ stages: [any StageComponent], of source: TestSource = images, _ run: Run = Run(seed: 3)
  ) async throws -> Flow<Sample> {
    var run = run
    run.recordsDraws = true
    return try await Pipeline(source: source, stages: stages).fittedFlow(run)
  }

  /// Every byte is the operation on the image and on the window that replay names.
  @Test(arguments: CompositionMode.allCases) func composesWithTheWindowThatWasDrawn(_ mode: CompositionMode)
    async throws
  {
    let flow = try await flow([Background(Self.backgrounds, mode: mode, alpha: 0.25)])
    var drawn: Set<String> = []
    for case .element(let sample) in try await flow.slots() {
      let draw = try #require(sample.history.last)
      guard case .string(let name)? = draw.parameters["background"], let id = SampleID(name),
        case .integer(let x)? = draw.parameters["x"], case .integer(let y)? = draw.parameters["y"]
      else {
        Issue.record("no background in \(draw)")
        return
      }
      drawn.insert("\(id.index) \(x) \(y)")
      let (own, other) = (Self.images.sample(sample.id.index), Self.backgrounds.sample(id.index).bytes())
      let (before, now) = (own.bytes(), sample.bytes())
      for row in 0..<5 {
        for column in 0..<6 {
          for c in 0..<3 {
            let (a, b) = (Double(before[row, column, c]), Double(other[y + row, x + column, c]))
            let exact: Double =
              switch mode {
              case .difference: abs(a - b)
              case .screen: 255 - (255 - a) * (255 - b) / 255
              case .multiply: a * b / 255
              case .blend: 0.25 * a + 0.75 * b
              }
            #expect(abs(Double(now[row, column, c]) - exact) <= 0.51)
          }
        }
      }
      #expect(sample.kind == .augmented && sample.label == own.label && draw.path == "stages/0")
    }
    #expect(drawn.count > 20)
  }

  @Test(
    arguments: [
      [Background(backgrounds, probability: 0.5)],
      // A tenth of the backgrounds are there, in an order that changes with the epoch.
      [
        Shuffle(),
        Background(
          TestSource(count: 60, classes: (0..<10).map(String.init), height: 5, width: 6, channels: 3),
          stages: [Shuffle(), Filter(classes: ["3"]), GaussianNoise()]),
      ],
      [Copies(2), Background(TestSource(count: 2000, height: 7, width: 7, channels: 3), mode: .blend)],
    ] as [[any StageComponent]])
  func dependsOnPositionAndRunAlone(_ stages: [any StageComponent]) async throws {
    let flow = try await flow(stages, Run(seed: 5, epoch: 1))
    let whole = try await flow.slots(workers: 1).map(summary)
    #expect(try await flow.slots(workers: 8).map(summary) == whole)
    #expect(try await self.flow(stages, Run(seed: 5, epoch: 1)).slots().map(summary) == whole)
    let backward = Array((0..<flow.count).reversed())
    #expect(try await flow.read(backward, flow.run).map(summary) == backward.map { whole[$0] })
    for position in 0..<flow.count {
      #expect(try await flow.read([position], flow.run).map(summary) == [whole[position]])
    }
    #expect(try await self.flow(stages, Run(seed: 6, epoch: 1)).slots().map(summary) != whole, "another seed")
    #expect(try await self.flow(stages, Run(seed: 5, epoch: 2)).slots().map(summary) != whole, "another epoch")
  }

  @Test func isAppliedByProbability() async throws {
    let flow = try await flow(
      [Background(Self.backgrounds, probability: 0.3)], of: TestSource(count: 2000, channels: 3))
    let found = try await flow.samples()
    #expect(abs(found.count { $0.kind == .augmented } - 600) < 82)
    #expect(found.allSatisfy { ($0.history[0].parameters == .null) == ($0.kind == .real) })
    #expect(
      found.allSatisfy { $0.kind == .augmented || $0.bytes() == TestSource(channels: 3).sample($0.id.index).bytes() })
  }

  @Test(arguments: [
    (TestSource(height: 4, width: 6, channels: 3), "is 4 x 6, smaller than the image of 5 x 6"),
    (TestSource(height: 9, width: 9), "has 1 channels, and the image 3"),
    (TestSource(count: 0), "the source of the backgrounds is empty"),
  ]) func refusesWhatDoesNotFit(backgrounds: TestSource, says: String) async throws {
    let error = await #expect(throws: MirageError.self) { _ = try await flow([Background(backgrounds)]) }
    #expect(error?.message.contains(says) == true, "\(String(describing: error))")
  }

  @Test func comesBeforeScale() async throws {
    for stages in [[Scale(), Background(Self.backgrounds)], [Background(Self.backgrounds, stages: [Scale()])]]
      as [[any StageComponent]]
    {
      let error = await #expect(throws: MirageError.self) { _ = try await flow(stages) }
      #expect(error?.kind == .badPipeline && error?.message.contains("scale or normalize") == true)
    }
  }

  /// A background that cannot be read, and one that is smaller than the others, fail the samples that draw them.
  @Test func namesTheBackgroundThatFails() async throws {
    let bad = TestSource(count: 4, height: 9, width: 9, channels: 3, failing: [2])
    let failures = try await flow([Background(bad)]).slots().compactMap { slot in
      if case .failed(let error) = slot, error.id.index != 7 { error } else { nil }
    }
    #expect(failures.count > 2 && failures.count < 15)
    for error in failures {
      #expect(error.stage == "stages/0 (background)" && error.error.message.contains("background s0-00000002-p0-v0"))
      #expect(error.origin == "test#\(error.id.index)")
    }
    let mixed = Interleave([Self.backgrounds, TestSource(count: 11, height: 4, width: 9, channels: 3)])
    let small = try await flow([Background(mixed)]).slots().compactMap { slot in
      if case .failed(let error) = slot, error.id.index != 7 { error.error } else { nil }
    }
    #expect(small.count > 5 && small.allSatisfy { $0.message.contains("4 x 9") && $0.remedy != nil })
  }

  /// The files of both sources are inputs of the run, and what identifies the stage does not name folders.
  @Test func tellsWhatItReads() async throws {
    let folder = TemporaryDirectory()
    let sink = ImageFolderSink(directory: folder.file("backgrounds"))
    _ = try await Pipeline(source: Self.backgrounds, sink: sink).run()
    let stage = Background(ImageFolder(directory: folder.file("backgrounds")), stages: [Invert()])
    let fitted = try await Pipeline(source: TestSource(channels: 3), stages: [stage]).fitted()
    #expect(fitted.flow.about.inputs == [folder.file("backgrounds")])
    let text = try #require(fitted.stages[0].fitted?.description).text
    #expect(text.contains("invert") && !text.contains(folder.file("")), "\(text)")
  }
}
