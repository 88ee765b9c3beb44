import MirageMedia
import MirageStreams
import MirageSupport
import StreamsTestSupport
import Testing

/// What has a probability happens that often, and what has weights by them.
@Suite struct ProbabilityTests {
  private static let count = 2000

  /// Dark samples: inverting makes one light, which shows in its mean.
  private let source = made(count) { light(2 * $0, height: 2, width: 3) }

  private func samples(_ stages: [any StageComponent], _ run: Run = Run()) async throws -> [Sample] {
    var flow = source.running(run)
    for (index, component) in stages.enumerated() {
      let path = StagePath.root.stage(index)
      switch component.role {
      case .augment(let augment): flow = try augment.apply(to: flow, at: path)
      case .stage(let stage): flow = try stage.apply(to: flow, at: path)
      case .estimator: Issue.record("\(component) has to be fitted")
      }
    }
    return try await flow.samples()
  }

  /// Number of samples that differ from what they were.
  private func changed(_ samples: [Sample]) -> Int {
    samples.count { $0.bytes() != light($0.id.index, height: 2, width: 3).bytes() }
  }

  /// Within four deviations of a binomial distribution.
  private func expect(_ found: Int, _ probability: Double, _ comment: Comment) {
    let mean = Double(Self.count) * probability
    #expect(abs(Double(found) - mean) <= 4 * (mean * (1 - probability)).squareRoot(), comment)
  }

  @Test(arguments: [0, 0.1, 0.5, 0.8, 1])
  func augmentationsApplyToSuchAPart(_ probability: Double) async throws {
    let stages: [any StageComponent] = [
      Invert(probability: probability), VerticalFlip(probability: probability),
      Sometimes([Invert(probability: 1)], probability: probability),
      OneOf([Invert(probability: 1)], probability: probability),
      SomeOf([Invert(probability: 1)], count: 1...1, probability: probability),
      Rotate(degrees: 90...90, interpolation: .nearest, fill: [255], probability: probability),
    ]
    for stage in stages {
      let found = try await samples([stage])
      expect(changed(found), probability, "\(type(of: stage))")
      // Those that were left as they are count as real still.
      let real = found.filter { $0.kind == .real }
      #expect(changed(real) == 0 || probability == 1, "\(type(of: stage))")
    }
  }

  @Test(arguments: [0, 0.1, 0.5, 1]) func mixingAppliesToSuchAPart(_ probability: Double) async throws {
    for stage in [Mixup(probability: probability), CutMix(probability: probability)] as [any StageComponent] {
      let found = try await samples([stage])
      expect(found.count { $0.kind == .augmented }, probability, "\(type(of: stage))")
      #expect(found.allSatisfy { ($0.kind == .augmented) == ($0.label?.index == nil) })
    }
  }

  /// A map with a window after it is computed in one go only if it always applies.
  @Test func aRotationBeforeACropAppliesToItsPart() async throws {
    // Turned by 45 degrees, the corners are of the fill, which no image of the source has.
    let rotation = Rotate(degrees: 45...45, fill: [255], probability: 0.3)
    for crop in [RandomCrop(size: 6), CenterCrop(size: 6)] as [any StageComponent] {
      let pipeline = Pipeline(
        source: NamingSource(count: 250, height: 6, width: 6), stages: [Copies(8), rotation, crop])
      let found = try await pipeline.fittedFlow().samples()
      expect(found.count { $0.bytes().pixels.contains(255) }, 0.3, "\(type(of: crop))")
    }
  }

  @Test func partsOfAChoiceComeByTheirWeights() async throws {
    let choice = OneOf(
      [Invert(probability: 1), VerticalFlip(probability: 1), Posterize(bits: 0...0)], weights: [1, 2, 5])
    let found = try await samples([choice])
    let black = found.count { $0.bytes().pixels.allSatisfy { $0 == 0 } }
    let inverted = found.count { $0.bytes().pixels.allSatisfy { $0 > 127 } }
    expect(black, 5 / 8, "posterize")
    expect(inverted, 1 / 8, "invert")
    expect(found.count - black - inverted, 2 / 8, "flip")
  }

  @Test func numbersOfPartsAreEquallyLikely() async throws {
    var run = Run()
    run.recordsDraws = true
    let parts: [any StageComponent] = (0..<4).map { _ in Invert(probability: 1) }
    let numbers = try await samples([SomeOf(parts, count: 0...3)], run).map { $0.history.count }
    for number in 0...3 { expect(numbers.count { $0 == number }, 1 / 4, "\(number) parts") }
  }
}
