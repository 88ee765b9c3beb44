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
    Setting("from", .strings, "Classes of the first domain, by name or number; all samples that flow in if not given"),
    Setting("to", .strings, "Classes of the second domain, by name or number"),
    Setting("target", .group(PipelineSource.settings), "Second domain: a source with stages of its own"),
    Setting("through", .components([.augmentation, .stage]), "Second domain: what flows in, through these stages"),
    Setting("model", .group(CycleGANModel.settings), "Networks"),
    Setting("train", .group(CycleGANRecipe.settings), "Training"),
    Setting("watch", .group(Watching.settings), "Monitoring schedule"),
    Setting("translate", .group(Translation.settings), "Samples that are made"))

  public static var domains: Set<Format.Domain> { [.image] }

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
  public var target: PipelineSource?
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
    checkpoint: String, from: [String] = [], to: [String] = [], target: PipelineSource? = nil,
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
