import Foundation

/// Duration for which a tensor thread waits for the others before it sleeps.
///
/// By default OpenMP's threads busy-wait for milliseconds, and compete with the threads that read and augment data and
/// with other programs: with one other busy program on two processors a training step took 2 to 4 times as long. A
/// short wait costs nothing measurable on an idle machine. OpenMP reads the setting once, when the program is loaded,
/// so the program executes itself again.
enum ThreadWaiting {
  static func keepBrief() {
    guard getenv("GOMP_SPINCOUNT") == nil, getenv("OMP_WAIT_POLICY") == nil else { return }
    setenv("GOMP_SPINCOUNT", "1000", 1)
    var arguments = CommandLine.arguments.map { strdup($0) } + [nil]
    // `execv` returns only if it failed; the program then works as well, but slower.
    execv("/proc/self/exe", &arguments)
  }
}
