import MirageAdversarial
import MirageEvaluation
import MirageLearning
import MirageSupport
import MirageNetworks
import MirageStreams
import MirageTensors

/// A stage that trains a GAN on the incoming samples, passes them on and adds synthetic ones.
///
/// The training is kept in the checkpoint: a second run with the same settings, upstream and data uses it, and an
/// interrupted training is resumed. A checkpoint of another training is an error that names the first difference.
public struct ConditionalGAN: StageComponent, ComputesWithNetworks {
  public static let declaration = Declaration(
    "conditional-gan", "Trains a GAN on what flows in, then adds synthetic samples", of: ConditionalGAN(checkpoint: ""),
    .required("checkpoint", .path, "File that keeps the training"),
    Setting("model", .group(GANModel.settings), "Networks"), Setting("train", .group(GANRecipe.settings), "Training"),
    Setting("watch", .group(GANWatching.settings), "Evaluation schedule"),
    Setting("emit", .group(Emission.settings), "Samples that are added"))

  public static var domains: Set<Format.Domain> { [.image] }

  /// File with the last state of the training. The best state and a folder with the report are beside it.
  public var checkpoint: String
  /// Settings of the networks.
  public var model: GANModel
  /// Settings of the training.
  public var train: GANRecipe
  /// Evaluation schedule.
  public var watch: GANWatching
  /// Settings of the synthetic samples.
  public var emit: Emission

  /// Creates a stage that keeps its training in a checkpoint.
  public init(
    checkpoint: String, model: GANModel = GANModel(), train: GANRecipe = GANRecipe(),
    watch: GANWatching = GANWatching(), emit: Emission = Emission()
  ) {
    (self.checkpoint, self.model, self.train, self.watch, self.emit) = (checkpoint, model, train, watch, emit)
  }

  public func validate() throws {
    try checkSettings()
    _ = try train.resolved(for: model)
    try emit.check()
    if model.conditioning == .none { try emit.checkWithoutClasses() }
  }
}

extension ConditionalGAN: TrainedEstimator {
  public func fit(on upstream: Flow<Sample>, in context: Context) async throws -> Fitted<Sample, Sample> {
    let files = TrainingFiles(checkpoint: checkpoint)
    let lock = try files.lock()
    defer { withExtendedLifetime(lock) {} }
    // The files are renamed without being read, since a damaged checkpoint is a reason to train again.
    if context.retrains, let previous = try files.keepPrevious() {
      tell(context, "kept the previous checkpoint as \(previous)")
    }
    let saved = try earlier(files)
    let identity = try identity(upstream, context)
    if let saved {
      try expect(saved, identity)
      if try saved.step() == train.steps { return try await fitted(files, like: upstream) }
    }
    let set = try await TrainingSet(surveying: upstream, isConditional: model.conditioning != .none, in: context) {
      context.report(
        FittingProgress(stage: Self.name, activity: "looking at the samples", done: $0, total: upstream.count))
    }
    let configuration = try GANConfiguration(model, shape: set.coding.shape, classes: upstream.about.classes)
    // An impossible setting of `emit` is reported before hours of training.
    _ = try emit.order(behind: upstream, names: configuration.classes)
    if watch.resolved(hasClasses: configuration.classes.count > 1).metric == .last {
      try emit.check(classifier: classifier(files))
    }
    let header = try ModelFile.header(configuration, set.coding)
    if let saved {
      try saved.expect(["configuration": header["configuration"]!])
      tell(context, "goes on from step \(try saved.step()) of \(train.steps)")
    }
    try await train(
      configuration, on: set, seed: upstream.run.seed, files: files, header: header, identity: identity, from: saved,
      context)
    return try await fitted(files, like: upstream)
  }

  public func earlierFit(on upstream: Flow<Sample>, in context: Context) async throws -> Fitted<Sample, Sample>? {
    let files = TrainingFiles(checkpoint: checkpoint)
    guard let saved = try earlier(files), try saved.step() == train.steps else { return nil }
    try expect(saved, identity(upstream, context))
    return try await fitted(files, like: upstream)
  }

  @TensorActor
  private func train(
    _ configuration: GANConfiguration, on set: TrainingSet, seed: UInt64, files: TrainingFiles,
    header: [String: String], identity: Fingerprint, from saved: Checkpoint?, _ context: Context
  ) async throws {
    let (metric, watching) = watch.resolved(hasClasses: configuration.classes.count > 1)
    let trainee = try GANTrainee(configuration, train, coding: set.coding, seed: seed)
    let recipe = trainee.gan.recipe
    var schedule = TrainingLoop<GANTrainee>.Schedule(steps: recipe.steps, samplesPerBatch: recipe.batch)
    schedule.batchesPerStep = recipe.discriminatorSteps
    (schedule.evaluateEvery, schedule.exhibitEvery) = (watching.evaluateEvery, watching.gridEvery)
    schedule.checkpointEvery = watching.checkpointEvery
    let meter: (() async throws -> any TrainingEvaluator<GANTrainee>)? =
      metric == .last
      ? nil
      : {
        let classifier = try await QualityMeter.classifier(
          configuration, on: set, seed: seed, at: files.classifier
        ) {
          context.report(
            FittingProgress(stage: Self.name, activity: "classifier for the metric", done: $0, total: $1))
        }
        return try await QualityMeter(
          configuration, on: set, by: classifier, count: watching.evaluateCount, seed: seed, metric: metric)
      }
    var metadata = identity.parts.mapValues(\.text).merging(header) { $1 }
    metadata["pipeline-digest"] = identity.digest
    let facts = [
      ("configuration", try JSONValue(encoding: configuration)), ("recipe", identity["recipe"] ?? .null),
      ("watching", identity["watching"] ?? .null),
    ]
    let loop = try TrainingLoop(
      trainee, schedule, stage: Self.name, files: files, header: metadata, facts: facts, resuming: saved,
      evaluator: meter
    ) {
      context.report($0)
      return .proceed
    }
    try await loop.run(on: set.batches(of: recipe.batch), seed: seed)
  }

  private func earlier(_ files: TrainingFiles) throws -> Checkpoint? {
    FileKind(files.last) == .missing ? nil : try Checkpoint(reading: files.last)
  }

  /// Everything that determines the weights: settings, upstream and data.
  private func identity(_ upstream: Flow<Sample>, _ context: Context) throws -> Fingerprint {
    let hasClasses = model.conditioning != .none && upstream.about.classes.count > 1
    let (metric, watching) = watch.resolved(hasClasses: hasClasses)
    return Fingerprint([
      "model": try JSONValue(encoding: model), "recipe": try JSONValue(encoding: train.resolved(for: model)),
      "upstream": context.upstream, "data": try upstream.about.inputsDigest(),
      "watching": [
        "metric": .string(metric.rawValue), "evaluate-every": .integer(watching.evaluateEvery),
        "evaluate-count": .integer(watching.evaluateCount),
      ],
    ])
  }

  private func expect(_ saved: Checkpoint, _ identity: Fingerprint) throws {
    guard saved.metadata["architecture"] == SavedModel.Kind.gan.architecture else {
      throw MirageError(
        .cannotCreate, "is there already and is not a GAN's checkpoint", file: checkpoint,
        remedy: "Name another file as the stage's checkpoint.")
    }
    do {
      var saved = saved
      saved.metadata["recipe"] = saved.metadata["recipe"].map(americanSpelling)
      try saved.expect(identity.parts.mapValues(\.text))
    } catch var error as MirageError {
      error.remedy =
        "It was trained for something else. Name another checkpoint, or train again with --retrain, which keeps this one."
      throw error
    }
  }

  private func fitted(_ files: TrainingFiles, like upstream: Flow<Sample>) async throws -> Fitted<Sample, Sample> {
    // Without a metric there is no best checkpoint.
    let model = try ModelFile(reading: FileKind(files.best) == .file ? files.best : files.last)
    let stage = EmittingStage(
      model, emit, classifierPath: classifier(files), like: try await upstream.example())
    return Fitted(
      stage, description: try stage.description(named: Self.name),
      measures: try ModelFile(reading: files.last).measures,
      files: [files.last])
  }

  /// File of the classifier that rejects samples: the one that is named, or that of the metric; nil if there is none.
  private func classifier(_ files: TrainingFiles) -> String? {
    emit.classifier ?? (FileKind(files.classifier) == .file ? files.classifier : nil)
  }

  private func tell(_ context: Context, _ event: String) {
    var progress = FittingProgress(stage: Self.name, activity: "training", done: 0, total: train.steps)
    progress.event = event
    context.report(progress)
  }
}

/// A trained stage that `DownstreamGain` can compare with classical augmentation.
public protocol ProvableGenerator: StageComponent, TrainedEstimator {
  /// Number of training steps.
  var steps: Int { get }
  /// Returns the stage as an arm of the proof trains it: it passes on only synthetic samples, `perClass` of each class,
  /// and is trained on nothing but the incoming samples, for `steps` steps, or the stage's own number if nil.
  func proving(checkpoint: String, steps: Int?, perClass: Int) -> any StageComponent
  /// Settings that determine the outcome of a proof.
  var provenSettings: JSONValue { get throws }
}

extension ConditionalGAN: ProvableGenerator {
  public var steps: Int { train.steps }

  public func proving(checkpoint: String, steps: Int?, perClass: Int) -> any StageComponent {
    var stage = self
    stage.checkpoint = checkpoint
    stage.train.steps = steps ?? train.steps
    // The choice of a best checkpoint would need a classifier, and thus samples that the GAN must not see.
    stage.watch.metric = .last
    stage.emit = Emission(perClass: perClass, syntheticOnly: true, truncation: emit.truncation)
    return stage
  }

  public var provenSettings: JSONValue {
    get throws {
      var stage = self
      (stage.checkpoint, stage.emit) = ("", Emission(truncation: emit.truncation))
      return try stage.description
    }
  }
}

extension TrainingFiles {
  /// The classifier that a GAN's metric is measured with.
  fileprivate var classifier: String { folder + "/classifier.safetensors" }
}
