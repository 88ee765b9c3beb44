import MirageStreams

/// Monitoring schedule of a translation's training.
public struct TranslationWatching: Sendable, Codable, Equatable {
  /// Metric that chooses the best checkpoint, measured on images that are held out of the training.
  public enum Metric: String, Sendable, Codable, CaseIterable {
    /// None: the last checkpoint counts.
    case last = "none"
    /// Mean absolute difference of images and their translation there and back.
    case cycleError = "cycle-error"
    /// Fréchet distance of a classifier's features between translations and real images; for domains that are classes.
    case fid
    /// Mean absolute difference of translations and their partners; for pairs.
    case pairedError = "paired-error"
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
    of: TranslationWatching(),
    Setting(
      "metric", .choice(Metric.self),
      "Metric that chooses the best checkpoint; fid if the domains are classes, else none"),
    .evaluateEvery,
    Setting(
      "evaluate-count", .integer(1...1_000_000), "Number of images of each domain that are held out for evaluation"),
    .gridEvery, .checkpointEvery)

  /// Creates the usual schedule.
  public init() {}
}
