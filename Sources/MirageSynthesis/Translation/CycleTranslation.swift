import MirageAdversarial
import MirageEvaluation
import MirageLearning
import MirageMedia
import MirageNetworks
import MirageStreams
import MirageSupport
import MirageTensors

/// Trains a CycleGAN between two domains (Zhu et al. 2017), then translates what flows from one into the other.
///
/// The domains are classes of what flows in (`from` and `to`), or what flows in and another source with stages of its own
/// (`target`), or what flows in and its copy through other stages (`through`). The training is kept in the checkpoint, as
/// that of `ConditionalGAN` is.
public struct CycleTranslation: StageComponent, ComputesWithNetworks {
  public static let declaration = Declaration(
    "cycle-gan", "Trains a CycleGAN between two domains, then translates what flows",
    of: CycleTranslation(checkpoint: ""),
    .required("checkpoint", .path, "File that keeps the training"),
    Setting("from", .strings, "Classes of the first domain, by name or number; all samples that flow in if not given"),
    Setting("to", .strings, "Classes of the second domain, by name or number"),
    Setting("target", .group(Target.settings), "Second domain: a source with stages of its own"),
    Setting("through", .components([.augmentation, .stage]), "Second domain: what flows in, through these stages"),
    Setting("model", .group(CycleGANModel.settings), "Networks"),
    Setting("train", .group(CycleGANRecipe.settings), "Training"),
    Setting("watch", .group(Watching.settings), "Monitoring schedule"),
    Setting("translate", .group(Translation.settings), "Samples that are made"))

  public static var domains: Set<Format.Domain> { [.image] }

  /// A domain that is a branch of its own.
  public struct Target: Sendable, Codable {
    @Nested public private(set) var source: any SourceComponent
    @Nested public private(set) var stages: [any StageComponent]

    public static let settings = Setting.list(
      of: Target(MNIST(directory: "")), .required("source", .component([.source]), "Source of the second domain"),
      Setting("stages", .components([.augmentation, .stage]), "Stages of the second domain"))

    /// Creates a domain of a source's samples after some stages.
    public init(_ source: any SourceComponent, stages: [any StageComponent] = []) {
      (self.source, self.stages) = (source, stages)
    }
  }

  /// Monitoring of the training.
  public struct Watching: Sendable, Codable, Equatable {
    /// Metric that chooses the best checkpoint, measured on images that are held out of the training.
    public enum Metric: String, Sendable, Codable, CaseIterable {
      /// None: the last checkpoint counts.
      case last = "none"
      /// Mean absolute difference of images and their translation there and back.
      case cycleError = "cycle-error"
      /// Fréchet distance of a classifier's features between translations and real images; for domains that are classes.
      case fid
    }

    /// Metric that chooses the best checkpoint. Defaults to FID if the domains are classes, else to none.
    public var metric: Metric?
    /// Number of steps between two evaluations. Defaults to 500.
    public var evaluateEvery = 500
    /// Number of images of each domain that are held out for evaluation, at most a tenth of all. Defaults to 500.
    public var evaluateCount = 500
    /// Number of steps between two grids of translated images. Defaults to 500.
    public var gridEvery = 500
    /// Number of steps between two checkpoints. Defaults to 500.
    public var checkpointEvery = 500

    public static let settings = Setting.list(
      of: Watching(),
      Setting(
        "metric", .choice(Metric.self),
        "Metric that chooses the best checkpoint; fid if the domains are classes, else none"),
      Setting("evaluate-every", .integer(1...100_000_000), "Number of steps between two evaluations"),
      Setting(
        "evaluate-count", .integer(1...1_000_000), "Number of images of each domain that are held out for evaluation"),
      Setting("grid-every", .integer(1...100_000_000), "Number of steps between two grids"),
      Setting("checkpoint-every", .integer(1...100_000_000), "Number of steps between two checkpoints"))

    /// Creates the usual schedule.
    public init() {}
  }

  /// File of the training's last state. The best state and a folder with the report are beside it.
  public var checkpoint: String
  /// Classes of the first domain, by name or number; all samples that flow in if empty.
  public var from: [String]
  /// Classes of the second domain, by name or number.
  public var to: [String]
  /// The second domain as a branch.
  public var target: Target?
  /// Stages that make the second domain of what flows in.
  @Nested public private(set) var through: [any StageComponent]
  /// Settings of the networks.
  public var model = CycleGANModel()
  /// Settings of the training.
  public var train = CycleGANRecipe()
  /// Monitoring schedule.
  public var watch = Watching()
  /// Samples that are made.
  public var translate = Translation()

  /// Creates a translation between two domains: exactly one of `to`, `target` and `through` is given.
  public init(
    checkpoint: String, from: [String] = [], to: [String] = [], target: Target? = nil,
    through: [any StageComponent] = []
  ) {
    (self.checkpoint, self.from, self.to, self.target, self.through) = (checkpoint, from, to, target, through)
  }

  public var parts: [String: [any Component]] {
    var parts: [String: [any Component]] = ["through": through]
    if let target { (parts["target.source"], parts["target.stages"]) = ([target.source], target.stages) }
    return parts
  }

  public func validate() throws {
    try checkSettings()
    let given = [("to", !to.isEmpty), ("target", target != nil), ("through", !through.isEmpty)].filter(\.1).map(\.0)
    guard given.count == 1 else {
      throw MirageError(
        .badPipeline,
        given.isEmpty ? "cycle-gan has no second domain" : "cycle-gan has both \(given[0]) and \(given[1])",
        place: given.last, remedy: "Give one of to (classes), target (a source) and through (stages).")
    }
    if given == ["to"] && from.isEmpty {
      throw MirageError(
        .badPipeline, "cycle-gan translates to classes, but from none", place: "to",
        remedy: "Name the classes to translate, with from.")
    }
    if watch.metric == .fid && to.isEmpty {
      throw MirageError(
        .badPipeline, "fid is measured by classes, and the second domain is none", place: "watch.metric",
        remedy: "Use cycle-error or none.")
    }
    if translate.direction == .backward && to.isEmpty {
      throw MirageError(
        .badPipeline, "the second domain does not flow through the stage, so it cannot be translated",
        place: "translate.direction", remedy: "Let the second domain flow in and give the first one as target.")
    }
  }
}

extension CycleTranslation: TrainedEstimator {
  public func fit(on upstream: Flow<Sample>, in context: Context) async throws -> Fitted<Sample, Sample> {
    let flows = try await flows(upstream, context)
    let (training, identity) = (training, try identity(upstream, flows, context))
    let label = try label(among: upstream.about.classes)
    try await training.run(as: identity, in: context) { saved in
      let (a, b) = (try await survey(flows.a, context), try await survey(flows.b, context))
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
      if let saved { try training.resume(saved, configuration: header["configuration"], in: context) }
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
    StageTraining(Self.name, checkpoint: checkpoint, kind: .cycleGAN, steps: train.steps)
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
      let branch = PipelineSource(target.source, stages: target.stages)
      return (a, ("the target", try await branch.flow(in: context.at(context.path.child("target")))))
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

  private func survey(_ domain: Domain, _ context: Context) async throws -> TrainingSet {
    do {
      return try await TrainingSet(surveying: domain.flow, isConditional: false, in: context) {
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
      configuration, train, a: await domain(a.name, a.set), b: await domain(b.name, b.set), seed: seed)
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
    guard let name = translate.label ?? (reached.count == 1 ? reached[0] : nil), name != Translation.kept else {
      return nil
    }
    return try classIndex(name, among: classes, stage: "translate.label")
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
