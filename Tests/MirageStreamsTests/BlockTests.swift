import MirageStreams
import MirageSupport
import StreamsTestSupport
import Synchronization
import Testing

/// Blocks are whole, aligned, computed once, kept within their bound, and cancellable.
@Suite(.timeLimit(.minutes(1))) struct BlockTests {
  private struct Failure: Error {}

  /// What was computed, in order; computations that wait until the test lets them go on.
  private final class Recorder: Sendable {
    let ranges = Mutex<[Range<Int>]>([])
    let isOpen = Mutex(true)

    func record(_ range: Range<Int>) async throws {
      ranges.withLock { $0.append(range) }
      while !isOpen.withLock({ $0 }) {
        try Task.checkCancellation()
        await Task.yield()
      }
    }

    func untilComputing(_ count: Int) async {
      while ranges.withLock({ $0.count }) < count { await Task.yield() }
    }
  }

  private func numbers(
    _ recorder: Recorder, count: Int = 20, size: Int = 8, keeping limit: Int = 1 << 20, dependsOnEpoch: Bool = true,
    fail: @escaping @Sendable (Int) throws -> Void = { _ in }
  ) -> Flow<Int> {
    Flow.generated(
      count: count, inBlocksOf: size, about: DatasetInfo(classes: [], inputs: [], chunkSize: 100),
      dependsOnEpoch: dependsOnEpoch, keeping: limit, bytes: { _ in 1000 },
      locate: { position, _ in SampleHeader(id: SampleID(index: position), label: nil) },
      generate: { range, run in
        try await recorder.record(range)
        try fail(recorder.ranges.withLock { $0.count })
        return range.map { .element($0 * 10 + Int(run.seed) * 1000 + run.epoch * 100_000) }
      })
  }

  private func read(_ flow: Flow<Int>, _ positions: [Int], _ run: Run = Run()) async throws -> [Int] {
    try await flow.read(positions, run).map { if case .element(let value) = $0 { value } else { -1 } }
  }

  @Test func blocksAreWholeWhateverIsAsked() async throws {
    let recorder = Recorder()
    let flow = numbers(recorder)
    #expect(try await read(flow, [9, 3, 19, 9, 2]) == [90, 30, 190, 90, 20])
    #expect(recorder.ranges.withLock { $0 } == [8..<16, 0..<8, 16..<20])
    #expect(flow.about.chunkSize == 8)
    var all: [Int] = []
    for try await value in flow { all.append(value) }
    #expect(all == (0..<20).map { $0 * 10 })
    #expect(recorder.ranges.withLock { $0.count } == 3, "kept")
  }

  @Test func seedsAndEpochsHaveTheirOwn() async throws {
    for dependsOnEpoch in [true, false] {
      let recorder = Recorder()
      let flow = numbers(recorder, dependsOnEpoch: dependsOnEpoch)
      for _ in 0..<2 {
        #expect(try await read(flow, [1], Run(seed: 2)) == [2010])
        #expect(try await read(flow, [1], Run(seed: 3)) == [3010])
        #expect(try await read(flow, [1], Run(seed: 3, epoch: 4)) == [dependsOnEpoch ? 403_010 : 3010])
        #expect(try await read(flow, [1], Run(seed: 3, shard: Shard(index: 1, count: 2))) == [3010])
      }
      #expect(recorder.ranges.withLock { $0.count } == (dependsOnEpoch ? 3 : 2))
    }
  }

  @Test func theLeastRecentlyUsedMakeRoom() async throws {
    let recorder = Recorder()
    let block = 8 * (1000 + MemoryLayout<Slot<Int>>.stride)
    let flow = numbers(recorder, count: 32, keeping: 3 * block - 1)
    for position in [0, 8, 0, 16, 0, 8] { _ = try await read(flow, [position]) }
    #expect(recorder.ranges.withLock { $0 } == [0..<8, 8..<16, 16..<24, 8..<16])
    let small = Recorder()
    let tight = numbers(small, keeping: 0)
    _ = try await read(tight, [0, 8, 1, 9, 2])
    _ = try await read(tight, [8])
    #expect(small.ranges.withLock { $0 } == [0..<8, 8..<16], "the newest is kept, and a read asks for each block once")
  }

  @Test func requestsAtTheSameTimeComputeOnce() async throws {
    let recorder = Recorder()
    recorder.isOpen.withLock { $0 = false }
    let flow = numbers(recorder)
    let tasks = (0..<10).map { position in Task { try await read(flow, [position % 8]) } }
    await recorder.untilComputing(1)
    for _ in 0..<100 { await Task.yield() }
    recorder.isOpen.withLock { $0 = true }
    for (position, task) in tasks.enumerated() { #expect(try await task.value == [position % 8 * 10]) }
    #expect(recorder.ranges.withLock { $0 } == [0..<8])
  }

  @Test func errorsAreNotKept() async throws {
    let recorder = Recorder()
    let flow = numbers(recorder) { if $0 == 1 { throw Failure() } }
    await #expect(throws: Failure.self) { _ = try await read(flow, [0]) }
    #expect(try await read(flow, [0]) == [0])
    #expect(recorder.ranges.withLock { $0.count } == 2)
  }

  @Test func oneWhoWaitsTakesOverFromTheCancelled() async throws {
    let recorder = Recorder()
    recorder.isOpen.withLock { $0 = false }
    let flow = numbers(recorder)
    let first = Task { try await read(flow, [0]) }
    await recorder.untilComputing(1)
    let (second, third) = (Task { try await read(flow, [1]) }, Task { try await read(flow, [2]) })
    for _ in 0..<100 { await Task.yield() }
    third.cancel()
    await #expect(throws: CancellationError.self) { _ = try await third.value }
    first.cancel()
    await #expect(throws: CancellationError.self) { _ = try await first.value }
    await recorder.untilComputing(2)
    recorder.isOpen.withLock { $0 = true }
    #expect(try await second.value == [10])
    #expect(recorder.ranges.withLock { $0.count } == 2)
  }

  @Test func aBlockOfAnotherSizeIsAnError() async throws {
    let flow = TestSource(count: 9).flow(in: Context()).mapBlocks(of: 4, bytes: { (_: Int) in 8 }) { _, _ in [.absent] }
    let error = await #expect(throws: MirageError.self) { _ = try await flow.read([0], Run()) }
    #expect(error?.message == "a block of 4 positions was given 1 slots")
  }

  /// An average over the block: each result depends on all of its positions.
  @Test func mappedBlocksDependOnPositionsAlone() async throws {
    let upstream = try await Pipeline(
      source: TestSource(count: 21, failing: [6]), stages: [GaussianNoise(), Filter(classes: ["bee"], invert: true)]
    ).fittedFlow(Run(seed: 5))
    let flow = upstream.mapBlocks(of: 8, bytes: \.byteCount) { block, run in
      #expect(block.positions.lowerBound % 8 == 0 && block.slots.count == block.positions.count)
      #expect(run.shard == .whole && run.seed == 5)
      let sum = block.slots.reduce(0) { sum, slot in
        if case .element(let sample) = slot { sum + Int(sample.bytes().pixels[0]) } else { sum }
      }
      return block.slots.map { slot in
        guard case .element(var sample) = slot else { return slot }
        sample.attributes["sum"] = .integer(sum)
        return .element(sample)
      }
    }
    let whole = try await flow.slots(workers: 1).map(summary)
    #expect(try await flow.slots(workers: 8).map(summary) == whole)
    for position in 0..<21 { #expect(try await flow.read([position], flow.run).map(summary) == [whole[position]]) }
    #expect(whole[1] == "absent" && whole[6].contains("sample 6 is bad") && whole[0].contains("\"sum\""))
    for index in 0..<3 {
      let shard = Shard(index: index, count: 3)
      let range = shard.range(of: 21)
      let part = try await flow.read(Array(range), Run(seed: 5, shard: shard)).map(summary)
      #expect(part == Array(whole[range]))
    }
    let passes = try Repeat(2).apply(to: flow, at: .root.stage(9))
    let again = try await passes.read(Array(21..<42), flow.run).map(summary)
    #expect(again.count == 21 && again[0] != whole[0], "another epoch, other noise")
  }
}
