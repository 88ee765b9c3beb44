import MirageSupport
import MirageStreams

/// Adds a trained GAN's synthetic samples to those that flow in, without training.
public struct GANEmit: StageComponent, ComputesWithNetworks, Codable {
  public static let name = "gan-emit"
  public static var domains: Set<Format.Domain> { [.image] }
  /// A checkpoint of `conditional-gan` or `mirage train`.
  public var checkpoint: String
  /// Which samples are added.
  public var emit: Emission

  /// - Throws: bad pipeline with the setting as `place`, where settings exclude each other.
  public init(checkpoint: String, emit: Emission = Emission()) throws {
    (self.checkpoint, self.emit) = (checkpoint, emit)
    try emit.check()
  }
}

extension GANEmit: Estimator {
  /// Reads the checkpoint and makes sure that it fits.
  public func fit(on upstream: Flow<Sample>, in context: Context) async throws -> Fitted<Sample, Sample> {
    let model = try ModelFile(reading: checkpoint)
    let example = try await upstream.example()
    if let example { try model.check(example.format, classes: upstream.about.classes) }
    let stage = EmittingStage(model, emit, classifierPath: emit.classifier, like: example)
    return Fitted(stage, description: try stage.description(named: Self.name), files: [checkpoint])
  }

  public func earlierFit(
    on upstream: Flow<Sample>, in context: Context
  ) async throws -> Fitted<Sample, Sample>? {
    try await fit(on: upstream, in: context)
  }
}

/// A trained GAN's synthetic samples as a dataset of their own.
public struct GANSource: SourceComponent, ComputesWithNetworks, Codable {
  public static let name = "gan-emit"
  /// A checkpoint of `conditional-gan` or `mirage train`.
  public var checkpoint: String
  /// Which samples are made.
  public var emit: Emission

  /// - Parameter emit: by `perClass` or `count`.
  /// - Throws: bad pipeline where settings exclude each other.
  public init(checkpoint: String, emit: Emission) throws {
    (self.checkpoint, self.emit) = (checkpoint, emit)
    try emit.check()
  }

  public func flow(in context: Context = Context()) throws -> Flow<Sample> {
    let model = try ModelFile(reading: checkpoint)
    let nothing = Flow<Sample>(
      count: 0, about: DatasetInfo(classes: model.configuration.classes, inputs: [], grain: Emitter.block),
      locate: { position, _ in throw MirageError.badData("there is no position \(position)") }, read: { _, _ in [] })
    return try EmittingStage(model, emit, classifierPath: emit.classifier, like: nil).apply(
      to: nothing, at: StagePath.root.stage(0))
  }
}
