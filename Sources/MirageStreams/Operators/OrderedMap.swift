import Synchronization

/// A concurrent map that computes `work(index)` for a range of indices in parallel and gives the results in order.
///
/// - At most `workers` computations run at once, and at most `bound` results are being computed or wait to be taken:
///   a slow consumer stops the work instead of filling memory.
/// - An error is thrown at the turn of its index, whatever finished earlier, and ends the sequence.
/// - Canceling the consuming task cancels the computations, and `next` throws `CancellationError`. Dropping the
///   iterator cancels them too.
///
/// Work is not split into chunks, so a computation should take about a millisecond. Computations start in the order of
/// their indices.
package struct OrderedMap<Output: Sendable>: AsyncSequence, Sendable {
  private let indices: Range<Int>
  private let workers: Int
  private let bound: Int
  private let priority: TaskPriority?
  private let work: @Sendable (Int) async throws -> Output

  /// Creates the map. Computations have the given priority, or the system's default if it is nil.
  package init(
    _ indices: Range<Int>, workers: Int, bound: Int, priority: TaskPriority? = nil,
    work: @escaping @Sendable (Int) async throws -> Output
  ) {
    precondition(workers > 0 && bound >= workers, "\(workers) workers within a bound of \(bound)")
    (self.priority, self.indices, self.workers, self.bound) = (priority, indices, workers, bound)
    self.work = work
  }

  package func makeAsyncIterator() -> Iterator {
    Iterator(owner: Owner(engine: Engine(indices, workers: workers, bound: bound, priority: priority, work: work)))
  }

  /// An iterator that is not Sendable: of two calls of `next` at the same time, one would lose an element. An actor may
  /// hold it.
  package struct Iterator: AsyncIteratorProtocol {
    fileprivate let owner: Owner

    package mutating func next() async throws -> Output? { try await owner.engine.next() }

    package mutating func next(isolation actor: isolated (any Actor)?) async throws -> Output? {
      try await owner.engine.next()
    }
  }

  /// Cancels the computations when the last iterator is gone; the engine itself is also held by its tasks.
  fileprivate final class Owner: Sendable {
    let engine: Engine
    init(engine: Engine) { self.engine = engine }
    deinit { engine.stop() }
  }
}

@available(*, unavailable)
extension OrderedMap.Iterator: Sendable {}

extension OrderedMap {
  fileprivate final class Engine: Sendable {
    private struct State {
      var unstarted: Range<Int>
      /// Index of the next result that is given.
      var turn: Int
      var tasks: [Int: Task<Void, Never>] = [:]
      var results: [Int: Result<Output, any Error>] = [:]
      var consumer: CheckedContinuation<Void, Never>?
      var isStopped = false
    }

    private let state: Mutex<State>
    private let end: Int
    private let workers: Int
    private let bound: Int
    private let priority: TaskPriority?
    private let work: @Sendable (Int) async throws -> Output

    init(
      _ indices: Range<Int>, workers: Int, bound: Int, priority: TaskPriority?,
      work: @escaping @Sendable (Int) async throws -> Output
    ) {
      self.priority = priority
      state = Mutex(State(unstarted: indices, turn: indices.lowerBound))
      end = indices.upperBound
      self.workers = workers
      self.bound = bound
      self.work = work
    }

    func next() async throws -> Output? {
      try await withTaskCancellationHandler {
        while true {
          try Task.checkCancellation()
          let (result, isOver) = state.withLock { state in
            if state.turn == end || state.isStopped { return (Result<Output, any Error>?.none, true) }
            let result = state.results.removeValue(forKey: state.turn)
            if result != nil { state.turn += 1 }
            startWork(&state)
            return (result, false)
          }
          if let result {
            if case .failure = result { stop() }
            return try result.get()
          }
          if isOver {
            // A cancellation since the check above may have stopped the work, which is not the end of the sequence.
            try Task.checkCancellation()
            return nil
          }
          await withCheckedContinuation { continuation in
            let isReady = state.withLock { state in
              if state.results[state.turn] != nil || state.isStopped { return true }
              state.consumer = continuation
              return false
            }
            if isReady { continuation.resume() }
          }
        }
      } onCancel: {
        stop()
      }
    }

    /// Starts as many computations as the limits allow.
    private func startWork(_ state: inout State) {
      while !state.isStopped, let index = state.unstarted.first, state.tasks.count < workers,
        index - state.turn < bound
      {
        state.unstarted.removeFirst()
        state.tasks[index] = Task.detached(priority: priority) { await self.compute(index) }
      }
    }

    private func compute(_ index: Int) async {
      let result: Result<Output, any Error>
      do { result = .success(try await work(index)) } catch { result = .failure(error) }
      let consumer = state.withLock { state -> CheckedContinuation<Void, Never>? in
        state.tasks[index] = nil
        if state.isStopped { return nil }
        state.results[index] = result
        if case .failure = result { state.unstarted = state.unstarted.upperBound..<state.unstarted.upperBound }
        startWork(&state)
        guard index == state.turn else { return nil }
        defer { state.consumer = nil }
        return state.consumer
      }
      consumer?.resume()
    }

    func stop() {
      let (tasks, consumer) = state.withLock { state in
        state.isStopped = true
        state.results = [:]
        defer { state.consumer = nil }
        return (Array(state.tasks.values), state.consumer)
      }
      for task in tasks { task.cancel() }
      consumer?.resume()
    }
  }
}
