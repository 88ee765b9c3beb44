import ArgumentParser
import Foundation
import Mirage

/// Options of all commands that take a pipeline file.
struct PipelineOptions: ParsableArguments {
  @Argument(help: "The pipeline file.", completion: .file(extensions: ["yaml", "yml"]))
  var pipeline: String

  @Option(name: .customLong("set"), help: ArgumentHelp("Replace a value of the file.", valueName: "path=value"))
  var overrides: [String] = []

  @Option(help: "Use this seed instead of the file's.")
  var seed: UInt64?

  func load() throws -> Pipeline {
    var pipeline = try PipelineFile.load(pipeline, overrides: overrides)
    if let seed { pipeline.seed = seed }
    return pipeline
  }
}

/// Options that determine how the work is done and not its result.
struct WorkOptions: ParsableArguments {
  @Option(help: "Number of chunks computed at once (default: the number of processors).")
  var workers: Int?

  @Option(help: ArgumentHelp("What to do about a bad sample.", valueName: "stop|skip"))
  var onError: OnError?

  enum OnError: String, ExpressibleByArgument, CaseIterable { case stop, skip }

  func validate() throws {
    if let workers, !(1...1024).contains(workers) { throw ValidationError("--workers must be from 1 to 1024.") }
  }

  func apply(to pipeline: inout Pipeline) {
    switch onError {
    case .stop: pipeline.policy = .stop
    case .skip: if pipeline.policy == .stop { pipeline.policy = .skip(limit: 100) }
    case nil: break
    }
  }

  func context(for pipeline: Pipeline) -> Context {
    Context(workers: workers ?? Context.processors, policy: pipeline.policy)
  }
}

/// Options of commands that may train.
struct TrainingOptions: ParsableArguments {
  @Flag(help: "Train again; the earlier training is kept under another name.")
  var retrain = false

  @OptionGroup var threads: ThreadOptions
}

/// Options of all commands that compute with networks, or whose pipelines may.
struct ThreadOptions: ParsableArguments {
  @Option(help: "Threads that compute (default: the number of processors). Another number gives other last digits.")
  var threads: Int?

  func validate() throws {
    if let threads, !(1...1024).contains(threads) { throw ValidationError("--threads must be from 1 to 1024.") }
  }

  /// Sets the number of threads. Must be called before the first computation.
  func prepare() {
    ThreadWaiting.keepBrief()
    if let threads { Compute.threads = threads }
  }

  /// Sets the number of threads if the pipeline has networks; others are spared the restart by `ThreadWaiting`.
  func prepare(for pipeline: Pipeline) {
    if ([pipeline.source] + pipeline.stages).contains(where: \.needsNetworks) { prepare() }
  }
}

/// A shard as `I/N`, where I is 1 to N.
extension Shard: ExpressibleByArgument {
  public init?(argument: String) {
    let parts = argument.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
    guard parts.count == 2, let index = parts[0], let count = parts[1], count > 0, (1...count).contains(index) else {
      return nil
    }
    self.init(index: index - 1, count: count)
  }
}

func warn(leftOut: [String]) {
  for stage in leftOut { Terminal.warning("\(stage) is not trained yet; this shows the pipeline without it.") }
}

// An option that repeats a setting has the setting's help, range and error message.
extension [Setting] {
  func help(_ key: String) -> ArgumentHelp { ArgumentHelp(stringLiteral: named(key)!.summary + ".") }

  func check(option key: String, _ value: JSONValue) throws {
    if let problem = named(key)!.problem(in: value) { throw ValidationError("--\(problem.message).") }
  }
}
