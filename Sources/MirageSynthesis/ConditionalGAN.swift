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
    let (training, identity) = (training, try identity(upstream, context))
    try await training.run(as: identity, in: context) { saved in
      let set = try await TrainingSet(
        surveying: upstream, isConditional: model.conditioning != .none, in: context
      ) {
        context.report(
          FittingProgress(stage: Self.name, activity: "looking at the samples", done: $0, total: upstream.count))
      }
      let configuration = try GANConfiguration(model, shape: set.coding.shape, classes: upstream.about.classes)
      // An impossible setting of `emit` is reported before hours of training.
      _ = try emit.order(behind: upstream, names: configuration.classes)
      if watch.resolved(hasClasses: configuration.classes.count > 1).metric == .last {
        try emit.check(classifier: classifier(training.files))
      }
      let header = try ModelFile.header(configuration, set.coding)
      if let saved { try training.resume(saved, configuration: header["configuration"], in: context) }
      try await train(
        configuration, on: set, seed: upstream.run.seed, files: training.files,
        header: training.header(header, as: identity), identity: identity, from: saved, context)
    }
    return try await fitted(training.files, like: upstream)
  }

  public func earlierFit(on upstream: Flow<Sample>, in context: Context) async throws -> Fitted<Sample, Sample>? {
    guard try training.isFinished(as: identity(upstream, context)) else { return nil }
    return try await fitted(training.files, like: upstream)
  }

  private var training: StageTraining {
    StageTraining(Self.name, checkpoint: checkpoint, kind: .gan, steps: train.steps)
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
        let images = ImageClassifier.Configuration(
          height: configuration.height, width: configuration.width, channels: configuration.channels,
          classes: configuration.classes)
        let classifier = try await QualityMeter.classifier(
          images, on: set.batches, seed: seed, at: files.classifier
        ) {
          context.report(
            FittingProgress(stage: Self.name, activity: "classifier for the metric", done: $0, total: $1))
        }
        return try await QualityMeter(
          configuration, on: set, by: classifier, count: watching.evaluateCount, seed: seed, metric: metric)
      }
    let facts = [
      ("configuration", try JSONValue(encoding: configuration)), ("recipe", identity["recipe"] ?? .null),
      ("watching", identity["watching"] ?? .null),
    ]
    let loop = try TrainingLoop(
      trainee, schedule, stage: Self.name, files: files, header: header, facts: facts, resuming: saved,
      evaluator: meter
    ) {
      context.report($0)
      return .proceed
    }
    try await loop.run(on: set.batches(of: recipe.batch), seed: seed)
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
}

/// A trained stage that `SmallDataDesign` can compare with classical augmentation.
package protocol ProvableGenerator: StageComponent, TrainedEstimator {
  /// Number of training steps.
  var steps: Int { get }
  /// Returns the stage as an arm of the proof trains it: it passes on only synthetic samples, `perClass` of each class,
  /// and is trained on nothing but the incoming samples, for `steps` steps, or the stage's own number if nil.
  func proving(checkpoint: String, steps: Int?, perClass: Int) -> any StageComponent
  /// Settings that determine the outcome of a proof.
  var provenSettings: JSONValue { get throws }
}

extension ConditionalGAN: ProvableGenerator {
  package var steps: Int { train.steps }

  package func proving(checkpoint: String, steps: Int?, perClass: Int) -> any StageComponent {
    var stage = self
    stage.checkpoint = checkpoint
    stage.train.steps = steps ?? train.steps
    // The choice of a best checkpoint would need a classifier, and thus samples that the GAN must not see.
    stage.watch.metric = .last
    stage.emit = Emission(perClass: perClass, syntheticOnly: true, truncation: emit.truncation)
    return stage
  }

  package var provenSettings: JSONValue {
    get throws {
      var stage = self
      (stage.checkpoint, stage.emit) = ("", Emission(truncation: emit.truncation))
      return try stage.description
    }
  }
}
