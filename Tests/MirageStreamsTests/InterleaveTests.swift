import MirageSupport
import MirageStreams
import StreamsTestSupport
import TestSupport
import Testing

@Suite struct InterleaveTests {
  struct Case: Sendable {
    let counts: [Int]
    let weights: [Double]
    let until: Interleave.End
    /// Positions in all.
    let total: Int
  }

  static let cases = [
    Case(counts: [10, 10], weights: [1, 1], until: .shortest, total: 20),
    Case(counts: [3, 10], weights: [1, 1], until: .shortest, total: 6),
    Case(counts: [3, 10], weights: [1, 1], until: .longest, total: 20),
    Case(counts: [100, 100], weights: [3, 1], until: .shortest, total: 133),
    Case(counts: [30, 60, 10], weights: [0.3, 0.6, 0.1], until: .shortest, total: 100),
    Case(counts: [5], weights: [7], until: .longest, total: 5),
    Case(counts: [700, 300], weights: [2.squareRoot(), 1], until: .shortest, total: 724),
  ]

  @Test(arguments: cases) func servesByWeight(_ one: Case) async throws {
    let interleave = Interleave(
      one.counts.map { TestSource(count: $0) }, weights: one.weights, until: one.until)
    let samples = try await interleave.flow(in: Context()).samples()
    #expect(abs(samples.count - one.total) <= one.counts.count)
    #expect(Set(samples.map(\.id)).count == samples.count)
    var served = [Int](repeating: 0, count: one.counts.count)
    for (position, sample) in samples.enumerated() {
      let source = sample.id.source
      // In its own order, over and over.
      #expect(sample.id.index == served[source] % one.counts[source])
      #expect(sample.id.pass == served[source] / one.counts[source])
      served[source] += 1
      for (source, weight) in one.weights.enumerated() {
        let due = weight / one.weights.reduce(0, +) * Double(position + 1)
        // A period of 1,000 stands for weights that no period meets.
        #expect(abs(Double(served[source]) - due) < 1.5 + 0.001 * Double(position))
      }
    }
    switch one.until {
    case .shortest: #expect(samples.allSatisfy { $0.id.pass == 0 })
    case .longest: #expect(zip(served, one.counts).allSatisfy { $0 >= $1 })
    }
  }

  @Test func joinsClassesByName() async throws {
    let interleave = Interleave([
      TestSource(count: 3, classes: ["ant", "bee", "cat"]), TestSource(count: 3, classes: ["cat", "dog", "ant"]),
    ])
    let flow = try await interleave.flow()
    #expect(flow.about.classes == ["ant", "bee", "cat", "dog"])
    let samples = try await flow.samples()
    #expect(samples.map { $0.label?.index } == [0, 2, 1, 3, 2, 0])
    #expect(try (0..<6).map { try flow.locate($0, Run()).label } == [0, 2, 1, 3, 2, 0])
  }

  @Test func nestedIdsAreUnique() async throws {
    let inner = Interleave([TestSource(count: 2), TestSource(count: 9)], until: .longest)
    let middle = Interleave([inner, TestSource(count: 40)], weights: [1, 2], until: .longest)
    let samples = try await Interleave([middle, TestSource(count: 5)], until: .longest).flow(in: Context()).samples()
    #expect(samples.count > 100)
    #expect(Set(samples.map(\.id)).count == samples.count)
  }

  @Test func namesAFailingSample() async throws {
    let flow = try await Interleave([TestSource(count: 4), TestSource(count: 4, failing: [1])]).flow()
    guard case .failed(let error) = try await flow.slots()[3] else {
      Issue.record("position 3 is the second sample of the second source")
      return
    }
    #expect(error.id == SampleID(source: 1, index: 1))
  }

  @Test func refusesWhatDoesNotFit() async {
    let two: [any SourceComponent] = [TestSource(), TestSource()]
    for weights in [[1], [1, 0], [1, -1], [1, .infinity], [1, .nan]] as [[Double]] {
      #expect(throws: MirageError.self) { try Interleave(two, weights: weights).validate() }
    }
    #expect(throws: MirageError.self) { try Interleave([]).validate() }
    await #expect(throws: MirageError.self) { try await Interleave([TestSource(count: 0), TestSource()]).flow() }
  }
}
