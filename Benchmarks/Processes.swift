import Foundation
import Glibc
import Mirage
import Synchronization

/// Resources used by a child process, and its output.
struct Usage {
  var seconds: Double
  /// Processor time of all its threads, in user and kernel mode, in seconds.
  var processorSeconds: Double
  /// Peak resident memory in megabytes.
  var peakMemory: Double
  var output: String
}

/// Runs a command to its end and reads its resource usage from the kernel.
func run(_ command: [String], while running: (() -> Void)? = nil) throws -> Usage {
  var channel: [Int32] = [0, 0]
  guard pipe(&channel) == 0 else { throw MirageError(.ioError, "no pipe") }
  var actions = posix_spawn_file_actions_t()
  posix_spawn_file_actions_init(&actions)
  defer { posix_spawn_file_actions_destroy(&actions) }
  posix_spawn_file_actions_adddup2(&actions, channel[1], 1)
  posix_spawn_file_actions_addclose(&actions, channel[0])
  var child: pid_t = 0
  let arguments = command.map { strdup($0) } + [nil]
  defer { for argument in arguments { free(argument) } }
  let start = ContinuousClock.now
  guard posix_spawnp(&child, command[0], &actions, nil, arguments, environ) == 0 else {
    throw MirageError(.missingInput, "cannot be started", file: command[0], remedy: "Run this as `make bench`.")
  }
  close(channel[1])
  let memory = PeakMemoryWatch(child)
  running?()
  let output = FileHandle(fileDescriptor: channel[0], closeOnDealloc: true).readDataToEndOfFile()
  var status: Int32 = 0
  let peakMemory = memory.wait()
  var usage = rusage()
  wait4(child, &status, 0, &usage)
  let elapsed = start.duration(to: .now) / .seconds(1)
  guard status == 0 else {
    throw MirageError(.ioError, "\(command.joined(separator: " ")) failed with status \(status)")
  }
  func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
  return Usage(
    seconds: elapsed, processorSeconds: seconds(usage.ru_utime) + seconds(usage.ru_stime),
    peakMemory: peakMemory, output: String(decoding: output, as: UTF8.self))
}

/// Reader of a process's own peak memory until it ends. The value of `wait4` is not suitable: it includes this program,
/// which started the process, up to the moment of the start.
private final class PeakMemoryWatch: Sendable {
  private let megabytes = Mutex(0.0)
  private let isOver = DispatchSemaphore(value: 0)

  init(_ process: pid_t) {
    Thread.detachNewThread { [self] in
      // After the end of the process, and before it is reaped, its status has no such line.
      while let status = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8),
        let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }),
        let kilobytes = line.split(whereSeparator: { !$0.isNumber }).first.flatMap({ Double($0) })
      {
        megabytes.withLock { $0 = kilobytes / 1024 }
        usleep(2000)
      }
      isOver.signal()
    }
  }

  /// Waits for the end of the process and returns the last value.
  func wait() -> Double {
    isOver.wait()
    return megabytes.withLock { $0 }
  }
}

/// Returns the rate that a peer's script prints as its last line.
func peerRate(_ script: String, _ arguments: String...) throws -> Double {
  let output = try run([".venv/bin/python", "Benchmarks/Peers/\(script)"] + arguments).output
  struct Line: Decodable { var rate: Double }
  guard let line = output.split(separator: "\n").last else { throw MirageError(.ioError, "\(script) printed nothing") }
  return try JSONDecoder().decode(Line.self, from: Data(line.utf8)).rate
}

/// Path of the command-line tool that was built with this program.
var tool: String {
  URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().appendingPathComponent("mirage").path
}

/// Passes an empty directory for a benchmark's output to `body`, and removes it afterward.
func withScratch<Result>(_ body: (String) throws -> Result) throws -> Result {
  let path = "/tmp/mirage-bench-\(getpid())"
  try removeTree(path)
  try makeDirectories(path)
  defer { try? removeTree(path) }
  return try body(path)
}
