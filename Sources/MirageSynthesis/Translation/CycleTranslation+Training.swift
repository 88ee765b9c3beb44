import MirageAdversarial
import MirageEvaluation
import MirageLearning
import MirageMedia
import MirageNetworks
import MirageStreams
import MirageSupport
import MirageTensors

extension CycleTranslation: TrainedEstimator {
  public func fit(on upstream: Flow<Sample>, in context: Context) async throws -> Fitted<Sample, Sample> {
    let flows = try await flows(upstream, context)
    let (training, identity) = (training, try identity(upstream, flows, context))
    let label = try label(among: upstream.about.classes)
    try await training.run(as: identity, in: context) { saved in
      let a = try await survey(flows.a, isConditional: train.labels == .kept, context)
      let b = try await survey(flows.b, context)
      let (first, second) = (a.coding.format, b.coding.format)
      guard first.shape.prefix(2) == second.shape.prefix(2), first.numbers == second.numbers else {
        throw MirageError.badData(
          "the images of \(flows.a.name) are \(first), and those of \(flows.b.name) are \(second)",
          remedy: "Bring both to one size, with resize or a crop, and give both the same stages that change numbers.")
      }
      let configuration = try CycleGANConfiguration(
        model, height: first.shape[0], width: first.shape[1], channelsA: first.shape[2], channelsB: second.shape[2])
      let header = try TranslationModel.header(
        configuration, [.init(name: flows.a.name, maps: a.coding.maps), .init(name: flows.b.name, maps: b.coding.maps)])
      if let saved {
        try training.resume(TranslationModel.current(saved), configuration: header["configuration"], in: context)
      }
      try await train(
        configuration, (flows.a.name, a), (flows.b.name, b), of: upstream, files: training.files,
        header: training.header(header, as: identity), from: saved, context)
    }
    return try fitted(training.files, label)
  }

  public func earlierFit(on upstream: Flow<Sample>, in context: Context) async throws -> Fitted<Sample, Sample>? {
    guard FileKind(checkpoint) != .missing else { return nil }
    let flows = try await flows(upstream, context)
    guard try training.isFinished(as: identity(upstream, flows, context)) else { return nil }
    return try fitted(training.files, label(among: upstream.about.classes))
  }

  private var training: StageTraining {
    StageTraining(
      Self.name, checkpoint: checkpoint, kind: .cycleGAN, steps: train.steps,
      settings: ["model": CycleGANModel.settings, "recipe": CycleGANRecipe.settings])
  }

  /// A domain's samples, with a name for messages.
  private typealias Domain = (name: String, flow: Flow<Sample>)

  private func flows(_ upstream: Flow<Sample>, _ context: Context) async throws -> (a: Domain, b: Domain) {
    func classes(_ names: [String], _ setting: String) throws -> Domain {
      for name in names { _ = try classIndex(name, among: upstream.about.classes, stage: setting) }
      return (names.joined(separator: ", "), try Filter(classes: names).apply(to: upstream, at: context.path))
    }
    let a = from.isEmpty ? ("what flows in", upstream) : try classes(from, "from")
    if let target {
      return (a, ("the target", try await target.flow(in: context.at(context.path.child("target")))))
    }
    guard !through.isEmpty else {
      let b = try classes(to, "to")
      let names = upstream.about.classes
      let shared = try to.first { name in
        let index = try classIndex(name, among: names, stage: "to")
        return try from.contains { try classIndex($0, among: names, stage: "from") == index }
      }
      if let shared {
        throw MirageError(
          .badPipeline, "class \(shared) is in both domains", place: "to", remedy: "Take it out of from or to.")
      }
      return (a, b)
    }
    let branch = PipelineSource(FlowSource(flow: a.1, description: context.upstream), stages: through)
    return (a, ("what flows through", try await branch.flow(in: context.at(context.path.child("through")))))
  }

  private func survey(
    _ domain: Domain, isConditional: Bool = false, _ context: Context
  ) async throws -> TrainingSet {
    do {
      return try await TrainingSet(surveying: domain.flow, isConditional: isConditional, in: context) {
        context.report(
          FittingProgress(
            stage: Self.name, activity: "looking at \(domain.name)", done: $0, total: domain.flow.count))
      }
    } catch var error as MirageError {
      error.message = "\(domain.name): \(error.message)"
      throw error
    }
  }

  private var metric: Watching.Metric { watch.metric ?? (to.isEmpty ? .last : .fid) }

  @TensorActor
  private func train(
    _ configuration: CycleGANConfiguration, _ a: (name: String, set: TrainingSet),
    _ b: (name: String, set: TrainingSet), of upstream: Flow<Sample>, files: TrainingFiles, header: [String: String],
    from saved: Checkpoint?, _ context: Context
  ) async throws {
    let (seed, sets) = (upstream.run.seed, [a.set, b.set].map { $0.holdingOut(watch.evaluateCount) })
    func domain(_ name: String, _ set: TrainingSet) async throws -> CycleGANTrainee.Domain {
      CycleGANTrainee.Domain(name, coding: set.coding, images: try await set.rows(8)[0])
    }
    let trainee = try CycleGANTrainee(
      configuration, train, a: await domain(a.name, a.set), b: await domain(b.name, b.set),
      classifier: train.labels == .kept ? classifier(of: upstream.about.classes, configuration, seed) : nil, seed: seed)
    var schedule = TrainingLoop<CycleGANTrainee>.Schedule(steps: train.steps, samplesPerBatch: train.batch)
    (schedule.batchesPerStep, schedule.countsEmptyBatches) = (2, true)
    (schedule.evaluateEvery, schedule.exhibitEvery) = (watch.evaluateEvery, watch.gridEvery)
    schedule.checkpointEvery = watch.checkpointEvery
    let facts = [
      ("configuration", try JSONValue(encoding: configuration)), ("recipe", try JSONValue(encoding: train)),
    ]
    let loop = try TrainingLoop(
      trainee, schedule, stage: Self.name, files: files, header: header, facts: facts, resuming: saved,
      evaluator: { try await meter(configuration, sets, of: upstream, files, context) },
      progress: {
        context.report($0)
        return .proceed
      })
    let parts = sets.map { $0.rest.batches(of: train.batch) }
    try await loop.run(
      on: Batches.alternating(parts, fromBatch: loop.samplesSeen / train.batch, seed: seed))
  }

  /// Returns an untrained classifier of the translations.
  @TensorActor private func classifier(
    of classes: [String], _ configuration: CycleGANConfiguration, _ seed: UInt64
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
    _ configuration: CycleGANConfiguration, _ sets: [(rest: TrainingSet, heldOut: TrainingSet)],
    of upstream: Flow<Sample>, _ files: TrainingFiles, _ context: Context
  ) async throws -> TranslationMeter {
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
        context.report(FittingProgress(stage: Self.name, activity: "classifier for the metric", done: $0, total: $1))
      }
    }
    var domains: [TranslationMeter.Domain] = []
    for (set, classes) in zip(sets, [from, to]) {
      // Too few samples to hold any out: those that are trained on are measured.
      let measured = set.heldOut.positions.isEmpty ? set.rest : set.heldOut
      domains.append(
        TranslationMeter.Domain(
          // At most 64 MB of images.
          coding: measured.coding,
          images: try await measured.rows(max(2, min(watch.evaluateCount, (16 << 20) / measured.coding.format.count))),
          classes: Set(try classes.map { try classIndex($0, among: names, stage: Self.name) })))
    }
    return try TranslationMeter(domains, classifier: classifier, metric: metric)
  }

  /// Everything that determines the weights: settings, upstream, the second domain, and data.
  private func identity(
    _ upstream: Flow<Sample>, _ flows: (a: Domain, b: Domain), _ context: Context
  ) throws -> Fingerprint {
    var parts: [String: JSONValue] = [
      "model": try JSONValue(encoding: model), "recipe": try JSONValue(encoding: train), "upstream": context.upstream,
      "data": try upstream.about.inputsDigest(), "from": .array(from.map { .string($0) }),
      "to": .array(to.map { .string($0) }), "through": .array(try through.map { try $0.description }),
      // The images that are held out are not trained on.
      "held-out": .integer(watch.evaluateCount),
    ]
    if metric != .last {
      parts["watching"] = ["metric": .string(metric.rawValue), "evaluate-every": .integer(watch.evaluateEvery)]
    }
    if let target {
      parts["target"] = try JSONValue(encoding: target).withoutDirectories
      parts["target-data"] = try flows.b.flow.about.inputsDigest()
    }
    return Fingerprint(parts)
  }

  /// Index of the translations' class; nil if they keep their originals'.
  private func label(among classes: [String]) throws -> Int? {
    let reached = translate.direction == .forward ? to : from
    return try Translation.index(
      ofLabel: translate.label ?? (reached.count == 1 ? reached[0] : nil), among: classes, setting: "translate.label")
  }

  private func fitted(_ files: TrainingFiles, _ label: Int?) throws -> Fitted<Sample, Sample> {
    let model = try TranslationModel(reading: FileKind(files.best) == .file ? files.best : files.last)
    let stage = TranslatingStage(
      model: model, translation: translate, classes: translate.direction == .forward ? from : to, label: label)
    return Fitted(
      stage, description: try stage.description(named: Self.name), measures: [.init("step", Double(model.saved.step))],
      files: [files.last])
  }
}

/// A trained translation that an experiment can compare with classical augmentation.
package protocol ProvableTranslation: StageComponent, TrainedEstimator {
  /// Classes of the second domain; empty if it is a branch.
  var to: [String] { get }
  /// The second domain as a branch; nil if it is not one.
  var target: PipelineSource? { get }
  /// Returns the stage as an arm of the proof trains it, for `steps` steps, or the stage's own number if nil.
  func proving(checkpoint: String, steps: Int?, translate: Translation) -> any StageComponent
  /// Settings that determine the outcome of a proof.
  var provenSettings: JSONValue { get throws }
}

extension CycleTranslation: ProvableTranslation {
  package func proving(checkpoint: String, steps: Int?, translate: Translation) -> any StageComponent {
    var stage = self
    (stage.checkpoint, stage.translate) = (checkpoint, translate)
    stage.train.steps = steps ?? train.steps
    // The choice of a best checkpoint would need a classifier, and thus samples that the GAN must not see.
    stage.watch.metric = .last
    stage.watch.evaluateEvery = stage.train.steps
    return stage
  }

  package var provenSettings: JSONValue {
    get throws {
      var stage = self
      (stage.checkpoint, stage.translate, stage.watch) = ("", Translation(), Watching())
      return try stage.description
    }
  }
}

/// A flow as the source of a branch.
private struct FlowSource: SourceComponent {
  static let declaration = Declaration("flow", "Samples that flow in")

  let flow: Flow<Sample>
  let upstream: JSONValue

  init(flow: Flow<Sample>, description: JSONValue) { (self.flow, upstream) = (flow, description) }

  init(from decoder: any Decoder) throws { throw MirageError(.badPipeline, "a flow is not read from a file") }

  /// Encodes everything that determines the samples.
  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(upstream)
  }

  func flow(in context: Context) -> Flow<Sample> { flow }
}
