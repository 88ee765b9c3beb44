import Synchronization

/// Where the time of tensor operations goes: by kernel, calls, seconds, and the arithmetic of convolutions and products.
public enum Profile {
  /// What one kernel took.
  public struct Entry: Sendable {
    /// How often it ran.
    public var calls = 0
    /// In all.
    public var seconds = 0.0
    /// Multiplications and additions, where they are what counts: by the definition, whatever the algorithm saves.
    public var operations = 0
  }

  private static let isOn = Atomic<Bool>(false)
  private static let entries = Mutex<[String: Entry]>([:])

  /// Runs the body and tells what was spent in it by each kernel, as seen by the threads that called the operations.
  public static func measuring(_ body: () throws -> Void) rethrows -> [String: Entry] {
    entries.withLock { $0 = [:] }
    isOn.store(true, ordering: .relaxed)
    defer { isOn.store(false, ordering: .relaxed) }
    try body()
    return entries.withLock { $0 }
  }

  /// Runs a kernel, counted where somebody is measuring.
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
