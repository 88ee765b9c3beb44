import MirageAdversarial
import MirageEvaluation
import MirageLearning
import MirageMedia
import MirageNetworks
import MirageStreams
import MirageSupport
import MirageTensors

/// The training of a translation stage, and the stage that it gives.
struct TranslationTraining<Subject: TranslationTrainee> {
  let domains: TranslationDomains
  let checkpoint: String
  let model: Subject.Configuration.Model
  let recipe: Subject.Recipe
  let watch: TranslationWatching
  let translate: Translation

  private typealias Domain = TranslationDomains.Domain

  func fit(on upstream: Flow<Sample>, in context: Context) async throws -> Fitted<Sample, Sample> {
    let flows = try await domains.flows(upstream, context)
    let (training, identity) = (training, try identity(upstream, flows.b, context))
    let label = try label(among: upstream.about.classes)
    try await training.run(as: identity, in: context) { saved in
      let sets = try await surveys(flows, context)
      let (first, second) = (sets.a.coding.format, sets.b.coding.format)
      guard first.shape.prefix(2) == second.shape.prefix(2), first.numbers == second.numbers else {
        throw MirageError.badData(
          "the images of \(flows.a.name) are \(first), and those of \(flows.b.name) are \(second)",
          remedy: "Bring both to one size, with resize or a crop, and give both the same stages that change numbers.")
      }
      let configuration = try Subject.Configuration(
        model, height: first.shape[0], width: first.shape[1], channelsA: first.shape[2], channelsB: second.shape[2])
      let header = try TranslationModel.header(
        configuration,
        [.init(name: flows.a.name, maps: sets.a.coding.maps), .init(name: flows.b.name, maps: sets.b.coding.maps)])
      if let saved {
        try training.resume(
          TranslationModel.current(saved, Subject.Configuration.self), configuration: header["configuration"],
          in: context)
      }
      try await train(
        configuration, (flows.a.name, sets.a), (flows.b.name, sets.b), of: upstream, files: training.files,
        header: training.header(header, as: identity), from: saved, context)
    }
    return try await fitted(training.files, label, upstream, context)
  }

  func earlierFit(on upstream: Flow<Sample>, in context: Context) async throws -> Fitted<Sample, Sample>? {
    guard FileKind(checkpoint) != .missing else { return nil }
    let flows = try await domains.flows(upstream, context)
    guard try training.isFinished(as: identity(upstream, flows.b, context)) else { return nil }
    return try await fitted(training.files, label(among: upstream.about.classes), upstream, context)
  }

  private var training: StageTraining {
    StageTraining(
      domains.stage, checkpoint: checkpoint, kind: Subject.Configuration.kind, steps: recipe.steps,
      settings: ["model": Subject.Configuration.settings, "recipe": Subject.Recipe.settings])
  }

  /// Reads both domains once. Pairs of which one sample is missing are left out.
  private func surveys(
    _ flows: (a: Domain, b: Domain), _ context: Context
  ) async throws -> (a: TrainingSet, b: TrainingSet) {
    var a = try await survey(flows.a, isConditional: recipe.keepsLabels, context)
    var b = try await survey(flows.b, isConditional: false, context)
    if Subject.isPaired {
      let shared = Set(a.positions).intersection(b.positions)
      a.keep(shared)
      b.keep(shared)
    }
    return (a, b)
  }

  private func survey(_ domain: Domain, isConditional: Bool, _ context: Context) async throws -> TrainingSet {
    do {
      return try await TrainingSet(surveying: domain.flow, isConditional: isConditional, in: context) {
        context.report(
          FittingProgress(
            stage: domains.stage, activity: "looking at \(domain.name)", done: $0, total: domain.flow.count))
      }
    } catch var error as MirageError {
      error.message = "\(domain.name): \(error.message)"
      throw error
    }
  }

  private var metric: TranslationWatching.Metric { watch.metric ?? (domains.to.isEmpty ? .last : .fid) }

  @TensorActor
  private func train(
    _ configuration: Subject.Configuration, _ a: (name: String, set: TrainingSet),
    _ b: (name: String, set: TrainingSet),
    of upstream: Flow<Sample>, files: TrainingFiles, header: [String: String], from saved: Checkpoint?,
    _ context: Context
  ) async throws {
    let (seed, sets) = (upstream.run.seed, [a.set, b.set].map { $0.holdingOut(watch.evaluateCount) })
    func domain(_ name: String, _ set: TrainingSet) async throws -> TranslationDomain {
      TranslationDomain(name, coding: set.coding, images: try await set.rows(8)[0])
    }
    let trainee = try Subject(
      configuration, recipe, a: await domain(a.name, a.set), b: await domain(b.name, b.set),
      classifier: recipe.keepsLabels ? classifier(of: upstream.about.classes, configuration, seed) : nil, seed: seed)
    var schedule = TrainingLoop<Subject>.Schedule(steps: recipe.steps, samplesPerBatch: recipe.batch)
    (schedule.batchesPerStep, schedule.countsEmptyBatches) = (2, true)
    (schedule.evaluateEvery, schedule.exhibitEvery) = (watch.evaluateEvery, watch.gridEvery)
    schedule.checkpointEvery = watch.checkpointEvery
    let facts = [
      ("configuration", try JSONValue(encoding: configuration)), ("recipe", try JSONValue(encoding: recipe)),
    ]
    let loop = try TrainingLoop(
      trainee, schedule, stage: domains.stage, files: files, header: header, facts: facts, resuming: saved,
      evaluator: { try await meter(configuration, sets, of: upstream, files, context) },
      progress: {
        context.report($0)
        return .proceed
      })
    let parts = sets.map { $0.rest.batches(of: recipe.batch) }
    try await loop.run(
      on: Batches.alternating(
        parts, fromBatch: loop.samplesSeen / recipe.batch, seed: seed, sharingOrder: Subject.isPaired))
  }

  /// Returns an untrained classifier of the translations.
  @TensorActor private func classifier(
    of classes: [String], _ configuration: Subject.Configuration, _ seed: UInt64
  ) throws -> ImageClassifier {
    var random = Random(key: Random.Key(seed: seed, path: "classifier"), sample: 0)
    return try ImageClassifier(
      .init(
        height: configuration.height, width: configuration.width, channels: configuration.channelsB, classes: classes),
      using: &random)
  }

  /// Returns what evaluates the training: by a classifier of the domains' classes, if they have some.
  @TensorActor
  private func meter(
    _ configuration: Subject.Configuration, _ sets: [(rest: TrainingSet, heldOut: TrainingSet)],
    of upstream: Flow<Sample>, _ files: TrainingFiles, _ context: Context
  ) async throws -> TranslationMeter<Subject> {
    let names = upstream.about.classes
    var classifier: ImageClassifier?
    if metric == .fid {
      let images = ImageClassifier.Configuration(
        height: configuration.height, width: configuration.width, channels: configuration.channelsA, classes: names)
      let positions = sets.flatMap(\.rest.positions).sorted()
      classifier = try await QualityMeter.classifier(
        images,
        on: { Batches(upstream, size: $0, positions: positions).expecting(sets[0].rest.coding) },
        seed: upstream.run.seed, at: files.classifier
      ) {
        context.report(
          FittingProgress(stage: domains.stage, activity: "classifier for the metric", done: $0, total: $1))
      }
    }
    var measured: [TranslationMeter<Subject>.Domain] = []
    for (set, classes) in zip(sets, [domains.from, domains.to]) {
      // Too few samples to hold any out: those that are trained on are measured.
      let own = set.heldOut.positions.isEmpty ? set.rest : set.heldOut
      measured.append(
        TranslationMeter<Subject>.Domain(
          // At most 64 MB of images.
          coding: own.coding,
          images: try await own.rows(max(2, min(watch.evaluateCount, (16 << 20) / own.coding.format.count))),
          classes: Set(try classes.map { try classIndex($0, among: names, stage: domains.stage) })))
    }
    return try TranslationMeter(measured, classifier: classifier, metric: metric)
  }

  /// Everything that determines the weights: settings, upstream, the second domain, and data.
  private func identity(_ upstream: Flow<Sample>, _ b: Domain, _ context: Context) throws -> Fingerprint {
    var parts: [String: JSONValue] = [
      "model": try JSONValue(encoding: model), "recipe": try JSONValue(encoding: recipe), "upstream": context.upstream,
      "data": try upstream.about.inputsDigest(),
      // The images that are held out are not trained on.
      "held-out": .integer(watch.evaluateCount),
    ]
    parts.merge(try domains.identity(b)) { $1 }
    if metric != .last {
      parts["watching"] = ["metric": .string(metric.rawValue), "evaluate-every": .integer(watch.evaluateEvery)]
    }
    return Fingerprint(parts)
  }

  /// Index of the translations' class; nil if they keep their originals'.
  private func label(among classes: [String]) throws -> Int? {
    let reached = translate.direction == .forward ? domains.to : domains.from
    return try Translation.index(
      ofLabel: translate.label ?? (reached.count == 1 ? reached[0] : nil), among: classes, setting: "translate.label")
  }

  private func fitted(
    _ files: TrainingFiles, _ label: Int?, _ upstream: Flow<Sample>, _ context: Context
  ) async throws -> Fitted<Sample, Sample> {
    let model = try TranslationModel(reading: FileKind(files.best) == .file ? files.best : files.last)
    // Of pairs, the stages make what is translated of what flows.
    let inputs =
      Subject.isPaired && !domains.through.isEmpty ? try await domains.afterStages(upstream, context) : nil
    let stage = TranslatingStage(
      model: model, translation: translate, classes: translate.direction == .forward ? domains.from : domains.to,
      label: label, inputs: inputs, preparation: inputs == nil ? [] : try domains.through.map { try $0.description })
    return Fitted(
      stage, description: try stage.description(named: domains.stage),
      measures: [.init("step", Double(model.saved.step))], files: [files.last])
  }
}
