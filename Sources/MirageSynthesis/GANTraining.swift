import MirageReports
import MirageLearning
import MirageAdversarial
import MirageEvaluation
import MirageSupport
import MirageMedia
import MirageNetworks
import MirageStreams
import MirageTensors

/// What is looked at while a GAN is trained.
public struct GANWatching: Sendable, Codable, Equatable {
  /// By which the best checkpoint is chosen.
  public enum Metric: String, Sendable, Codable, CaseIterable {
    /// None: the last one counts.
    case last = "none"
    /// Fréchet distance on a classifier's features.
    case fid
    /// The part of the images that a classifier takes for their class.
    case labelAgreement = "label-agreement"
  }

  /// FID where the data has classes, else none.
  public var metric: Metric?
  /// Steps between two evaluations.
  public var evaluateEvery = 500
  /// Images on either side of an evaluation.
  public var evaluateCount = 5000
  /// Steps between two sample grids.
  public var gridEvery = 500
  /// Steps between two checkpoints.
  public var checkpointEvery = 500

  /// The usual settings.
  public init() {}
}

/// Trains a GAN on the samples of a flow, from its beginning or from where a checkpoint left it.
@TensorActor
final class GANTraining {
  private let set: TrainingSet
  private let gan: GAN
  private let watching: GANWatching
  private let files: TrainingFiles
  private let fields: [String: String]
  private let seed: UInt64
  private let report: @Sendable (FittingProgress) -> Void
  private let log: TrainingLog
  private var meter: QualityMeter?
  private var best: (step: Int, value: Double)?
  private var savedStep: Int?
  private var narrowChecks = 0
  private var speed = Speed()
  private let latents: Tensor
  private let labels: [Int]
  private let rows = 8

  /// - Parameters:
  ///   - fields: what the checkpoint says of the training.
  ///   - saved: where to go on.
  init(
    _ configuration: GANConfiguration, _ recipe: GANRecipe, _ watching: GANWatching, on set: TrainingSet, seed: UInt64,
    files: TrainingFiles, fields: [String: String], from saved: Checkpoint?,
    report: @escaping @Sendable (FittingProgress) -> Void
  ) throws {
    gan = try GAN(configuration, recipe, seed: seed)
    if let saved {
      try gan.restore(from: saved)
      savedStep = gan.steps
      if let text = saved.metadata["best"], let value = try? JSONValue(parsing: text.utf8),
        case .integer(let step)? = value["step"], let number = value["value"]?.double
      {
        best = (step, number)
      }
    }
    (self.set, self.watching, self.files, self.fields) = (set, watching, files, fields)
    (self.seed, self.report) = (seed, report)
    try makeDirectories(files.folder)
    log = try TrainingLog(files.folder, resumingAt: saved == nil ? nil : gan.steps)
    let columns = min(16, max(10, configuration.classes.count))
    var random = Random(key: Random.Key(seed: seed, path: "grid"), sample: 0)
    latents = configuration.latents(rows * columns, using: &random)
    labels = (0..<rows * columns).map { $0 % columns % max(1, configuration.classes.count) }
  }

  /// Trains to the end.
  ///
  /// - Throws: bad data where the training diverges or collapses, with the last good checkpoint kept; what reading throws;
  ///   an I/O error; `CancellationError`. Except for the first, the state is kept before, and the next run goes on.
  func run() async throws {
    // Where the checkpoint cannot be written is found out before hours of training.
    if savedStep == nil { try save() }
    try checkRoom()
    if watching.metric != .last { try await prepareMeter() }
    // What untrained networks give is what the training is held against.
    if gan.steps == 0 {
      try observe()
      try evaluate()
    }
    do {
      try await loop()
    } catch let error as Failure {
      let kept = "the checkpoint of step \(savedStep ?? 0) is kept in \(files.last)"
      try? writeReport(.stopped("\(error.message); \(kept)"))
      throw MirageError.badData("\(error.message); \(kept)", remedy: error.remedy)
    } catch {
      if savedStep != gan.steps { try save() }
      try? writeReport(
        error is CancellationError ? .interrupted(step: gan.steps, of: gan.recipe.steps) : .stopped("\(error)"))
      throw error
    }
    try writeReport(.finished(step: gan.steps))
  }

  private func loop() async throws {
    let recipe = gan.recipe
    let stepBatches = recipe.discriminatorSteps!
    let batches = set.batches(of: recipe.batch).endless(from: gan.steps * stepBatches, seed: seed)
    var iterator = batches.makeAsyncIterator()
    speed = Speed(step: gan.steps)
    while gan.steps < recipe.steps {
      try Task.checkCancellation()
      var real: [GAN.Real] = []
      while real.count < stepBatches, let batch = try await iterator.next() {
        if !batch.labels.isEmpty { real.append((batch.images, batch.labels)) }
      }
      // Cancellation may end the batches as if there were no more.
      try Task.checkCancellation()
      let isLogged = (gan.steps + 1).isMultiple(of: 50) || gan.steps + 1 == recipe.steps || gan.steps < 10
      let measures = gan.step(on: real, measuresGradients: isLogged)
      try check(measures)
      if isLogged { try record(measures) }
      show(measures)
      let isLast = gan.steps == recipe.steps
      if isLast || gan.steps.isMultiple(of: watching.gridEvery) { try observe() }
      if isLast || gan.steps.isMultiple(of: watching.evaluateEvery) { try evaluate() }
      if isLast || gan.steps.isMultiple(of: watching.checkpointEvery) {
        // What may be a collapse is not written over the last good state.
        if narrowChecks == 0 { try save() }
        try writeReport(.running(step: gan.steps, of: recipe.steps))
      }
    }
  }

  // MARK: Is it well?

  private struct Failure: Error {
    let message, remedy: String
  }

  private func check(_ measures: GAN.Measures) throws {
    guard measures.discriminatorLoss.isFinite, measures.generatorLoss.isFinite else {
      let whose = measures.discriminatorLoss.isFinite ? "generator" : "discriminator"
      throw Failure(
        message: "training diverged at step \(gan.steps): the \(whose)'s loss is not a number",
        remedy: "Train anew with --retrain and a lower train.learning-rate, normalization: spectral, or train.r1.")
    }
  }

  /// Samples that are nearly alike, twice in a row.
  private func check(_ samples: Tensor) throws {
    let columns = labels.count / rows
    let varied = samples.reshaped([rows, columns, -1]).variance(axes: [0]).mean().scalar.squareRoot()
    // Bytes as -1 ... 1: a deviation of one and a half gray levels.
    narrowChecks = varied < 0.012 && gan.steps >= 100 ? narrowChecks + 1 : 0
    guard narrowChecks < 2 else {
      throw Failure(
        message: "training collapsed by step \(gan.steps): samples of a class are nearly identical",
        remedy: "Train anew with --retrain and another train.loss, a lower train.learning-rate, or train.r1.")
    }
  }

  private func checkRoom() throws {
    guard let size = try? InputFile(files.last).size, let free = freeBytes(at: files.last) else { return }
    // The next checkpoint is written beside the last one, and the best beside both.
    guard free > 2 * size else {
      throw MirageError(
        .ioError, "\(free >> 20) MB are free, and two more checkpoints need \(2 * size >> 20) MB", file: files.last,
        remedy: "Make room, or put the checkpoint elsewhere.")
    }
  }

  // MARK: What is kept

  private func save() throws {
    // The history is never behind the checkpoint.
    try log.flush()
    var checkpoint = Checkpoint()
    gan.store(in: &checkpoint)
    describe(&checkpoint)
    try checkpoint.write(to: files.last)
    savedStep = gan.steps
  }

  private func saveBest() throws {
    var checkpoint = Checkpoint()
    checkpoint.store(average: gan.average, as: "generator")
    checkpoint.store(step: gan.steps)
    describe(&checkpoint)
    try checkpoint.write(to: files.best)
  }

  private func describe(_ checkpoint: inout Checkpoint) {
    checkpoint.metadata.merge(fields) { $1 }
    var metrics: [String: JSONValue] = [:]
    for series in log.history.series where series.name.hasPrefix("metric/") {
      metrics[String(series.name.dropFirst(7))] = series.points.last.map { .number($0.value) }
    }
    checkpoint.metadata["metrics"] = JSONValue.object(metrics).text
    if let best {
      let value: JSONValue = ["step": .integer(best.step), "value": .number(best.value)]
      checkpoint.metadata["best"] = value.text
    }
  }

  // MARK: What is watched

  private func record(_ measures: GAN.Measures) throws {
    let (recipe, factor) = (gan.recipe, Double(gan.recipe.learningRateFactor(at: gan.steps - 1)))
    let values: [(String, Double?)] = [
      ("loss/discriminator", Double(measures.discriminatorLoss)), ("loss/generator", Double(measures.generatorLoss)),
      ("loss/penalty", measures.penalty.map { Double($0) }), ("logits/real", Double(measures.realLogit)),
      ("logits/fake", Double(measures.fakeLogit)),
      ("gradient-norm/discriminator", measures.discriminatorGradientNorm.map { Double($0) }),
      ("gradient-norm/generator", measures.generatorGradientNorm.map { Double($0) }),
      ("learning-rate/generator", recipe.learningRate! * factor),
      ("learning-rate/discriminator", recipe.discriminatorLearningRate! * factor),
      ("speed/samples-per-second", samplesPerSecond),
    ]
    for case (let name, let value?) in values { try log.scalar(name, step: gan.steps, value: value) }
    if gan.steps.isMultiple(of: 50) { try log.flush() }
  }

  private func averaged() throws -> any Generator {
    var random = Random(key: Random.Key(seed: 0, path: "average"), sample: 0)
    let (generator, _) = gan.configuration.networks(using: &random)
    try generator.load(gan.average.state)
    return generator
  }

  /// A grid of samples, always of the same latents, and the distribution of both networks' weights.
  private func observe() throws {
    let generator = try averaged()
    let samples = generator(latents, labels, .inference)
    try check(samples)
    let columns = labels.count / rows
    let caption = gan.configuration.classes.prefix(columns).joined(separator: ", ")
    try log.grid(
      step: gan.steps, image: SampleGrid.draw(samples.images(), columns: columns), caption: caption)
    for (name, module) in [("generator", gan.generator as any Module), ("discriminator", gan.discriminator)] {
      try log.histogram(
        "weights/\(name)", step: gan.steps, values: module.parameters.flatMap { $0.value.values })
    }
  }

  private func prepareMeter() async throws {
    let report = report
    let activity = "classifier for the metric"
    meter = try await QualityMeter(
      gan.configuration, on: set, count: watching.evaluateCount, seed: seed,
      classifierAt: files.folder + "/classifier.safetensors"
    ) { done, total in
      report(FittingProgress(stage: ConditionalGAN.name, activity: activity, done: done, total: total))
    }
  }

  private func evaluate() throws {
    guard let meter else { return }
    let (fid, agreement) = try meter.measure(averaged())
    try log.scalar("metric/fid", step: gan.steps, value: fid)
    try log.scalar("metric/label-agreement", step: gan.steps, value: agreement)
    let value = watching.metric == .labelAgreement ? -agreement : fid
    var event = "step \(gan.steps): FID \(rounded(fid)), label agreement \(rounded(100 * agreement)) %"
    if best.map({ value < $0.value }) ?? true {
      best = (gan.steps, value)
      try saveBest()
      event += " (the best so far)"
    }
    var progress = FittingProgress(
      stage: ConditionalGAN.name, activity: "training", done: gan.steps, total: gan.recipe.steps)
    progress.event = event
    report(progress)
  }

  private func show(_ measures: GAN.Measures) {
    var progress = FittingProgress(
      stage: ConditionalGAN.name, activity: "training", done: gan.steps, total: gan.recipe.steps)
    progress.measures = [
      .init("D loss", Double(measures.discriminatorLoss)), .init("G loss", Double(measures.generatorLoss)),
    ]
    if let rate = samplesPerSecond { progress.measures.append(.init("samples/s", rate)) }
    report(progress)
  }

  /// Real samples that were trained on a second, since the training began in this process.
  private var samplesPerSecond: Double? {
    speed.stepsPerSecond(at: gan.steps).map { $0 * Double(gan.recipe.batch * gan.recipe.discriminatorSteps!) }
  }

  private func writeReport(_ status: TrainingReport.Status) throws {
    try log.flush()
    let names = ["configuration", "recipe", "watching"]
    let facts = names.compactMap { name -> TrainingReport.Facts? in
      fields[name].flatMap { try? JSONValue(parsing: $0.utf8) }.map { TrainingReport.Facts(name, $0) }
    }
    try TrainingReport(
      title: lastComponent(files.last), status: status, history: log.history, facts: facts
    ).write(in: files.folder)
  }

  /// Steps a second since the training began in this process.
  private struct Speed {
    private let start = ContinuousClock.now
    private let first: Int

    init(step: Int = 0) { first = step }

    func stepsPerSecond(at step: Int) -> Double? {
      let seconds = start.duration(to: .now) / .seconds(1)
      return step > first && seconds > 0 ? Double(step - first) / seconds : nil
    }
  }
}

private func rounded(_ value: Double) -> String { JSONValue.number((value * 100).rounded() / 100).text }
