import Dispatch
import MirageSupport
import Glibc
import Synchronization

/// Where tensors are worked on: one thread of its own, since oneDNN and OpenMP keep a team of threads for each thread that
/// calls them. Training crosses to it once a step or batch, never once an operation.
@globalActor
public actor TensorActor {
  /// The one there is.
  public static let shared = TensorActor()
  private let thread = DedicatedThread()

  public nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }
}

/// An executor that is one thread, started with the first job and never ended.
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
    // An executor cannot throw, and without its thread nothing that was handed to it would ever run.
    guard status == 0 else { fatalError("no thread for tensors: \(errorText(status))") }
  }
}
