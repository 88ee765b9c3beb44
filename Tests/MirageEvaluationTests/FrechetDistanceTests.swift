import MirageEvaluation
import MirageSupport
import MirageTensors
import TestSupport
import Testing

@Suite struct FrechetDistanceTests {
  @Test func meanAndCovariance() throws {
    let statistics = try FrechetDistance.Statistics(Features([1, 10, 2, 30, 6, 20], dimensions: 2))
    #expect(statistics.count == 3 && statistics.mean == [3, 20])
    #expect(statistics.covariance == [7, 5, 5, 100])
  }

  /// Rows are summed in blocks.
  @Test func covarianceOfManySamples() throws {
    let features = try changed(normal("many", 1_500, [1, 3, 0.5])) { $0 + 7 }
    let statistics = try FrechetDistance.Statistics(features)
    let columns = (0..<3).map { place in
      stride(from: place, to: features.values.count, by: 3).map { Double(features.values[$0]) }
    }
    let means = columns.map { $0.reduce(0, +) / 1_500 }
    for (row, column) in [(0, 0), (0, 1), (1, 0), (1, 2), (2, 2)] {
      let products = zip(columns[row], columns[column]).map { ($0 - means[row]) * ($1 - means[column]) }
      #expect(abs(statistics.covariance[row * 3 + column] - products.reduce(0, +) / 1_499) < 1e-12)
    }
  }

  @Test func aSetIsAtDistanceZeroFromItself() throws {
    for (count, size) in [(2, 1), (5, 40), (300, 64), (65, 64), (2_000, 100)] {
      // From large deviations to small ones.
      let deviations = (0..<size).map { Float(3 / Double(1 + $0)) }
      let features = try normal("itself", count, deviations)
      let distance = try FrechetDistance.between(features, features)
      #expect(distance >= 0 && distance < 1e-9 * 15, "\(count) x \(size): \(distance)")
    }
    let constant = try Features([Float](repeating: 3, count: 40), dimensions: 4)
    #expect(try FrechetDistance.between(constant, constant) == 0)
  }

  @Test func itIsSymmetric() throws {
    for (count, size) in [(400, 20), (30, 50)] {
      let (first, second) = try (
        normal("first", count, [Float](repeating: 1, count: size)),
        normal("second", count + 10, (0..<size).map { 1 + Float($0) / 10 })
      )
      let forward = try FrechetDistance.between(first, second)
      let back = try FrechetDistance.between(second, first)
      #expect(abs(forward - back) < 1e-9 * forward && forward > 1)
    }
  }

  @Test func aShiftAddsItsSquare() throws {
    // In steps of 1/64, so that the shift does not round.
    let first = try changed(normal("first", 200, [1, 2, 3])) { ($0 * 64).rounded() / 64 }
    let second = try changed(normal("second", 300, [2, 2, 1])) { ($0 * 64).rounded() / 64 }
    let distance = try FrechetDistance.between(first, second)
    let means = try (FrechetDistance.Statistics(first).mean, FrechetDistance.Statistics(second).mean)
    let shifted = try FrechetDistance.between(first, changed(second) { $0 + 0.5 })
    let expected = zip(means.0, means.1).reduce(distance) { $0 + 0.25 - ($1.0 - $1.1) }
    #expect(abs(shifted - expected) < 1e-9)
    #expect(abs(try FrechetDistance.between(first, changed(first) { $0 + 4 }) - 3 * 16) < 1e-9)
  }

  /// tr M^½ = (tr M + 2 √det M)^½ for 2 × 2 matrices, here of covariances that do not commute.
  @Test func normalSetsApproachTheAnalyticDistance() throws {
    let count = 200_000
    func mixed(_ name: String, _ a: Float, _ b: Float, _ c: Float, shift: Float) throws -> Features {
      let values = try normal(name, count, [1, 1]).values
      var mixed: [Float] = []
      for place in stride(from: 0, to: values.count, by: 2) {
        let (x, y) = (values[place], values[place + 1])
        mixed += [a * x + shift, b * x + c * y]
      }
      return try Features(mixed, dimensions: 2)
    }
    let distance = try FrechetDistance.between(
      mixed("one", 2, 1, 0.5, shift: 1), mixed("two", 1, -0.5, 1, shift: 0))
    // Covariances as their upper triangles.
    let (s, t): ([Double], [Double]) = ([4, 2, 1.25], [1, -0.5, 1.25])
    let trace = s[0] * t[0] + 2 * s[1] * t[1] + s[2] * t[2]
    let determinant = (s[0] * s[2] - s[1] * s[1]) * (t[0] * t[2] - t[1] * t[1])
    let root = (trace + 2 * determinant.squareRoot()).squareRoot()
    let expected = 1 + s[0] + s[2] + t[0] + t[2] - 2 * root
    #expect(abs(distance - expected) < 0.01 * expected, "\(distance) instead of \(expected)")
  }

  @Test(arguments: [0, 1]) func tooFewSamplesAreBadData(_ count: Int) async throws {
    let few = try Features([Float](repeating: 0, count: 3 * count), dimensions: 3)
    let error = try await failure { _ = try FrechetDistance.Statistics(few) }
    #expect(error.kind == .badData && error.message.contains("at least two samples") && error.remedy != nil)
    let many = try normal("many", 10, [1, 1, 1])
    #expect(throws: error) { try FrechetDistance.between(many, few) }
  }

  @Test func tooManyDimensionsAreBadData() async throws {
    let size = FrechetDistance.Statistics.dimensionLimit + 1
    let wide = try Features([Float](repeating: 0, count: 2 * size), dimensions: size)
    let error = try await failure { _ = try FrechetDistance.Statistics(wide) }
    #expect(error.kind == .badData && error.message.contains("\(size)") && error.remedy != nil)
  }
}
