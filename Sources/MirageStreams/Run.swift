import MirageSupport

/// Inputs that determine the content of samples: seed, epoch, shard. Equal runs give equal samples.
public struct Run: Sendable, Equatable {
  /// Random seed. Defaults to 0.
  public var seed: UInt64
  /// Index of the pass over the data, from 0. Each epoch draws other augmentations and another order.
  public var epoch: Int
  /// Part of the positions that is read. Defaults to all.
  public var shard: Shard
  /// True if samples record the parameters that were drawn for them. Defaults to false; does not affect content.
  public var recordsDraws = false

  public init(seed: UInt64 = 0, epoch: Int = 0, shard: Shard = .whole) {
    (self.seed, self.epoch, self.shard) = (seed, epoch, shard)
  }
}

/// A contiguous part of a flow's positions. All shards of the same count together hold each position exactly once.
public struct Shard: Sendable, Equatable {
  /// Index of the shard, from 0.
  public let index: Int
  /// Number of shards, at least 1.
  public let count: Int

  /// The shard that holds all positions.
  public static let whole = Shard(index: 0, count: 1)

  public init(index: Int, count: Int) {
    precondition(count > 0 && index >= 0 && index < count, "shard \(index) of \(count)")
    (self.index, self.count) = (index, count)
  }

  /// Returns the positions of this shard among `total`.
  public func range(of total: Int) -> Range<Int> {
    func bound(_ index: Int) -> Int {
      let (high, low) = total.multipliedFullWidth(by: index)
      return count.dividingFullWidth((high, low)).quotient
    }
    return bound(index)..<bound(index + 1)
  }
}

/// Settings of the execution that do not affect samples: workers, error policy, fitting, progress reports.
public struct Context: Sendable {
  /// Treatment of stages that must be fitted first.
  public enum Fitting: Sendable {
    /// Fits the stages, each on all samples that flow into it.
    case fit
    /// Fits the stages that take one pass; stages that are trained must have been trained before.
    case requireTrained
    /// Leaves out the stages that have no usable earlier fit.
    case leaveOut
  }

  /// Number of chunks computed at once, at least 1. Defaults to the number of processors.
  public var workers: Int
  /// Treatment of samples that fail. Defaults to `stop`.
  public var policy: ErrorPolicy
  /// Treatment of stages that must be fitted first. Defaults to `requireTrained`.
  public var fitting: Fitting
  /// True if stages are fitted again if an earlier fit is usable or belongs to another pipeline. Defaults to false.
  public var retrains = false
  /// Handler of fitting progress.
  public var report: @Sendable (FittingProgress) -> Void = { _ in }
  /// Path of the component that is opened or fitted.
  public internal(set) var path = StagePath.root
  /// The run's seed and epoch, for sources that draw or are pipelines themselves.
  public internal(set) var run = Run()
  /// Everything that determines the samples that flow into the stage that is fitted: source, seed, earlier stages.
  public internal(set) var upstream = JSONValue.null
  /// The second samples of the pairs whose first samples flow into the stage that is fitted; nil if the source is not one of
  /// pairs, or after a stage that computes with networks.
  public internal(set) var partner: Flow<Sample>?

  public init(
    workers: Int = Context.processors, policy: ErrorPolicy = .stop, fitting: Fitting = .requireTrained
  ) {
    self.workers = max(1, workers)
    (self.policy, self.fitting) = (policy, fitting)
  }

  /// Returns the same context for a component at another path.
  public func at(_ path: StagePath) -> Context {
    var context = self
    context.path = path
    return context
  }
}

/// Progress of the fitting of a stage.
public struct FittingProgress: Sendable {
  /// Name of the stage.
  public var stage: String
  /// Current activity, such as `training`.
  public var activity: String
  /// Number of steps done, and in total.
  public var done, total: Int
  /// Latest measurements, in the order in which they are shown.
  public var measures: [Measure] = []
  /// Event that is reported once, such as a written checkpoint; nil if only the step count changed.
  public var event: String?

  public init(stage: String, activity: String, done: Int, total: Int) {
    (self.stage, self.activity, self.done, self.total) = (stage, activity, done, total)
  }

  /// A number with its name and unit.
  public struct Measure: Sendable {
    /// Name of the number, with its unit if it has one.
    public var name: String
    /// The number.
    public var value: Double

    public init(_ name: String, _ value: Double) { (self.name, self.value) = (name, value) }
  }
}

/// Treatment of a sample that cannot be read or processed.
public enum ErrorPolicy: Sendable, Equatable {
  /// Ends the run with the sample's error.
  case stop
  /// Leaves the sample out and counts it; the run ends if there are more than `limit` of them.
  case skip(limit: Int)
}

/// Failure of one sample, with the sample and the stage.
public struct SampleError: Error, Sendable, Equatable {
  /// Identifier of the sample.
  public var id: SampleID
  /// File that the sample was read from.
  public var origin: String?
  /// Stage that the sample failed in, such as `stages/2 (rotate)`; nil if it could not be read.
  public var stage: String?
  /// Cause of the failure.
  public var error: MirageError

  public init(id: SampleID, origin: String?, stage: String? = nil, error: MirageError) {
    (self.id, self.origin, self.stage, self.error) = (id, origin, stage, error)
  }
}

extension SampleError: CustomStringConvertible {
  public var description: String {
    "sample \(id)" + (stage.map { " in \($0)" } ?? "") + (error.file == nil ? (origin.map { " (\($0))" } ?? "") : "")
      + ": \(error)"
  }
}
