import Dispatch
import MirageSupport
import Glibc
import Synchronization

/// Global actor for tensor computations, with a thread of its own: oneDNN and OpenMP keep a team of threads for each thread
/// that calls them, so that calls from many threads would waste memory and processors. Switch to it once per step or batch,
/// not once per operation.
@globalActor
public actor TensorActor {
  /// The shared instance.
  public static let shared = TensorActor()
  private let thread = DedicatedThread()

  /// Executor of the actor's thread.
  public nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }
}

/// Executor with one thread, which starts with the first job and never ends.
private final class DedicatedThread: SerialExecutor {
  private let jobs = Mutex<[UnownedJob]>([])
  private let waiting = DispatchSemaphore(value: 0)
  private let isStarted = Atomic<Bool>(false)

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    jobs.withLock { $0.append(job) }
    waiting.signal()
    if !isStarted.exchange(true, ordering: .relaxed) { start() }
  }

  private func start() {
    var thread = pthread_t()
    let context = Unmanaged.passRetained(self).toOpaque()
    let status = pthread_create(
      &thread, nil,
      { context in
        let executor = Unmanaged<DedicatedThread>.fromOpaque(context!).takeUnretainedValue()
        while true {
          executor.waiting.wait()
          executor.jobs.withLock { $0.removeFirst() }.runSynchronously(on: executor.asUnownedSerialExecutor())
        }
      }, context)
    // An executor cannot throw, and without its thread no job would ever run.
    guard status == 0 else { fatalError("cannot start the thread for tensors: \(errorText(status))") }
  }
}
