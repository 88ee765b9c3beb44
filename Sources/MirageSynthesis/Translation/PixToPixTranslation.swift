import MirageAdversarial
import MirageStreams
import MirageSupport

/// Trains pix2pix on pairs (Isola et al. 2017), then translates what flows.
///
/// The pairs are what flows in and its partner, of a source of pairs such as `image-pairs`; or what flows through other
/// stages (`through`), which is then the input, and what flows in, the truth; or what flows in and a second source with as
/// many samples (`target`). With `through`, the stage gives translations of what flows through.
public struct PixToPixTranslation: StageComponent, ComputesWithNetworks {
  public static let declaration = Declaration(
    "pix-to-pix", "Trains pix2pix on pairs, then translates what flows", of: PixToPixTranslation(checkpoint: ""),
    .required("checkpoint", .path, "File that keeps the training"),
    Setting("target", .group(PipelineSource.settings), "Truths: a source with stages of its own, in the inputs' order"),
    Setting(
      "through", .components([.augmentation, .stage]),
      "Stages that make the inputs of what flows in, which is the truth"
    ),
    Setting("model", .group(PixToPixModel.settings), "Networks"),
    Setting("train", .group(PixToPixRecipe.settings), "Training"),
    Setting("watch", .group(TranslationWatching.settings), "Monitoring schedule"),
    Setting("translate", .group(Translation.settings), "Samples that are made"))

  public static var domains: Set<Format.Domain> { [.image] }

  /// File of the training's last state. The best state and a folder with the report are beside it.
  public var checkpoint: String
  /// The truths as a branch with as many samples as flow in, in the same order.
  public var target: PipelineSource?
  /// Stages that make the inputs of what flows in, which is the truth.
  @Nested public private(set) var through: [any StageComponent]
  /// Settings of the networks.
  public var model = PixToPixModel()
  /// Settings of the training.
  public var train = PixToPixRecipe()
  /// Monitoring schedule.
  public var watch = TranslationWatching()
  /// Samples that are made.
  public var translate = Translation()

  /// Creates a translation that is trained on pairs: the partners of what flows in, unless `target` or `through` is given.
  public init(checkpoint: String, target: PipelineSource? = nil, through: [any StageComponent] = []) {
    (self.checkpoint, self.target, self.through) = (checkpoint, target, through)
  }

  public var parts: [String: [any Component]] { translationParts(through: through, target: target) }

  public func validate() throws {
    try checkSettings()
    try training.domains.check(watch, translate)
  }
}

extension PixToPixTranslation: TrainedEstimator {
  private var training: TranslationTraining<PixToPixTrainee> {
    TranslationTraining(
      domains: TranslationDomains(
        stage: Self.name, from: [], to: [], target: target, through: through, isPaired: true),
      checkpoint: checkpoint, model: model, recipe: train, watch: watch, translate: translate)
  }

  public func fit(on upstream: Flow<Sample>, in context: Context) async throws -> Fitted<Sample, Sample> {
    try await training.fit(on: upstream, in: context)
  }

  public func earlierFit(on upstream: Flow<Sample>, in context: Context) async throws -> Fitted<Sample, Sample>? {
    try await training.earlierFit(on: upstream, in: context)
  }
}
