import MirageEvaluation
import MirageSupport
import TestSupport
import Testing

@Suite struct InceptionScoreTests {
  /// `count` samples, each surely of the next class.
  private func sure(_ count: Int, classes: Int) throws -> Features {
    try Features(
      (0..<count * classes).map { $0 % classes == $0 / classes % classes ? 1 : 0 }, dimensions: classes)
  }

  @Test func itIsBetweenOneAndTheNumberOfClasses() throws {
    let best = try InceptionScore(probabilities: sure(200, classes: 5))
    #expect(abs(best.mean - 5) < 1e-12 && best.standardDeviation < 1e-12)
    let worst = try InceptionScore(probabilities: Features([Float](repeating: 0.25, count: 400), dimensions: 4))
    #expect(abs(worst.mean - 1) < 1e-12 && worst.standardDeviation < 1e-12)
  }

  @Test func splitsAreContiguous() throws {
    // Each of five samples is of another class, but each split has only one class.
    let sorted = try Features((0..<50).map { $0 % 5 == $0 / 10 ? 1 : 0 }, dimensions: 5)
    #expect(abs(try InceptionScore(probabilities: sorted, splits: 5).mean - 1) < 1e-12)
    #expect(abs(try InceptionScore(probabilities: sorted, splits: 1).mean - 5) < 1e-12)
  }

  @Test func fewerSamplesThanSplitsAreASplitEach() throws {
    let score = try InceptionScore(probabilities: sure(3, classes: 5))
    #expect(score.mean == 1 && score.standardDeviation == 0)
  }

  @Test(arguments: [[0.5, 0.6], [1.5, -0.5], [3, 4]] as [[Float]])
  func whatIsNoProbabilityIsBadData(_ row: [Float]) async throws {
    let error = try await failure { _ = try InceptionScore(probabilities: Features([0.5, 0.5] + row, dimensions: 2)) }
    #expect(error.kind == .badData && error.message.contains("sample 1") && error.remedy?.contains("softmax") == true)
  }

  @Test func noSampleIsBadData() async throws {
    let error = try await failure { _ = try InceptionScore(probabilities: Features([], dimensions: 2)) }
    #expect(error.kind == .badData)
  }
}

@Suite struct KernelDistanceTests {
  @Test func setsOfOneDistributionAreNearZero() throws {
    let deviations = [Float](repeating: 1, count: 10)
    let (first, second) = try (normal("first", 1_500, deviations), normal("second", 1_200, deviations))
    let distance = try KernelDistance(first, second, subsets: 20, size: 300)
    #expect(abs(distance.mean) < 0.01 && distance.standardDeviation > 0 && distance.standardDeviation < 0.05)
    let other = try KernelDistance(first, changed(second) { $0 + 1 }, subsets: 20, size: 300)
    #expect(other.mean > 1)
  }

  /// The mean of x is 1, that of y 0, both without spread but for one feature: E k(x, x') and the like are sums.
  @Test func valuesByHand() throws {
    let distance = try KernelDistance(
      Features([1, 0, 1, 2], dimensions: 2), Features([0, 0, 0, 1], dimensions: 2), subsets: 1)
    func kernel(_ product: Double) -> Double { (product / 2 + 1) * (product / 2 + 1) * (product / 2 + 1) }
    let across = (kernel(0) + kernel(0) + kernel(0) + kernel(2)) / 4
    #expect(abs(distance.mean - (kernel(1) + kernel(0) - 2 * across)) < 1e-12)
  }

  @Test func theSeedDecides() throws {
    let (first, second) = try (normal("first", 90, [1, 2]), normal("second", 80, [1, 1]))
    func distance(_ seed: UInt64) throws -> KernelDistance {
      try KernelDistance(first, second, subsets: 10, size: 40, seed: seed)
    }
    #expect(try distance(1) == distance(1))
    #expect(try distance(1) != distance(2))
  }

  /// Subsets are drawn from all samples: their mean comes near the value of all.
  @Test func subsetsAgreeWithTheWhole() throws {
    let (first, second) = try (normal("first", 400, [1, 2]), normal("second", 400, [2, 1]))
    let whole = try KernelDistance(first, second, subsets: 1)
    let subsets = try KernelDistance(first, second, subsets: 200, size: 100)
    #expect(abs(subsets.mean - whole.mean) < 4 * subsets.standardDeviation / 200.0.squareRoot())
  }

  @Test(arguments: [(1, 5), (5, 1), (0, 5)]) func tooFewSamplesAreBadData(_ first: Int, _ second: Int) async throws {
    let error = try await failure { _ = try KernelDistance(normal("a", first, [1]), normal("b", second, [1])) }
    #expect(error.kind == .badData && error.message.contains("\(first) and \(second)") && error.remedy != nil)
  }

  @Test func featuresTooLargeForTheKernelAreBadData() async throws {
    let huge = try changed(normal("huge", 10, [1, 1])) { $0 * 1e37 }
    let error = try await failure { _ = try KernelDistance(huge, huge) }
    #expect(error.kind == .badData && error.message.contains("too large"))
  }
}
