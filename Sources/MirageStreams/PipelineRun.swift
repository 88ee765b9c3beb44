import MirageSupport

/// Options of a run that are not part of the pipeline.
public struct RunOptions: Sendable {
  /// Random seed; nil for the pipeline's own.
  public var seed: UInt64?
  /// Maximum number of positions; nil for all.
  public var limit: Int?
  /// Part of the positions that is written. Defaults to all.
  public var shard = Shard.whole
  /// Treatment of output that exists already. Defaults to `refuse`.
  public var existing = ExistingOutput.refuse
  /// Number of chunks computed at once. Defaults to the number of processors.
  public var workers = Context.processors
  /// Seconds between checkpoints, from which an interrupted run can be resumed. Defaults to 2.
  public var checkpointInterval = 2.0
  /// True if stages are fitted again if an earlier fit is usable or belongs to another pipeline. Defaults to false.
  public var retrains = false
  /// Handler of fitting progress.
  public var report: @Sendable (FittingProgress) -> Void = { _ in }

  public init() {}
}

/// Progress of a run.
public struct RunProgress: Sendable {
  /// Number of positions done, and in total.
  public var done, total: Int
  /// Number of samples written, and of bad samples skipped.
  public var written, skipped: Int
}

/// Result of a run.
public struct RunReport: Sendable {
  /// Directory that was written.
  public var directory: String
  /// Counts of the samples that were written and left out.
  public var counts: SampleCounts
  /// True if nothing was written because an earlier run had finished.
  public var wasComplete: Bool
}

/// Version of Mirage, written to reports.
public let mirageVersion = "0.1.0"

extension Pipeline {
  /// Fits the stages that must be fitted, then writes all samples to the sink.
  ///
  /// Canceling the task stops at the next chunk and leaves the output resumable, as do failures.
  /// - Throws: `MirageError`, `SampleError` for a bad sample if the policy is to stop, `CancellationError`.
  public func run(
    _ options: RunOptions = RunOptions(), progress: @escaping @Sendable (RunProgress) -> Void = { _ in }
  ) async throws -> RunReport {
    try await write(to: requiredSink(), options, progress: progress)
  }

  private func requiredSink() throws -> any SinkComponent {
    guard let sink else {
      throw MirageError(.badPipeline, "the pipeline has no sink", remedy: "Add a sink, such as image-folder.")
    }
    return sink
  }

  /// Sets the directory that the sink writes to.
  /// - Throws: bad pipeline if there is no sink.
  public mutating func write(to directory: String) throws {
    var sink = try requiredSink()
    sink.directory = directory
    self.sink = sink
  }

  private func write(
    to sink: some Sink<Sample>, _ options: RunOptions, progress: @escaping @Sendable (RunProgress) -> Void
  ) async throws -> RunReport {
    var context = Context(workers: options.workers, policy: policy, fitting: .fit)
    (context.retrains, context.report) = (options.retrains, options.report)
    let run = Run(seed: options.seed ?? seed, shard: options.shard)
    let fitted = try await fitted(run, in: context)
    let flow = fitted.flow
    try sink.check(flow.about)
    let range = options.shard.range(of: min(flow.count, options.limit ?? flow.count))

    try checkApart(sink.directory, from: flow.about.inputs)
    let inputs = try InputSummary.all(flow.about.inputs)
    var key: [String: JSONValue] = [
      "pipeline": try description(of: fitted.stages), "seed": .string(String(run.seed)),
      "first": .integer(range.lowerBound), "end": .integer(range.upperBound), "version": .string(mirageVersion),
      "inputs": .array(inputs.map(\.size)),
    ]
    let report = key
    if case .object(let settings)? = try (self.sink?.description).flatMap({ $0[type(of: self.sink!).name] }) {
      key["split"] = settings["split"]
    }
    key["stamps"] = .array(inputs.map(\.stamp))

    let output = try OutputDirectory(
      sink.directory, key: .object(key), start: range.lowerBound, existing: options.existing,
      shared: sink.sharedFiles())
    if output.isComplete {
      return RunReport(directory: output.directory, counts: output.journal.counts, wasComplete: true)
    }
    if !output.journal.isFinished {
      var (writer, position) = try await sink.open(OutputPlan(dataset: flow.about, output: output))
      try await stream(
        flow, position..<range.upperBound, of: range, into: sink, &writer, output, context,
        interval: options.checkpointInterval, progress)
      try writer.finish()
      let counts = output.journal.counts
      let path = output.directory + "/" + OutputDirectory.reportName
      let existing = FileKind(path) == .file ? try? JSONValue(parsing: InputFile.contents(of: path)) : nil
      var fields = try counts.report
      fields["run"] = .object(report)
      fields["fitted"] = try fitted.report
      fields["inputs"] = .array(try inputs.map { try $0.digested() })
      let text = sink.mergedReport(.object(fields), existing: existing)
      try OutputFile.write(output.data + "/" + OutputDirectory.reportName, text.prettyText.utf8)
    }
    try output.commit()
    return RunReport(directory: output.directory, counts: output.journal.counts, wasComplete: false)
  }

  /// Checks that the output lies in no directory that is read, since it would become input of the next run.
  private func checkApart(_ output: String, from inputs: [String]) throws {
    var existing = output
    while FileKind(existing) == .missing, existing != ".", existing != "/" { existing = parentDirectory(existing) }
    let place = try resolvedPath(existing)
    for input in inputs where FileKind(input) == .directory {
      let source = try resolvedPath(input)
      if place == source || place.hasPrefix(source + "/") {
        throw MirageError(
          .badPipeline, "the output \(output) lies inside the input \(input)", remedy: "Choose another --output.")
      }
    }
  }

  private struct Item<Encoded: Sendable>: Sendable {
    let encoded: Encoded
    let id: SampleID
    let label: Int?
    let kind: Sample.Kind
  }

  /// Writes the remaining positions in order, with checkpoints at intervals and at the end.
  private func stream<S: Sink<Sample>>(
    _ flow: Flow<Sample>, _ rest: Range<Int>, of range: Range<Int>, into sink: S, _ writer: inout S.Writer,
    _ output: OutputDirectory, _ context: Context, interval: Double, _ progress: @Sendable (RunProgress) -> Void
  ) async throws {
    let about = flow.about
    var counts = output.journal.counts
    var position = rest.lowerBound
    let clock = ContinuousClock()
    var saved = clock.now
    func save() throws {
      let files = try writer.flush()
      try output.checkpoint {
        $0.position = position
        $0.counts = counts
        $0.files = files
      }
      saved = clock.now
    }
    func show() {
      progress(
        RunProgress(
          done: position - range.lowerBound, total: range.count, written: counts.written, skipped: counts.skipped.count)
      )
    }
    show()
    let chunks = flow.processed(rest, in: context) {
      Item(encoded: try sink.encode($0, of: about), id: $0.id, label: $0.label?.index, kind: $0.kind)
    }
    do {
      for try await chunk in chunks {
        for slot in chunk.slots {
          switch slot {
          case .element(let item):
            do {
              try writer.write(item.encoded)
              counts.add(item.label, item.kind, classes: about.classes)
            } catch let error as MirageError where error.kind == .badData {
              try counts.skip(
                SampleError(id: item.id, origin: nil, stage: "the output", error: error), policy: context.policy)
            }
          case .absent: break
          case .failed(let error): try counts.skip(error, policy: context.policy)
          }
          position += 1
        }
        show()
        if saved.duration(to: clock.now) > .seconds(interval) { try save() }
      }
      try save()
    } catch let error where error is CancellationError || error is SampleError {
      // All samples so far were written in order, so they are kept. After an I/O error the last checkpoint counts.
      try? save()
      throw error
    }
  }
}

extension SampleCounts {
  mutating func add(_ label: Int?, _ kind: Sample.Kind, classes names: [String]) {
    written += 1
    kinds[kind.rawValue, default: 0] += 1
    if let label { classes[label < names.count ? names[label] : String(label), default: 0] += 1 }
  }

  /// Counts a sample that failed.
  /// - Throws: the failure if the policy is to stop; bad data if more samples fail than the policy allows.
  public mutating func skip(_ error: SampleError, policy: ErrorPolicy) throws {
    guard case .skip(let limit) = policy else { throw error }
    if skipped.count >= limit {
      throw MirageError(
        .badData, "more than \(limit) samples had to be skipped; the last: \(error)",
        remedy: "Look at the data, or raise skip-limit.")
    }
    skipped.append(Skipped(sample: error.id.description, reason: "\(error)"))
  }
}
