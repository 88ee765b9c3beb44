import MirageEvaluation
import MirageSupport
import MirageTensors
import StreamsTestSupport
import TestSupport
import Testing

/// Normal features: each a multiple of its own deviation, from a generator of this name.
func normal(_ name: String, _ count: Int, _ deviations: [Float]) throws -> Features {
  var random = Random(key: Random.Key(seed: 1, path: name), sample: 0)
  let tensor = Tensor.normal([count, deviations.count], using: &random)
  return try Features(tensor * Tensor(deviations, shape: [1, deviations.count]))
}

/// The same samples with a number added to each feature, or multiplied.
func changed(_ features: Features, _ change: (Float) -> Float) throws -> Features {
  try Features(features.values.map(change), dimensions: features.dimensions)
}

@Suite struct FeaturesTests {
  @Test func rowsOfATensor() throws {
    let features = try Features(Tensor([1, 2, 3, 4, 5, 6], shape: [3, 2]))
    #expect(features.values == [1, 2, 3, 4, 5, 6] && features.count == 3 && features.dimensions == 2)
    #expect(try features == Features([1, 2, 3, 4, 5, 6], dimensions: 2))
    #expect(try Features([], dimensions: 4).count == 0)
  }

  @Test(arguments: [Float.nan, .infinity, -.infinity]) func aNumberThatIsNoneIsBadData(_ value: Float) async throws {
    let error = try await failure { _ = try Features([0, 1, 2, 3, 4, value], dimensions: 2) }
    #expect(error.kind == .badData && error.message == "feature 1 of sample 2 is \(value)" && error.remedy != nil)
    #expect(throws: error) { try Features(Tensor([0, 1, 2, 3, 4, value], shape: [3, 2])) }
  }

  @Test func featuresOfDifferentLengthsAreBadData() async throws {
    let (short, long) = try (normal("short", 20, [1, 1]), normal("long", 20, [1, 1, 1]))
    let work: [() throws -> Void] = [
      { _ = try FrechetDistance.between(short, long) },
      { _ = try FrechetDistance.between(.init(short), .init(long)) },
      { _ = try KernelDistance(short, long) },
      { _ = try Neighborhoods(real: short, generated: long) },
      { _ = try Memorization(generated: short, training: short, heldOut: long) },
    ]
    for body in work {
      let error = try await failure(body)
      #expect(error.kind == .badData && error.message.contains("2") && error.message.contains("3"))
      #expect(error.remedy?.contains("same network") == true)
    }
  }

  /// Each looks at cancellation on its way.
  @Test func metricsOfACancelledTaskEnd() async throws {
    let features = try normal("cancelled", 30, [1, 1])
    let work: [@Sendable () throws -> Void] = [
      { _ = try FrechetDistance.Statistics(features) },
      { _ = try KernelDistance(features, features) },
      { _ = try Neighborhoods(real: features, generated: features) },
      { _ = try Memorization(generated: features, training: features, heldOut: features) },
    ]
    for body in work {
      let task = Task {
        withUnsafeCurrentTask { $0?.cancel() }
        try body()
      }
      await #expect(throws: CancellationError.self) { try await task.value }
    }
  }

  @Test func resultsDoNotDependOnThreads() throws {
    let (x, y) = try (normal("x", 1_300, [1, 2, 3, 4]), normal("y", 900, [1, 2, 3, 5]))
    let before = Compute.threads
    defer { Compute.threads = before }
    let results = try [1, 2, 3].map { threads in
      Compute.threads = threads
      return try (
        KernelDistance(x, y, subsets: 7, size: 200), Neighborhoods(real: x, generated: y),
        Memorization(generated: x, training: x, heldOut: y)
      )
    }
    for result in results { #expect(result == results[0]) }
  }
}
