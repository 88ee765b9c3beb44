import MirageStreams
import Synchronization
import TestSupport
import Testing

/// Computations that wait until the test lets them end, so that nothing here depends on time.
private final class Gate: Sendable {
  struct Failure: Error, Equatable { let index: Int }

  private struct State {
    var started: [Int] = []
    var running: Set<Int> = []
    var mostRunning = 0
    var ended: [Int] = []
    var waiting: [Int: CheckedContinuation<Void, any Error>] = [:]
    /// What was decided before the computation began to wait.
    var decided: [Int: Result<Void, any Error>] = [:]
    var watchers: [(isMet: @Sendable (State) -> Bool, continuation: CheckedContinuation<Void, Never>)] = []
  }

  private let state = Mutex(State())

  var started: [Int] { state.withLock { $0.started } }
  var running: Set<Int> { state.withLock { $0.running } }
  var mostRunning: Int { state.withLock { $0.mostRunning } }

  /// What a map computes: ten times the index, once the gate opens for it. Cancellation opens it with an error.
  @Sendable func work(_ index: Int) async throws -> Int {
    change { state in
      state.started.append(index)
      state.running.insert(index)
      state.mostRunning = max(state.mostRunning, state.running.count)
    }
    defer {
      change { state in
        state.running.remove(index)
        state.ended.append(index)
      }
    }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let decided = state.withLock { state -> Result<Void, any Error>? in
          if state.decided[index] == nil { state.waiting[index] = continuation }
          return state.decided[index]
        }
        if let decided { continuation.resume(with: decided) }
      }
    } onCancel: {
      decide(index, .failure(CancellationError()))
    }
    return index * 10
  }

  func open(_ indices: Int...) { for index in indices { decide(index, .success(())) } }
  func fail(_ index: Int) { decide(index, .failure(Failure(index: index))) }

  /// Waits until so many computations have begun.
  func untilStarted(_ count: Int) async { await until { $0.started.count >= count } }
  /// Waits until no computation is running.
  func untilIdle() async { await until { $0.running.isEmpty } }
  func untilEnded(_ indices: Int...) async { await until { Set(indices).isSubset(of: $0.ended) } }

  private func decide(_ index: Int, _ result: Result<Void, any Error>) {
    let waiting = state.withLock { state in
      if state.decided[index] == nil { state.decided[index] = result }
      return state.waiting.removeValue(forKey: index)
    }
    waiting?.resume(with: result)
  }

  private func change(_ body: (inout State) -> Void) {
    let met = state.withLock { state in
      body(&state)
      let watchers = state.watchers
      state.watchers = watchers.filter { !$0.isMet(state) }
      return watchers.filter { $0.isMet(state) }
    }
    for watcher in met { watcher.continuation.resume() }
  }

  private func until(_ isMet: @escaping @Sendable (State) -> Bool) async {
    await withCheckedContinuation { continuation in
      let isMetNow = state.withLock { state in
        if isMet(state) { return true }
        state.watchers.append((isMet, continuation))
        return false
      }
      if isMetNow { continuation.resume() }
    }
  }
}

@Suite(.timeLimit(.minutes(1))) struct OrderedMapTests {
  @Test func keepsTheOrderWhateverEndsFirst() async throws {
    let gate = Gate()
    var iterator = OrderedMap(5..<9, workers: 4, bound: 4, work: gate.work).makeAsyncIterator()
    async let opening: Void = {
      await gate.untilStarted(4)
      for index in [8, 6, 7, 5] {
        gate.open(index)
        await gate.untilEnded(index)
      }
    }()
    var results: [Int] = []
    while let result = try await iterator.next() { results.append(result) }
    await opening
    #expect(results == [50, 60, 70, 80])
    for _ in 0..<3 { #expect(try await iterator.next() == nil) }
  }

  /// Results that nobody takes stop the work: at most `bound` are computed or wait.
  @Test(arguments: [(1, 1), (1, 4), (2, 2), (3, 7), (8, 16)])
  func keepsItsBounds(workers: Int, bound: Int) async throws {
    let gate = Gate()
    let count = 40
    for index in 1..<count { gate.open(index) }
    var iterator = OrderedMap(0..<count, workers: workers, bound: bound, work: gate.work).makeAsyncIterator()
    async let opening: Void = {
      // The first computation holds up all others: as many begin behind it as the bound allows, and no more.
      await gate.untilStarted(workers == 1 ? 1 : bound)
      #expect(gate.started.count <= bound)
      gate.open(0)
    }()
    var taken = 0
    while let result = try await iterator.next() {
      #expect(result == taken * 10)
      taken += 1
      // Its place was free from the moment the result was handed over.
      #expect(gate.started.count - taken <= bound)
    }
    await opening
    #expect(taken == count)
    #expect(gate.started.sorted() == Array(0..<count))
    #expect(gate.mostRunning <= workers)
  }

  @Test func cancelingTheConsumerCancelsTheWork() async throws {
    let gate = Gate()
    let consumer = Task {
      var iterator = OrderedMap(0..<100, workers: 3, bound: 6, work: gate.work).makeAsyncIterator()
      await #expect(throws: CancellationError.self) { _ = try await iterator.next() }
      await #expect(throws: CancellationError.self) { _ = try await iterator.next() }
    }
    await gate.untilStarted(3)
    consumer.cancel()
    await consumer.value
    await gate.untilIdle()
    #expect(gate.started.sorted() == [0, 1, 2])
  }

  @Test func aCancelledConsumerStartsNothing() async throws {
    let gate = Gate()
    let consumer = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      var iterator = OrderedMap(0..<100, workers: 3, bound: 6, work: gate.work).makeAsyncIterator()
      await #expect(throws: CancellationError.self) { _ = try await iterator.next() }
    }
    await consumer.value
    #expect(gate.started.isEmpty)
  }

  @Test func anErrorIsThrownAtItsTurn() async throws {
    let gate = Gate()
    var iterator = OrderedMap(0..<100, workers: 4, bound: 4, work: gate.work).makeAsyncIterator()
    async let opening: Void = {
      await gate.untilStarted(4)
      gate.fail(2)
      await gate.untilEnded(2)
      gate.open(1, 0)
    }()
    #expect(try await iterator.next() == 0)
    #expect(try await iterator.next() == 10)
    await #expect(throws: Gate.Failure(index: 2)) { _ = try await iterator.next() }
    for _ in 0..<3 { #expect(try await iterator.next() == nil) }
    await opening
    await gate.untilIdle()
    // Nothing began behind the failure.
    #expect(gate.started.sorted() == [0, 1, 2, 3])
  }

  @Test func theFirstOfTwoErrorsIsThrown() async throws {
    let gate = Gate()
    var iterator = OrderedMap(0..<8, workers: 4, bound: 8, work: gate.work).makeAsyncIterator()
    async let opening: Void = {
      await gate.untilStarted(4)
      gate.fail(3)
      await gate.untilEnded(3)
      gate.fail(1)
      await gate.untilEnded(1)
      gate.open(0, 2)
    }()
    #expect(try await iterator.next() == 0)
    await #expect(throws: Gate.Failure(index: 1)) { _ = try await iterator.next() }
    #expect(try await iterator.next() == nil)
    await opening
  }

  @Test func droppingTheIteratorStopsTheWork() async throws {
    let gate = Gate()
    gate.open(0)
    do {
      var iterator = OrderedMap(0..<100, workers: 2, bound: 4, work: gate.work).makeAsyncIterator()
      #expect(try await iterator.next() == 0)
      await gate.untilStarted(3)
    }
    // Ends only because the computations are cancelled: nobody opens the gate for them.
    await gate.untilIdle()
    #expect(gate.started.count == 3)
  }

  @Test func anEmptyRangeEndsAtOnce() async throws {
    let gate = Gate()
    var iterator = OrderedMap(3..<3, workers: 2, bound: 2, work: gate.work).makeAsyncIterator()
    for _ in 0..<3 { #expect(try await iterator.next() == nil) }
    #expect(gate.started.isEmpty)
  }

  @Test func oneWorkerComputesOneAfterTheOther() async throws {
    let gate = Gate()
    for index in 0..<20 { gate.open(index) }
    var results: [Int] = []
    for try await result in OrderedMap(0..<20, workers: 1, bound: 5, work: gate.work) { results.append(result) }
    #expect(results == (0..<20).map { $0 * 10 })
    #expect(gate.started == Array(0..<20))
    #expect(gate.mostRunning == 1)
  }

  @Test func twoIteratorsAreTwoComputations() async throws {
    let map = OrderedMap(0..<5, workers: 2, bound: 2) { $0 }
    for _ in 0..<2 {
      var results: [Int] = []
      for try await result in map { results.append(result) }
      #expect(results == [0, 1, 2, 3, 4])
    }
  }
}
