import MirageNetworks
import MirageReports
import MirageStreams
import MirageSupport
import MirageTensors

/// Decision after a progress report: to continue the training or to stop it.
public enum TrainingAnswer: Sendable { case proceed, stop }

/// Training loop: passes batches to a trainee and, between steps, checks its health, evaluates it, saves the last and
/// the best checkpoint, and records the history.
@TensorActor
public final class TrainingLoop<Subject: Trainee> {
  /// Intervals between events of a training, in steps.
  public struct Schedule: Sendable {
    /// Total number of steps.
    public var steps: Int
    /// Number of batches per step. Defaults to 1.
    public var batchesPerStep = 1
    /// Number of samples per batch, by which the position in the data advances.
    public var samplesPerBatch: Int
    /// True if a batch that a filter emptied counts; if not, the next one replaces it.
    public var countsEmptyBatches = false
    /// Number of steps between two evaluations, exhibits and checkpoints. The last step has all of them.
    public var evaluateEvery = Int.max, exhibitEvery = Int.max, checkpointEvery = Int.max

    /// Creates a schedule with the default intervals.
    public init(steps: Int, samplesPerBatch: Int) { (self.steps, self.samplesPerBatch) = (steps, samplesPerBatch) }
  }

  private let subject: Subject
  private let schedule: Schedule
  private let stage: String
  private let record: TrainingRecord?
  private let evaluator: (() async throws -> any TrainingEvaluator<Subject>)?
  private let progress: @Sendable (FittingProgress) -> TrainingAnswer
  private var prepared: (any TrainingEvaluator<Subject>)?
  private var health: TrainingHealth
  private var isStopped = false
  private var speed: Speed
  /// Number of samples seen since the beginning of the training, also in earlier processes: the position in the data.
  public private(set) var samplesSeen = 0
  /// Last evaluation; nil before the first.
  public private(set) var evaluation: TrainingEvaluation?

  /// Creates a loop without files.
  ///
  /// - Parameters:
  ///   - subject: model to train.
  ///   - schedule: length of the training and intervals between events.
  ///   - stage: name of the training in progress reports.
  ///   - evaluator: creates the evaluator, once before the first step; nil for no evaluations.
  ///   - progress: called after every step and event; its answer can stop the training.
  public convenience init(
    _ subject: Subject, _ schedule: Schedule, stage: String,
    evaluator: (() async throws -> any TrainingEvaluator<Subject>)? = nil,
    progress: @escaping @Sendable (FittingProgress) -> TrainingAnswer = { _ in .proceed }
  ) {
    self.init(subject, schedule, stage: stage, record: nil, evaluator: evaluator, progress: progress)
  }

  /// Creates a loop that keeps its training in `files`, and resumes the training of the checkpoint `saved` unless it is
  /// nil. `header` is the checkpoints' metadata: identity of the model and everything that determined it. `facts` are
  /// tables of the report. The other parameters are those of the loop without files.
  /// - Throws: bad data if the checkpoint does not fit; an I/O error.
  public convenience init(
    _ subject: Subject, _ schedule: Schedule, stage: String, files: TrainingFiles, header: [String: String],
    facts: [(title: String, document: JSONValue)] = [], resuming saved: Checkpoint?,
    evaluator: (() async throws -> any TrainingEvaluator<Subject>)? = nil,
    progress: @escaping @Sendable (FittingProgress) -> TrainingAnswer = { _ in .proceed }
  ) throws {
    if let saved { try subject.restore(from: saved) }
    let record = try TrainingRecord(files, header: header, facts: facts, resuming: saved)
    self.init(subject, schedule, stage: stage, record: record, evaluator: evaluator, progress: progress)
    // Checkpoints of earlier versions have the number of steps only.
    samplesSeen =
      saved?.metadata[SavedModel.samplesField].flatMap { Int($0) }
      ?? subject.steps * schedule.batchesPerStep * schedule.samplesPerBatch
  }

  private init(
    _ subject: Subject, _ schedule: Schedule, stage: String, record: TrainingRecord?,
    evaluator: (() async throws -> any TrainingEvaluator<Subject>)?,
    progress: @escaping @Sendable (FittingProgress) -> TrainingAnswer
  ) {
    (self.subject, self.schedule, self.stage, self.record) = (subject, schedule, stage, record)
    (self.evaluator, self.progress) = (evaluator, progress)
    health = TrainingHealth(subject.remedies)
    speed = Speed(step: subject.steps)
  }

  /// Trains to the end on full batches of shuffled passes, which continue after the samples seen. `seed` is the random
  /// seed of their order.
  /// - Throws: bad data if the training diverges or collapses, with the last good checkpoint kept; errors of reading;
  ///   an I/O error; `CancellationError`. Except for the first, the state is saved, and the next run resumes it.
  public func run(on batches: Batches, seed: UInt64) async throws {
    try await run(on: batches.endless(fromSample: samplesSeen, seed: seed))
  }

  /// Trains to the end on batches in their given order.
  package func run(on batches: OrderedMap<Batch>) async throws {
    if let record {
      // A checkpoint that cannot be written is reported before hours of training.
      if record.savedStep == nil { try save() }
      try record.checkRoom()
    }
    prepared = try await evaluator?()
    // The untrained networks are the baseline of the history.
    if record != nil, subject.steps == 0 {
      try exhibit()
      try await evaluate()
    }
    do {
      try await loop(batches)
    } catch let error as TrainingHealth.Failure {
      guard let record else { throw MirageError.badData(error.message, remedy: error.remedy) }
      let kept = "the checkpoint of step \(record.savedStep ?? 0) is kept in \(record.files.last)"
      try? record.report(.stopped("\(error.message); \(kept)"))
      throw MirageError.badData("\(error.message); \(kept)", remedy: error.remedy)
    } catch {
      try leaveResumable("\(error)", isInterrupted: error is CancellationError)
      throw error
    }
    if isStopped {
      try leaveResumable("", isInterrupted: true)
    } else {
      try record?.report(.finished(step: subject.steps))
    }
  }

  private func loop(_ batches: OrderedMap<Batch>) async throws {
    var iterator = batches.makeAsyncIterator()
    speed = Speed(step: subject.steps)
    while subject.steps < schedule.steps, !isStopped {
      try Task.checkCancellation()
      let taken = try await take(&iterator)
      let next = subject.steps + 1
      let isLast = next == schedule.steps
      let isRecorded = record != nil && (next.isMultiple(of: 50) || isLast || next <= 10)
      let measures = try subject.step(on: taken, isRecorded: isRecorded)
      try health.check(measures, step: next)
      if isRecorded { try record?.record(measures + speedMeasure, step: next) }
      show(measures)
      if isLast || next.isMultiple(of: schedule.exhibitEvery) { try exhibit() }
      if isLast || next.isMultiple(of: schedule.evaluateEvery) { try await evaluate() }
      if let record, isLast || next.isMultiple(of: schedule.checkpointEvery) {
        if health.isGood { try save() }
        try record.report(.running(step: next, of: schedule.steps))
      }
    }
  }

  /// Returns the batches of a step.
  private func take(_ iterator: inout OrderedMap<Batch>.Iterator) async throws -> [Batch] {
    var taken: [Batch] = []
    while taken.count < schedule.batchesPerStep, let batch = try await iterator.next(isolation: #isolation) {
      samplesSeen += schedule.samplesPerBatch
      if !batch.labels.isEmpty || schedule.countsEmptyBatches { taken.append(batch) }
    }
    // Cancellation may end the sequence of batches early.
    try Task.checkCancellation()
    return taken
  }

  private func save() throws { try record?.save(subject, samples: samplesSeen, health) }

  private func exhibit() throws {
    guard let record else { return }
    let exhibits = try subject.exhibits()
    if let variation = exhibits.variation { try health.check(variation: variation, step: subject.steps) }
    try record.record(exhibits, step: subject.steps)
  }

  private func evaluate() async throws {
    guard let prepared else { return }
    let evaluation = try await prepared.evaluate(subject)
    self.evaluation = evaluation
    try record?.record(evaluation, step: subject.steps)
    var event = "step \(subject.steps): \(evaluation.summary)"
    if let score = evaluation.score,
      try record?.saveIfBest(subject, score: score, samples: samplesSeen, health) == true
    {
      event += " (the best so far)"
    }
    tell { progress in
      progress.event = event
      progress.measures = evaluation.measures.map { .init($0.name, $0.value) }
    }
  }

  private func show(_ measures: [TrainingMeasure]) {
    tell { progress in
      progress.measures = measures.compactMap { measure in measure.label.map { .init($0, measure.value) } }
      if let rate = speedMeasure.first { progress.measures.append(.init("samples/s", rate.value)) }
    }
  }

  private func tell(_ fill: (inout FittingProgress) -> Void) {
    var told = FittingProgress(stage: stage, activity: "training", done: subject.steps, total: schedule.steps)
    fill(&told)
    if progress(told) == .stop { isStopped = true }
  }

  private func leaveResumable(_ reason: String, isInterrupted: Bool) throws {
    guard let record else { return }
    if record.savedStep != subject.steps {
      // A state that has just diverged is not saved; the last good checkpoint remains.
      do { try save() } catch is TrainingHealth.Failure {}
    }
    try? record.report(
      isInterrupted ? .interrupted(step: subject.steps, of: schedule.steps) : .stopped(reason))
  }

  /// Number of samples per second in training since this process began; empty before the first step.
  private var speedMeasure: [TrainingMeasure] {
    let samples = Double(schedule.samplesPerBatch * schedule.batchesPerStep)
    return speed.stepsPerSecond(at: subject.steps).map { [TrainingMeasure("speed/samples-per-second", $0 * samples)] }
      ?? []
  }
}

/// Number of steps per second since the training began in this process.
private struct Speed {
  private let start = ContinuousClock.now
  private let first: Int

  init(step: Int) { first = step }

  func stepsPerSecond(at step: Int) -> Double? {
    let seconds = start.duration(to: .now) / .seconds(1)
    return step > first && seconds > 0 ? Double(step - first) / seconds : nil
  }
}
