import ArgumentParser
import Foundation
import Mirage

struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Read a dataset, augment it, write a dataset.",
    discussion: """
      EXAMPLES
        mirage run Pipelines/quickstart.yaml
        mirage run fashion.yaml --output out/more --seed 8 --set stages.1.rotate.degrees=[-30,30]
        mirage run fashion.yaml --shard 1/3 --output out/part-1
        mirage run fashion.yaml --resume
        mirage run Pipelines/fashion-mnist-gan.yaml --retrain

      EXIT CODES
        0 done; 1 done, but samples were skipped; 64 wrong usage; 65 bad data; 66 input missing;
        73 output cannot be created; 74 I/O error or full disk; 78 wrong pipeline file; 130 interrupted
      """)

  @OptionGroup var options: PipelineOptions
  @OptionGroup var work: WorkOptions

  @Option(help: "Write here instead of the file's directory.", completion: .directory)
  var output: String?

  @Option(help: "Process only the first N positions.")
  var limit: Int?

  @Option(help: ArgumentHelp("Only this part of the positions, counted from 1.", valueName: "i/n"))
  var shard: Shard?

  @Flag(help: "Continue a run that was interrupted.")
  var resume = false

  @Flag(help: "Replace output that is there already.")
  var overwrite = false

  @OptionGroup var training: TrainingOptions

  @Option(help: "Seconds between the points that a killed run resumes at.")
  var checkpointInterval: Double = 2

  @Flag(help: "Print the result as JSON.")
  var json = false

  @Flag(help: "Print errors only.")
  var quiet = false

  func validate() throws {
    if resume && overwrite { throw ValidationError("--resume and --overwrite exclude each other.") }
    if output == "" { throw ValidationError("--output must name a directory.") }
    if let limit, limit < 0 { throw ValidationError("--limit must be at least 0.") }
    if !(checkpointInterval >= 0) { throw ValidationError("--checkpoint-interval must be at least 0.") }
  }

  func run() async throws {
    var pipeline = try options.load()
    work.apply(to: &pipeline)
    if let output { try pipeline.write(to: output) }
    training.threads.prepare(for: pipeline)
    var run = RunOptions()
    run.limit = limit
    run.shard = shard ?? .whole
    run.existing = resume ? .resume : overwrite ? .overwrite : .refuse
    run.workers = work.workers ?? Context.processors
    run.checkpointInterval = checkpointInterval
    let line = ProgressLine(isQuiet: quiet || json)
    run.retrains = training.retrain
    run.report = { line.show($0) }
    let start = ContinuousClock.now
    let report: RunReport
    do {
      report = try await pipeline.run(run) { line.show($0) }
      line.end()
    } catch {
      line.end()
      if error is CancellationError, !quiet {
        Terminal.message("Stopped; what is done is kept. Continue with: \(commandToContinue)")
      }
      throw error
    }
    show(report, seconds: start.duration(to: .now) / .seconds(1))
    if !report.counts.skipped.isEmpty { throw ExitCode(1) }
  }

  /// Command that resumes this run, with words quoted for a shell if necessary.
  private var commandToContinue: String {
    let words = CommandLine.arguments.dropFirst().filter { $0 != "--overwrite" && $0 != "--resume" } + ["--resume"]
    let quoted = words.map { word in
      word.allSatisfy { $0.isLetter || $0.isNumber || "-_./=,:".contains($0) }
        ? word : "'" + word.replacing("'", with: "'\\''") + "'"
    }
    return (["mirage"] + quoted).joined(separator: " ")
  }

  private func show(_ report: RunReport, seconds: Double) {
    let counts = report.counts
    if json {
      let result: JSONValue = [
        "directory": .string(report.directory), "written": .integer(counts.written),
        "skipped": .array(counts.skipped.map { ["sample": .string($0.sample), "reason": .string($0.reason)] }),
        "classes": .object(counts.classes.mapValues { .integer($0) }),
        "kinds": .object(counts.kinds.mapValues { .integer($0) }), "complete": .bool(report.wasComplete),
      ]
      print(result.text)
      return
    }
    if !quiet {
      if report.wasComplete {
        print("\(report.directory) is complete already.")
      } else {
        let rate = seconds > 0 ? Int(Double(counts.written) / seconds) : 0
        print(
          "\(NumberText.grouped(counts.written)) samples in \(report.directory) (\(NumberText.fixed(seconds, decimals: 1)) s,"
            + " \(NumberText.grouped(rate)) images/s)")
      }
    }
    for skipped in counts.skipped { Terminal.warning("skipped \(skipped.reason)") }
  }
}
