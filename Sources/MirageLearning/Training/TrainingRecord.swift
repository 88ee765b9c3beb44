import MirageMedia
import MirageNetworks
import MirageReports
import MirageSupport

/// Output of a training: the last and the best checkpoint, the history and the report.
final class TrainingRecord {
  let files: TrainingFiles
  private let log: TrainingLog
  private let header: [String: String]
  private let facts: [TrainingReport.Facts]
  private(set) var best: (step: Int, score: Double)?
  /// Step of the last checkpoint; nil before the first.
  private(set) var savedStep: Int?

  /// - Parameters:
  ///   - header: metadata of every checkpoint.
  ///   - facts: tables of the report.
  ///   - saved: checkpoint that the training resumes from; nil for a new training.
  init(
    _ files: TrainingFiles, header: [String: String], facts: [(title: String, document: JSONValue)],
    resuming saved: Checkpoint?
  ) throws {
    (self.files, self.header) = (files, header)
    self.facts = facts.map { TrainingReport.Facts($0.title, $0.document) }
    try makeDirectories(files.folder)
    savedStep = try saved?.step()
    log = try TrainingLog(files.folder, resumingAt: savedStep)
    if let text = saved?.metadata["best"], let value = try? JSONValue(parsing: text.utf8),
      case .integer(let step)? = value["step"], let score = value["value"]?.double
    {
      best = (step, score)
    }
  }

  // MARK: Checkpoints

  /// Saves the last state if all its numbers are finite.
  func save(_ trainee: some Trainee, samples: Int, _ health: TrainingHealth) throws {
    // The history must always reach the step of the checkpoint.
    try log.flush()
    var checkpoint = Checkpoint()
    trainee.store(in: &checkpoint)
    try health.check(checkpoint, step: trainee.steps)
    describe(&checkpoint, samples)
    try checkpoint.write(to: files.last)
    savedStep = trainee.steps
  }

  /// Saves the state as the best one if its score is the lowest so far.
  /// - Returns: whether it was saved.
  func saveIfBest(
    _ trainee: some Trainee, score: Double, samples: Int, _ health: TrainingHealth
  ) throws -> Bool {
    guard best.map({ score < $0.score }) ?? true else { return false }
    var checkpoint = Checkpoint()
    trainee.storeResult(in: &checkpoint)
    try health.check(checkpoint, step: trainee.steps)
    best = (trainee.steps, score)
    describe(&checkpoint, samples)
    try checkpoint.write(to: files.best)
    return true
  }

  private func describe(_ checkpoint: inout Checkpoint, _ samples: Int) {
    checkpoint.metadata.merge(header) { $1 }
    checkpoint.metadata[SavedModel.samplesField] = String(samples)
    var metrics: [String: JSONValue] = [:]
    for series in log.history.series where series.name.hasPrefix("metric/") {
      metrics[String(series.name.dropFirst("metric/".count))] = series.points.last.map { .number($0.value) }
    }
    checkpoint.metadata["metrics"] = JSONValue.object(metrics).text
    if let best {
      let value: JSONValue = ["step": .integer(best.step), "value": .number(best.score)]
      checkpoint.metadata["best"] = value.text
    }
  }

  /// - Throws: an I/O error if there is no room for two more checkpoints, a last and a best one.
  func checkRoom() throws {
    guard let size = try? InputFile(files.last).size, let free = freeBytes(at: files.last) else { return }
    guard free > 2 * size else {
      throw MirageError(
        .ioError, "\(free >> 20) MB are free, and two more checkpoints need \(2 * size >> 20) MB", file: files.last,
        remedy: "Make room, or put the checkpoint elsewhere.")
    }
  }

  // MARK: History and report

  func record(_ measures: [TrainingMeasure], step: Int) throws {
    for measure in measures { try log.scalar(measure.name, step: step, value: measure.value) }
    if step.isMultiple(of: 50) { try log.flush() }
  }

  func record(_ exhibits: TrainingExhibits, step: Int) throws {
    for grid in exhibits.grids { try log.grid(grid.name, step: step, image: grid.grid.image, caption: grid.caption) }
    for (name, parameters) in exhibits.weights {
      try log.histogram(name, step: step, values: parameters.flatMap { $0.value.values })
    }
  }

  func record(_ evaluation: TrainingEvaluation, step: Int) throws {
    for (name, value) in evaluation.measures { try log.scalar("metric/\(name)", step: step, value: value) }
  }

  func report(_ status: TrainingReport.Status) throws {
    try log.flush()
    try TrainingReport(title: lastComponent(files.last), status: status, history: log.history, facts: facts)
      .write(in: files.folder)
  }
}
