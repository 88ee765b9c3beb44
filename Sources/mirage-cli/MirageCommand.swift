import ArgumentParser
import Foundation
import Mirage

@main
struct MirageCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mirage",
    abstract: "Streams image datasets through augmentation and GANs, and writes datasets.",
    discussion: """
      EXAMPLES
        mirage run Pipelines/quickstart.yaml
        mirage preview Pipelines/quickstart.yaml --output sheet.png
        mirage stages rotate
      """,
    version: mirageVersion,
    subcommands: [
      RunCommand.self, ValidateCommand.self, StagesCommand.self, PreviewCommand.self, ReplayCommand.self,
      StatsCommand.self, TrainCommand.self, SynthesizeCommand.self, EvaluateCommand.self, ProveCommand.self,
      TrainClassifierCommand.self,
      TestClassifierCommand.self,
    ])

  static func main() async {
    keepFreedMemory()
    // The number of shards may exceed the default limit on open files.
    var limit = rlimit()
    if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
      limit.rlim_cur = limit.rlim_max
      setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
    do {
      var command = try parseAsRoot()
      if var command = command as? any AsyncParsableCommand {
        try await Interruption.canceling { try await command.run() }
      } else {
        try command.run()
      }
    } catch {
      fail(with: error)
    }
  }

  /// Ends the process with the exit code of the error's kind.
  private static func fail(with error: any Error) -> Never {
    switch error {
    case let error as MirageError:
      Terminal.error("\(error)")
      Foundation.exit(error.kind.rawValue)
    case let error as SampleError:
      Terminal.error("\(error)")
      if error.error.remedy == nil, error.error.kind == .badData {
        Terminal.message("  Fix or remove the file, or skip bad samples with --on-error skip.")
      }
      Foundation.exit(error.error.kind.rawValue)
    case is CancellationError:
      Terminal.message("Interrupted.")
      Foundation.exit(130)
    default: exit(withError: error)
    }
  }
}

/// Ctrl-C and SIGTERM, handled as cancellation of the work.
enum Interruption {
  static func canceling(_ body: sending @escaping () async throws -> Void) async throws {
    let work = Task.detached { try await body() }
    // A queue of its own has its own thread, since those of the global queue are busy with the work.
    let queue = DispatchQueue(label: "interruption", qos: .userInteractive)
    let sources = [SIGINT, SIGTERM].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
      source.setEventHandler {
        // A second signal exits immediately.
        if work.isCancelled { Foundation.exit(130) }
        work.cancel()
      }
      source.resume()
      return source
    }
    defer { for source in sources { source.cancel() } }
    try await work.value
  }
}
