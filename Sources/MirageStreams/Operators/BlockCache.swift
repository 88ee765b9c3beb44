import MirageSupport
import Synchronization

/// A cache of computed blocks of a flow, limited to a number of bytes.
///
/// - Requests for one block at the same time compute it once; the others wait for it.
/// - The least recently used blocks make room for new ones. The newest is kept even if it exceeds the limit alone.
/// - An error is thrown to all requests that wait for the block and is not kept: the next request computes the block
///   again. If the request that computes a block is canceled, one of the waiting requests computes it instead.
/// - A canceled request throws `CancellationError` at once and does not affect the others.
///
/// The cache starts no tasks: a block is computed in the task that first requests it, and nothing is computed ahead.
final class BlockCache<Value: Sendable>: Sendable {
  /// A block, and the part of the run that determines its content.
  struct Key: Hashable {
    let seed: UInt64
    let epoch: Int
    let recordsDraws: Bool
    let index: Int
  }

  private typealias Waiting = CheckedContinuation<Result<Value, any Error>, Never>

  private struct State {
    var kept: [Key: (value: Value, bytes: Int, lastUse: Int)] = [:]
    var bytes = 0
    var uses = 0
    /// Requests that wait for a block that another request computes.
    var computing: [Key: [Int: Waiting]] = [:]
    var requests = 0
  }

  private enum Step { case found(Value), compute, wait }

  private let state = Mutex(State())
  private let limit: Int
  private let size: @Sendable (Value) -> Int

  /// - Parameters:
  ///   - limit: maximum size of the kept blocks in bytes.
  ///   - size: returns the size of a block in bytes.
  init(limit: Int, size: @escaping @Sendable (Value) -> Int) { (self.limit, self.size) = (limit, size) }

  /// Returns the block, computed if it is not kept.
  func value(_ key: Key, compute: () async throws -> Value) async throws -> Value {
    while true {
      try Task.checkCancellation()
      switch state.withLock({ Self.begin(key, &$0) }) {
      case .found(let value): return value
      case .compute:
        let result: Result<Value, any Error>
        do { result = .success(try await compute()) } catch { result = .failure(error) }
        finish(key, result)
        return try result.get()
      case .wait:
        let result = await outcome(of: key)
        // Either this request was canceled, which the next iteration detects, or the one that computed.
        if case .failure(is CancellationError) = result { continue }
        return try result.get()
      }
    }
  }

  private static func begin(_ key: Key, _ state: inout State) -> Step {
    state.uses += 1
    if let value = state.kept[key]?.value {
      state.kept[key]!.lastUse = state.uses
      return .found(value)
    }
    if state.computing[key] != nil { return .wait }
    state.computing[key] = [:]
    return .compute
  }

  private func finish(_ key: Key, _ result: Result<Value, any Error>) {
    let added = try? (value: result.get(), bytes: size(result.get()))
    let waiting = state.withLock { state in
      if let added {
        state.kept[key] = (added.value, added.bytes, state.uses)
        state.bytes += added.bytes
        while state.bytes > limit, state.kept.count > 1,
          let oldest = state.kept.lazy.filter({ $0.key != key }).min(by: { $0.value.lastUse < $1.value.lastUse })
        {
          state.bytes -= oldest.value.bytes
          state.kept[oldest.key] = nil
        }
      }
      return state.computing.removeValue(forKey: key)
    }
    for continuation in (waiting ?? [:]).values { continuation.resume(returning: result) }
  }

  /// Waits for another request's computation and returns its result; `CancellationError` if it has already ended.
  private func outcome(of key: Key) async -> Result<Value, any Error> {
    let number = state.withLock { state in
      state.requests += 1
      return state.requests
    }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isWaiting = state.withLock { state in
          // A cancellation before this point has found nothing to resume.
          guard state.computing[key] != nil, !Task.isCancelled else { return false }
          state.computing[key]![number] = continuation
          return true
        }
        if !isWaiting { continuation.resume(returning: .failure(CancellationError())) }
      }
    } onCancel: {
      state.withLock { $0.computing[key]?.removeValue(forKey: number) }?
        .resume(returning: .failure(CancellationError()))
    }
  }
}
