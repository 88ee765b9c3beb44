import MirageStreams

/// Evaluation schedule of a GAN's training: metric and intervals.
public struct GANWatching: Sendable, Codable, Equatable {
  /// Metric that determines the best checkpoint.
  public enum Metric: String, Sendable, Codable, CaseIterable {
    /// No metric: the last checkpoint is used.
    case last = "none"
    /// Fréchet distance between features of a classifier.
    case fid
    /// Fraction of the generated images whose predicted class is their own.
    case labelAgreement = "label-agreement"
  }

  /// Metric that determines the best checkpoint. Defaults to FID if the data has classes, otherwise to none.
  public var metric: Metric?
  /// Number of steps between two evaluations. Defaults to 500.
  public var evaluateEvery = 500
  /// Maximum number of real and of generated images in an evaluation. Defaults to 5000.
  public var evaluateCount = 5000
  /// Number of steps between two sample grids. Defaults to 500.
  public var gridEvery = 500
  /// Number of steps between two checkpoints. Defaults to 500.
  public var checkpointEvery = 500

  public static let settings = Setting.list(
    of: GANWatching(),
    Setting(
      "metric", .choice(Metric.self), "Metric that chooses the best checkpoint; fid if the data has classes, else none"),
    .evaluateEvery,
    Setting("evaluate-count", .integer(2...1_000_000), "Number of images on either side of an evaluation"),
    .gridEvery, .checkpointEvery)

  /// Creates a schedule with the default settings.
  public init() {}

  /// Returns the metric, and the settings with it, for data with or without classes.
  func resolved(hasClasses: Bool) -> (metric: Metric, watching: GANWatching) {
    var watching = self
    let metric = metric ?? (hasClasses ? .fid : .last)
    watching.metric = metric
    return (metric, watching)
  }
}

// Settings that the monitoring of all families shares.
extension Setting {
  static let evaluateEvery = Setting(
    "evaluate-every", .integer(1...100_000_000), "Number of steps between two evaluations")
  static let gridEvery = Setting("grid-every", .integer(1...100_000_000), "Number of steps between two sample grids")
  static let checkpointEvery = Setting(
    "checkpoint-every", .integer(1...100_000_000), "Number of steps between two checkpoints")
}
