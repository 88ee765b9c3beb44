import MirageStreams

/// Monitoring of a GAN's training: which metric, how often.
public struct GANWatching: Sendable, Codable, Equatable {
  /// Metric that chooses the best checkpoint.
  public enum Metric: String, Sendable, Codable, CaseIterable {
    /// None: the last checkpoint counts.
    case last = "none"
    /// Fréchet distance on a classifier's features.
    case fid
    /// Fraction of the images that a classifier takes for their class.
    case labelAgreement = "label-agreement"
  }

  /// Metric that chooses the best checkpoint. FID if the data has classes, else none.
  public var metric: Metric?
  /// Steps between two evaluations.
  public var evaluateEvery = 500
  /// Number of images on either side of an evaluation.
  public var evaluateCount = 5000
  /// Steps between two sample grids.
  public var gridEvery = 500
  /// Steps between two checkpoints.
  public var checkpointEvery = 500

  public static let settings = Setting.list(
    of: GANWatching(),
    Setting(
      "metric", .choice(Metric.self), "Metric that chooses the best checkpoint; fid if the data has classes, else none"),
    Setting("evaluate-every", .integer(1...100_000_000), "Number of steps between two evaluations"),
    Setting("evaluate-count", .integer(2...1_000_000), "Number of images on either side of an evaluation"),
    Setting("grid-every", .integer(1...100_000_000), "Number of steps between two sample grids"),
    Setting("checkpoint-every", .integer(1...100_000_000), "Number of steps between two checkpoints"))

  /// The usual settings.
  public init() {}

  /// The settings with a metric, for data with or without classes.
  func resolved(hasClasses: Bool) -> (metric: Metric, watching: GANWatching) {
    var watching = self
    let metric = metric ?? (hasClasses ? .fid : .last)
    watching.metric = metric
    return (metric, watching)
  }
}
