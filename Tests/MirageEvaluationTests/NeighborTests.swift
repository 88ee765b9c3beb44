import MirageEvaluation
import MirageSupport
import MirageTensors
import TestSupport
import Testing

@Suite struct NeighborhoodsTests {
  /// Tiles are smaller where there are many dimensions.
  @Test(arguments: [(1_100, 4), (150, 20_000)]) func aSetAndItself(_ count: Int, _ dimensions: Int) throws {
    let features = try normal("itself", count, (1...dimensions).map { 1 / Float($0) })
    let found = try Neighborhoods(real: features, generated: features)
    #expect(found.precision == 1 && found.recall == 1 && found.density == 1 && found.coverage == 1)
  }

  @Test func setsFarApart() throws {
    let features = try normal("here", 100, [1, 1])
    let found = try Neighborhoods(real: features, generated: changed(features) { $0 + 100 })
    #expect(found.precision == 0 && found.recall == 0 && found.density == 0 && found.coverage == 0)
  }

  /// All generated samples are one real one.
  @Test func aCollapsedModelIsPreciseButCoversNothing() throws {
    let real = try normal("real", 200, [1, 1, 1])
    let one = Array(repeating: Array(real.values[..<3]), count: 50).flatMap { $0 }
    let found = try Neighborhoods(real: real, generated: Features(one, dimensions: 3))
    #expect(found.precision == 1 && found.recall == 1 / 200.0 && found.coverage < 0.1)
  }

  /// Copies are at distance 0 however far from zero they lie, and wherever in the tiles they are.
  @Test func copiesAreAtDistanceZero() throws {
    let points = try changed(normal("points", 150, [1, 1, 1, 1, 1])) { $0 * 100 + 3_000 }
    let copies = try Features(Array(repeating: points.values, count: 6).flatMap { $0 }, dimensions: 5)
    // Five copies of each lie at distance 0: neighborhoods have no inside, only a border.
    let found = try Neighborhoods(real: copies, generated: points, precisionNeighbors: 3, densityNeighbors: 5)
    #expect(found.precision == 1 && found.recall == 1 && found.density == 0 && found.coverage == 0)
  }

  /// Naeem et al. 2020 publish .477, .471, 1.056 and .974 for two sets of one distribution, with k = 5 throughout. The
  /// density's expectation is 1, and in so many dimensions a few samples near the middle make it vary by some .05.
  @Test func normalSetsOfThePublishedSize() throws {
    let deviations = [Float](repeating: 1, count: 1_000)
    let found = try Neighborhoods(
      real: normal("real", 10_000, deviations), generated: normal("generated", 10_000, deviations),
      precisionNeighbors: 5)
    #expect(abs(found.precision - 0.477) < 0.02 && abs(found.recall - 0.471) < 0.02, "\(found)")
    #expect(abs(found.density - 1) < 0.15 && abs(found.coverage - 0.974) < 0.02, "\(found)")
  }

  @Test(arguments: [(5, 30, "5 real"), (0, 30, "0 real"), (30, 3, "3 generated")])
  func tooFewSamplesAreBadData(_ real: Int, _ generated: Int, _ words: String) async throws {
    let error = try await failure {
      _ = try Neighborhoods(real: normal("a", real, [1, 1]), generated: normal("b", generated, [1, 1]))
    }
    #expect(error.kind == .badData && error.message.contains(words) && error.remedy?.contains("more samples") == true)
  }

  @Test func oneSampleMoreThanNeighborsIsEnough() throws {
    let found = try Neighborhoods(real: normal("a", 6, [1, 1]), generated: normal("b", 4, [1, 1]))
    #expect((0...1).contains(found.precision) && (0...1).contains(found.coverage))
  }
}

@Suite struct MemorisationTests {
  private let deviations: [Float] = [2, 1, 1, 0.5]

  @Test func freshSamplesAreAsNearToEither() throws {
    // As many of the larger set take part as the smaller one has, or its nearest would be nearer.
    let found = try Memorization(
      generated: normal("generated", 2_000, deviations), training: normal("training", 3_000, deviations),
      heldOut: normal("held-out", 700, deviations))
    #expect(found.compared == 700)
    #expect(abs(found.medianRatio - 1) < 0.05 && abs(found.fractionNearerTraining - 0.5) < 0.04, "\(found)")
  }

  @Test func copiesAreFound() throws {
    let (training, heldOut) = try (normal("training", 600, deviations), normal("held-out", 600, deviations))
    let copies = try Memorization(generated: training, training: training, heldOut: heldOut)
    #expect(copies.meanRatio == 0 && copies.medianRatio == 0 && copies.fractionNearerTraining == 1)
    let near = try Memorization(
      generated: changed(training) { $0 + 0.01 }, training: training, heldOut: heldOut)
    #expect(near.medianRatio < 0.2 && near.fractionNearerTraining > 0.9)
    let other = try Memorization(generated: heldOut, training: training, heldOut: heldOut)
    #expect(other.meanRatio == .infinity && other.fractionNearerTraining == 0)
  }

  @Test func equalDistancesCountHalf() throws {
    let (generated, others) = try (normal("generated", 40, deviations), normal("others", 40, deviations))
    for set in [generated, others] {
      let found = try Memorization(generated: generated, training: set, heldOut: set)
      #expect(found.meanRatio == 1 && found.medianRatio == 1 && found.fractionNearerTraining == 0.5)
    }
  }

  @Test func theSeedDecidesWhichTakePart() throws {
    let (generated, training) = try (normal("generated", 300, deviations), normal("training", 900, deviations))
    let heldOut = try normal("held-out", 100, deviations)
    func found(_ seed: UInt64) throws -> Memorization {
      try Memorization(generated: generated, training: training, heldOut: heldOut, seed: seed)
    }
    #expect(try found(1) == found(1))
    #expect(try found(1) != found(2))
  }

  @Test(arguments: ["generated", "training", "held-out"])
  func anEmptySetIsBadData(_ empty: String) async throws {
    let (some, none) = try (normal("some", 5, [1, 1]), Features([], dimensions: 2))
    func set(_ name: String) -> Features { name == empty ? none : some }
    let error = try await failure {
      _ = try Memorization(generated: set("generated"), training: set("training"), heldOut: set("held-out"))
    }
    #expect(error.kind == .badData && error.message == "there is no \(empty) sample" && error.remedy != nil)
  }
}
