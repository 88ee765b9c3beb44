import MirageSupport
import MirageStreams
import StreamsTestSupport
import TestSupport
import Testing

/// The arithmetic on positions: which sample stands where, under which id.
@Suite struct FlowTests {
  private func ids(_ stages: [any StageComponent], count: Int = 4, run: Run = Run()) async throws -> [String] {
    let flow = try await Pipeline(source: TestSource(count: count), stages: stages).fittedFlow(run)
    let ids = try (0..<flow.count).map { try flow.locate($0, run).id }
    // What is told without reading is what reading gives.
    #expect(try await flow.samples().map(\.id) == ids)
    return ids.map(\.description)
  }

  struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let stages: [any StageComponent]
    /// index, pass, variant of each position of four samples.
    let ids: [[Int]]

    init(_ name: String, _ stages: [any StageComponent], _ ids: [[Int]]) {
      (testDescription, self.stages, self.ids) = (name, stages, ids)
    }
  }

  static let cases = [
    Case("nothing", [], [[0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0]]),
    Case("take", [Take(2)], [[0, 0, 0], [1, 0, 0]]),
    Case("take none", [Take(0)], []),
    Case("take too many", [Take(9)], [[0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0]]),
    Case("skip", [Skip(3)], [[3, 0, 0]]),
    Case("skip all", [Skip(9)], []),
    Case("skip, take", [Skip(1), Take(2)], [[1, 0, 0], [2, 0, 0]]),
    Case("copies", [Take(2), Copies(2)], [[0, 0, 0], [0, 0, 1], [1, 0, 0], [1, 0, 1]]),
    Case("copies of copies", [Take(1), Copies(2), Copies(2)], [[0, 0, 0], [0, 0, 1], [0, 0, 2], [0, 0, 3]]),
    Case("repeat", [Take(2), Repeat(2)], [[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]]),
    Case("repeat nothing", [Take(0), Repeat(3)], []),
    Case("repeat repeated", [Take(1), Repeat(2), Repeat(2)], [[0, 0, 0], [0, 2, 0], [0, 1, 0], [0, 3, 0]]),
    Case(
      "copies repeated", [Take(1), Copies(2), Repeat(2)], [[0, 0, 0], [0, 0, 1], [0, 1, 0], [0, 1, 1]]),
  ]

  @Test(arguments: cases) func positions(_ one: Case) async throws {
    let expected = one.ids.map { SampleID(index: $0[0], pass: $0[1], variant: $0[2]).description }
    #expect(try await ids(one.stages).sorted() == expected.sorted())
    if one.testDescription != "repeat repeated" { #expect(try await ids(one.stages) == expected) }
  }

  @Test(
    arguments: [
      [Copies(3), Repeat(2)], [Repeat(2), Copies(3)], [Repeat(3), Shuffle(), Repeat(2)],
      [Balance(perClass: 11), Copies(2)],
      [Repeat(2), Balance(perClass: 9), Repeat(3)], [Copies(2), Balance(), Balance(perClass: 20)],
      [Shuffle(), Take(3), Repeat(4), Copies(2)],
    ] as [[any StageComponent]])
  func idsAreUnique(_ stages: [any StageComponent]) async throws {
    let all = try await ids(stages, count: 7)
    #expect(Set(all).count == all.count)
  }

  @Test func idsAreReadAsTheyAreWritten() {
    for id in [
      SampleID(index: 0), SampleID(source: 3, index: 123_456_789_012, pass: 7, variant: 2),
      SampleID(index: 5, synthetic: 8),
    ] {
      #expect(SampleID(id.description) == id)
      #expect(!id.description.contains("."))
    }
    for wrong in ["", "s0", "s0-1-p0", "x0-1-p0-v0", "s0-1-p0-v0-g", "s0-1-p0-v0-g1-h1", "s0--1-p0-v0-"] {
      #expect(SampleID(wrong) == nil)
    }
  }

  @Test func copiesAndPassesDrawAnew() async throws {
    let pipeline = Pipeline(
      source: TestSource(count: 3), stages: [GaussianNoise(), Repeat(2), Copies(2), GaussianNoise()])
    let samples = try await pipeline.fittedFlow().samples()
    #expect(Set(samples.map { $0.bytes().pixels }).count == 12)
    // What stands before the copies is drawn once for all copies, but anew for each pass.
    let before = try await Pipeline(source: TestSource(count: 3), stages: [GaussianNoise(), Repeat(2), Copies(2)])
      .fittedFlow().samples()
    #expect(Set(before.map { $0.bytes().pixels }).count == 6)
    #expect(before[0].bytes() == before[1].bytes())
  }

  @Test(arguments: [0, 1, 2, 3, 10, 63, 64, 65, 1000]) func shuffleIsAPermutation(count: Int) async throws {
    let orders = try await [(0, 1), (1, 1), (0, 2)].asyncMap { epoch, seed in
      try await ids([Shuffle()], count: count, run: Run(seed: seed, epoch: epoch))
    }
    let plain = try await ids([], count: count)
    for order in orders { #expect(order.sorted() == plain.sorted()) }
    #expect(try await ids([Shuffle()], count: count, run: Run(seed: 1)) == orders[0])
    if count > 9 { #expect(Set(orders + [plain]).count == 4) }
    // Every pass of a repetition is shuffled in its own way.
    let twice = try await ids([Shuffle(), Repeat(2)], count: count)
    if count > 9 { #expect(twice.prefix(count).map { $0.prefix(11) } != twice.suffix(count).map { $0.prefix(11) }) }
  }

  @Test(arguments: [1, 2, 3, 7, 40]) func shardsHoldEachSampleOnce(count: Int) async throws {
    let pipeline = Pipeline(source: TestSource(count: 10), stages: [Copies(3), Shuffle(), GaussianNoise()])
    let whole = try await pipeline.fittedFlow(Run(seed: 3)).samples()
    var parts: [Sample] = []
    for index in 0..<count {
      let flow = try await pipeline.fittedFlow(Run(seed: 3, shard: Shard(index: index, count: count)))
      for try await sample in flow { parts.append(sample) }
    }
    #expect(parts.map(\.id) == whole.map(\.id))
    #expect(parts.map { $0.bytes() } == whole.map { $0.bytes() })
  }

  @Test func shardsOfHugeFlowsDoNotOverflow() {
    let total = Int.max
    let shards = (0..<3).map { Shard(index: $0, count: 3).range(of: total) }
    #expect(shards.map(\.count).reduce(0, +) == total)
    #expect(shards[0].upperBound == shards[1].lowerBound && shards[2].upperBound == total)
  }

  @Test func iterationEndsWithTheFailure() async throws {
    let flow = TestSource(count: 10, failing: [5]).flow(in: Context())
    var iterator = flow.makeAsyncIterator()
    for index in 0..<5 { #expect(try await iterator.next()?.id.index == index) }
    let error = await #expect(throws: SampleError.self) { _ = try await iterator.next() }
    #expect(error?.id.index == 5)
    for _ in 0..<3 { #expect(try await iterator.next() == nil) }
  }

  @Test func multiplyingBeyondAllNumbersIsAnError() async throws {
    for stages: [any StageComponent] in [[Copies(.max)], [Repeat(1 << 40), Repeat(1 << 40)]] {
      let error = await #expect(throws: MirageError.self) {
        _ = try await Pipeline(source: TestSource(), stages: stages).fittedFlow()
      }
      #expect(error?.kind == .badPipeline)
    }
  }
}

extension Sequence where Element: Sendable {
  func asyncMap<Result>(_ transform: (Element) async throws -> Result) async rethrows -> [Result] {
    var results: [Result] = []
    for element in self { results.append(try await transform(element)) }
    return results
  }
}
