import MirageSupport
import MirageStreams

/// A stage that adds synthetic samples of a trained GAN to the incoming ones, without training.
public struct GANEmit: StageComponent, ComputesWithNetworks {
  public static let declaration = Declaration(
    "gan-emit", "Adds synthetic samples of a trained GAN", of: GANEmit(checkpoint: ""),
    .required("checkpoint", .path, "Checkpoint of a GAN"),
    Setting("emit", .group(Emission.settings), "Samples that are added"))

  public static var domains: Set<Format.Domain> { [.image] }
  /// Checkpoint file of a GAN, as `conditional-gan` and `mirage train` write it.
  public var checkpoint: String
  /// Settings of the synthetic samples.
  public var emit: Emission

  /// Creates a stage with a GAN's checkpoint.
  public init(checkpoint: String, emit: Emission = Emission()) { (self.checkpoint, self.emit) = (checkpoint, emit) }

  public func validate() throws {
    try checkSettings()
    try emit.check()
  }
}

extension GANEmit: Estimator {
  /// Reads the checkpoint and checks that it fits the incoming samples.
  public func fit(on upstream: Flow<Sample>, in context: Context) async throws -> Fitted<Sample, Sample> {
    let model = try ModelFile(reading: checkpoint)
    let example = try await upstream.example()
    if let example { try model.check(example.format, classes: upstream.about.classes) }
    let stage = EmittingStage(model, emit, classifierPath: emit.classifier, like: example)
    // The name must stay that of `conditional-gan`: outputs of earlier versions could not be resumed otherwise.
    return Fitted(stage, description: try stage.description(named: ConditionalGAN.name), files: [checkpoint])
  }

  public func earlierFit(
    on upstream: Flow<Sample>, in context: Context
  ) async throws -> Fitted<Sample, Sample>? {
    try await fit(on: upstream, in: context)
  }
}

/// A source of a trained GAN's synthetic samples.
public struct GANSource: SourceComponent, ComputesWithNetworks {
  public static let declaration = Declaration(
    "gan-emit", "Synthetic samples of a trained GAN, and no others", of: GANSource(checkpoint: "", emit: Emission()),
    .required("checkpoint", .path, "Checkpoint of a GAN"),
    Setting("emit", .group(Emission.settings), "Samples that are generated"))

  /// Checkpoint file of a GAN, as `conditional-gan` and `mirage train` write it.
  public var checkpoint: String
  /// Settings of the synthetic samples.
  public var emit: Emission

  /// Creates a source. `emit` must have `perClass` or `count`, since no real samples determine the number.
  public init(checkpoint: String, emit: Emission) { (self.checkpoint, self.emit) = (checkpoint, emit) }

  public func validate() throws {
    try checkSettings()
    try emit.check()
  }

  public func flow(in context: Context) throws -> Flow<Sample> {
    let model = try ModelFile(reading: checkpoint)
    var about = DatasetInfo(classes: model.configuration.classes, inputs: [], chunkSize: EmittingStage.blockSize)
    about.numbers = model.coding.format.numbers
    let nothing = Flow<Sample>.generated(
      count: 0, inBlocksOf: 1, about: about, bytes: \.byteCount,
      locate: { position, _ in throw MirageError.badData("there is no position \(position)") },
      generate: { _, _ in [] })
    // The source draws as the first stage of a pipeline would, as in earlier versions.
    let path = context.path == StagePath.root.source ? StagePath.root.stage(0) : context.path
    return try EmittingStage(model, emit, classifierPath: emit.classifier, like: nil)
      .apply(to: nothing, drawingBy: path, at: context.path)
  }
}
