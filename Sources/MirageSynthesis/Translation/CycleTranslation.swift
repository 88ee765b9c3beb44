import MirageAdversarial
import MirageStreams
import MirageSupport

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
    .from, .to, .target, .through,
    Setting("model", .group(CycleGANModel.settings), "Networks"),
    Setting("train", .group(CycleGANRecipe.settings), "Training"),
    Setting("watch", .group(TranslationWatching.settings), "Monitoring schedule"),
    Setting("translate", .group(Translation.settings), "Samples that are made"))

  public static var domains: Set<Format.Domain> { [.image] }

  /// File of the training's last state. The best state and a folder with the report are beside it.
  public var checkpoint: String
  /// Classes of the first domain, by name or number; all samples that flow in if empty.
  public var from: [String]
  /// Classes of the second domain, by name or number.
  public var to: [String]
  /// The second domain as a branch.
  public var target: PipelineSource?
  /// Stages that make the second domain of what flows in.
  @Nested public private(set) var through: [any StageComponent]
  /// Settings of the networks.
  public var model = CycleGANModel()
  /// Settings of the training.
  public var train = CycleGANRecipe()
  /// Monitoring schedule.
  public var watch = TranslationWatching()
  /// Samples that are made.
  public var translate = Translation()

  /// Creates a translation between two domains: exactly one of `to`, `target` and `through` is given.
  public init(
    checkpoint: String, from: [String] = [], to: [String] = [], target: PipelineSource? = nil,
    through: [any StageComponent] = []
  ) {
    (self.checkpoint, self.from, self.to, self.target, self.through) = (checkpoint, from, to, target, through)
  }

  public var parts: [String: [any Component]] { translationParts(through: through, target: target) }

  public func validate() throws {
    try checkSettings()
    try training.domains.check(watch, translate)
    if train.labels == .kept && !from.isEmpty {
      throw MirageError(
        .badPipeline, "labels are kept in a first domain with all classes, and from names some", place: "train.labels",
        remedy: "Leave out from, or set labels to ignored.")
    }
  }
}

extension CycleTranslation: TrainedEstimator {
  private var training: TranslationTraining<CycleGANTrainee> {
    TranslationTraining(
      domains: TranslationDomains(
        stage: Self.name, from: from, to: to, target: target, through: through, isPaired: false),
      checkpoint: checkpoint, model: model, recipe: train, watch: watch, translate: translate)
  }

  public func fit(on upstream: Flow<Sample>, in context: Context) async throws -> Fitted<Sample, Sample> {
    try await training.fit(on: upstream, in: context)
  }

  public func earlierFit(on upstream: Flow<Sample>, in context: Context) async throws -> Fitted<Sample, Sample>? {
    try await training.earlierFit(on: upstream, in: context)
  }
}
