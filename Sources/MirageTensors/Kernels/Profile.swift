import Synchronization

/// Profile of tensor operations by kernel: calls, seconds, and the arithmetic of convolutions and matrix products.
package enum Profile {
  /// Cost of a kernel.
  package struct Entry: Sendable {
    /// Number of calls.
    package var calls = 0
    /// Total time, in seconds.
    package var seconds = 0.0
    /// Number of multiplications and additions of convolutions and matrix products by definition, including those that the
    /// algorithm saves; 0 for other kernels.
    package var operations = 0
  }

  private static let isOn = Atomic<Bool>(false)
  private static let entries = Mutex<[String: Entry]>([:])

  /// Runs a closure and returns the cost of each kernel in it, measured on the threads that called the operations.
  package static func measuring(_ body: () throws -> Void) rethrows -> [String: Entry] {
    entries.withLock { $0 = [:] }
    isOn.store(true, ordering: .relaxed)
    defer { isOn.store(false, ordering: .relaxed) }
    try body()
    return entries.withLock { $0 }
  }

  /// Runs a kernel, and measures it during `measuring`.
  @inline(__always)
  static func counted<Result>(
    _ kernel: @autoclosure () -> String, operations: Int = 0, _ body: () -> Result
  ) -> Result {
    guard isOn.load(ordering: .relaxed) else { return body() }
    let start = ContinuousClock.now
    let result = body()
    let seconds = start.duration(to: .now) / .seconds(1)
    let name = kernel()
    entries.withLock { entries in
      entries[name, default: Entry()].calls += 1
      entries[name, default: Entry()].seconds += seconds
      entries[name, default: Entry()].operations += operations
    }
    return result
  }
}
