import MirageAdversarial
import MirageStreams
import MirageSupport

/// Trains CUT or FastCUT from one domain to another (Park et al. 2020), then translates what flows.
///
/// It translates in one direction, for a third of the work of `cycle-gan`. The domains are given as there.
public struct ContrastiveTranslation: StageComponent, ComputesWithNetworks {
  public static let declaration = Declaration(
    "contrastive-gan", "Trains FastCUT or CUT from one domain to another, then translates what flows",
    of: ContrastiveTranslation(checkpoint: ""),
    .required("checkpoint", .path, "File that keeps the training"),
    .from, .to, .target, .through,
    Setting("model", .group(ContrastiveModel.settings), "Networks"),
    Setting("train", .group(ContrastiveRecipe.settings), "Training"),
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
  public var model = ContrastiveModel()
  /// Settings of the training.
  public var train = ContrastiveRecipe()
  /// Monitoring schedule.
  public var watch = TranslationWatching()
  /// Samples that are made.
  public var translate = Translation()

  /// Creates a translation to a second domain: exactly one of `to`, `target` and `through` is given.
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
    if translate.direction == .backward {
      throw MirageError(
        .badPipeline, "contrastive-gan translates in one direction", place: "translate.direction",
        remedy: "Exchange the domains, or use cycle-gan.")
    }
  }
}

extension ContrastiveTranslation: TrainedEstimator {
  private var training: TranslationTraining<ContrastiveTrainee> {
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
