import CNumerics
import Synchronization

/// Settings of tensor computations.
public enum Compute {
  private static let setting = Atomic<Int>(max(1, min(1024, Int(omp_get_num_procs()))))

  /// Number of threads per operation, 1 to 1024. Defaults to the number of processors. The same seed and number of threads
  /// give the same bits.
  public static var threads: Int {
    get { setting.load(ordering: .relaxed) }
    set {
      require((1...1024).contains(newValue), "\(newValue) threads")
      setting.store(newValue, ordering: .relaxed)
    }
  }
}

/// Calls `body` concurrently for each part, on the threads of the OpenMP team that oneDNN uses too.
package func inParallel(_ parts: Int, _ body: (Int) -> Void) {
  if parts <= 1 || Compute.threads == 1 {
    for part in 0..<max(0, parts) { body(part) }
    return
  }
  struct Work {
    let parts: Int
    let body: (Int) -> Void
  }
  withoutActuallyEscaping(body) { body in
    withUnsafePointer(to: Work(parts: parts, body: body)) { work in
      GOMP_parallel(
        { pointer in
          let work = pointer!.assumingMemoryBound(to: Work.self).pointee
          var part = Int(omp_get_thread_num())
          while part < work.parts {
            work.body(part)
            part += Int(omp_get_num_threads())
          }
        }, UnsafeMutableRawPointer(mutating: work), UInt32(min(parts, Compute.threads)), 0)
    }
  }
}

/// Divides `0 ..< count` among the threads, in ranges of at least `grain` elements.
func inParallel(_ count: Int, grain: Int, _ body: (Range<Int>) -> Void) {
  let parts = max(1, min(Compute.threads, count / max(1, grain)))
  if parts == 1 { return body(0..<count) }
  inParallel(parts) { part in body(count * part / parts..<count * (part + 1) / parts) }
}

/// Minimum number of elements per thread.
let grain = 16_384

/// Returns the minimum number of rows of `width` elements per thread.
func rowGrain(_ width: Int) -> Int { max(1, grain / max(1, width)) }
