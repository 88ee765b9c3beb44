import MirageAdversarial
import MirageEvaluation
import MirageSupport
import MirageNetworks
import MirageStreams
import MirageTensors

/// Trains a GAN on the samples that flow in, then passes them on and adds synthetic ones.
///
/// What was trained is kept in the checkpoint: a second run with the same settings, upstream and data uses it, and a
/// training that was interrupted goes on. A checkpoint of anything else is an error that names what differs.
public struct ConditionalGAN: StageComponent, ComputesWithNetworks, Codable {
  public static let name = "conditional-gan"
  public static var domains: Set<Format.Domain> { [.image] }

  /// The file of the training's last state. The best one stands beside it, and a folder with the training's report.
  public var checkpoint: String
  /// Which networks.
  public var model: GANModel
  /// How they are trained.
  public var train: GANRecipe
  /// What is looked at meanwhile.
  public var watch: GANWatching
  /// Which samples are added.
  public var emit: Emission

  /// - Throws: bad pipeline with the setting as `place`, where settings exclude each other.
  public init(
    checkpoint: String, model: GANModel = GANModel(), train: GANRecipe = GANRecipe(),
    watch: GANWatching = GANWatching(), emit: Emission = Emission()
  ) throws {
    (self.checkpoint, self.model, self.train, self.watch, self.emit) = (checkpoint, model, train, watch, emit)
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
    // Set aside unread: it may be damaged, which is a reason to train anew.
    if context.retrains, let previous = try files.keepPrevious() {
      tell(context, "kept the previous checkpoint as \(previous)")
    }
    let saved = try earlier(files)
    let identity = try identity(upstream, context)
    if let saved {
      try expect(saved, identity)
      if try saved.step() == train.steps { return try await stage(files, like: upstream) }
    }
    let set = try await TrainingSet(surveying: upstream, isConditional: model.conditioning != .none, in: context) {
      context.report(
        FittingProgress(stage: Self.name, activity: "looking at the samples", done: $0, total: upstream.count))
    }
    let configuration = try GANConfiguration(
      model, height: set.height, width: set.width, channels: set.channels, classes: upstream.about.classes)
    // What cannot be added is found out before hours of training.
    _ = try emit.order(behind: upstream, names: configuration.classes)
    let described = try JSONValue(encoding: configuration).text
    let fields = identity.merging([
      "architecture": ModelFile.architecture, "configuration": described,
      "classes": JSONValue.array(configuration.classes.map { .string($0) }).text,
    ]) { $1 }
    if let saved {
      try saved.expect(["configuration": described])
      tell(context, "goes on from step \(try saved.step()) of \(train.steps)")
    }
    try await train(
      configuration, on: set, seed: upstream.run.seed, watching: resolvedWatching(upstream), files: files,
      fields: fields, from: saved, context)
    return try await stage(files, like: upstream)
  }

  public func earlierFit(
    on upstream: Flow<Sample>, in context: Context
  ) async throws -> Fitted<Sample, Sample>? {
    let files = TrainingFiles(checkpoint: checkpoint)
    guard let saved = try earlier(files), try saved.step() == train.steps else { return nil }
    try expect(saved, identity(upstream, context))
    return try await stage(files, like: upstream)
  }

  @TensorActor
  private func train(
    _ configuration: GANConfiguration, on set: TrainingSet, seed: UInt64, watching: GANWatching, files: TrainingFiles,
    fields: [String: String], from saved: Checkpoint?, _ context: Context
  ) async throws {
    try await GANTraining(
      configuration, train, watching, on: set, seed: seed, files: files, fields: fields, from: saved,
      report: context.report
    ).run()
  }

  private func earlier(_ files: TrainingFiles) throws -> Checkpoint? {
    FileKind(files.last) == .missing ? nil : try Checkpoint(reading: files.last)
  }

  /// What decides the weights: settings, upstream and data.
  private func identity(_ upstream: Flow<Sample>, _ context: Context) throws -> [String: String] {
    var fields = [
      "model": try JSONValue(encoding: model).text,
      "recipe": try JSONValue(encoding: train.resolved(for: model)).text,
      "upstream": context.upstream.text,
      "data": try upstream.about.inputsDigest().text,
    ]
    let watching = resolvedWatching(upstream)
    let evaluated: JSONValue = [
      "metric": .string(watching.metric!.rawValue), "evaluate-every": .integer(watching.evaluateEvery),
      "evaluate-count": .integer(watching.evaluateCount),
    ]
    fields["watching"] = evaluated.text
    let digest = fields.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)\n" }.joined()
    fields["pipeline-digest"] = Digest.sha256(digest.utf8)
    return fields
  }

  private func expect(_ saved: Checkpoint, _ identity: [String: String]) throws {
    guard saved.metadata["architecture"] == ModelFile.architecture else {
      throw MirageError(
        .cannotCreate, "is there already and is not a GAN's checkpoint", file: checkpoint,
        remedy: "Name another file as the stage's checkpoint.")
    }
    do {
      try saved.expect(identity.filter { $0.key != "pipeline-digest" })
    } catch var error as MirageError {
      error.remedy =
        "It was trained for something else. Name another checkpoint, or train anew with --retrain, which keeps this one."
      throw error
    }
  }

  private func resolvedWatching(_ upstream: Flow<Sample>) -> GANWatching {
    var watching = watch
    let hasClasses = model.conditioning != .none && upstream.about.classes.count > 1
    watching.metric = watch.metric ?? (hasClasses ? .fid : .last)
    return watching
  }

  private func stage(_ files: TrainingFiles, like upstream: Flow<Sample>) async throws -> Fitted<Sample, Sample> {
    // Without a metric there is no best one.
    let file = FileKind(files.best) == .file ? files.best : files.last
    let classifier = files.folder + "/classifier.safetensors"
    let model = try ModelFile(reading: file)
    let stage = EmittingStage(
      model, emit, classifierPath: emit.classifier ?? (FileKind(classifier) == .file ? classifier : nil),
      like: try await upstream.example())
    return Fitted(
      stage, description: try stage.description(named: Self.name),
      measures: try ModelFile(reading: files.last).measures,
      files: [files.last])
  }

  private func tell(_ context: Context, _ event: String) {
    var progress = FittingProgress(stage: Self.name, activity: "training", done: 0, total: train.steps)
    progress.event = event
    context.report(progress)
  }
}
