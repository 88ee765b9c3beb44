import Foundation

/// How long a thread that works on tensors waits for its neighbors before it sleeps.
///
/// By default OpenMP's threads keep a processor busy for milliseconds while they wait, against the threads that read and
/// augment the data, and against other programs: with one other busy program on two processors a training step took 2 to
/// 4 times as long. Waiting briefly costs nothing measurable on a quiet machine. OpenMP reads the setting once, when the
/// program is loaded, so the program replaces itself by itself.
enum ThreadWaiting {
  static func keepBrief() {
    guard getenv("GOMP_SPINCOUNT") == nil, getenv("OMP_WAIT_POLICY") == nil else { return }
    setenv("GOMP_SPINCOUNT", "1000", 1)
    var arguments = CommandLine.arguments.map { strdup($0) } + [nil]
    // Returns only where it failed; then everything still works, if slower.
    execv("/proc/self/exe", &arguments)
  }
}
