import MirageSupport

/// What decides samples: two runs that are equal give equal samples.
public struct Run: Sendable, Equatable {
  public var seed: UInt64
  /// The pass over the data: another epoch draws other augmentations and another shuffling.
  public var epoch: Int
  public var shard: Shard
  /// Whether samples keep what was drawn for them; changes nothing else.
  public var recordsDraws = false

  public init(seed: UInt64 = 0, epoch: Int = 0, shard: Shard = .whole) {
    (self.seed, self.epoch, self.shard) = (seed, epoch, shard)
  }
}

/// A contiguous part of a flow's positions. The shards of one count hold each position once.
public struct Shard: Sendable, Equatable {
  /// Counted from 0.
  public let index: Int
  public let count: Int

  public static let whole = Shard(index: 0, count: 1)

  public init(index: Int, count: Int) {
    precondition(count > 0 && index >= 0 && index < count, "shard \(index) of \(count)")
    (self.index, self.count) = (index, count)
  }

  /// The positions of this shard among `total`.
  public func range(of total: Int) -> Range<Int> {
    func bound(_ index: Int) -> Int {
      let (high, low) = total.multipliedFullWidth(by: index)
      return count.dividingFullWidth((high, low)).quotient
    }
    return bound(index)..<bound(index + 1)
  }
}

/// Circumstances of the work that do not determine samples: workers, error policy, fitting, who is told of progress.
public struct Context: Sendable {
  /// What to do about stages that must be fitted first.
  public enum Fitting: Sendable {
    /// Fit them, each on all that flows into it.
    case fit
    /// Fit those that take one pass; a stage that is trained must have been trained before.
    case requireTrained
    /// Leave out those that no earlier fit serves: show what is there without them.
    case leaveOut
  }

  /// Number of chunks computed at once.
  public var workers: Int
  public var policy: ErrorPolicy
  public var fitting: Fitting
  /// Whether stages are fitted again if an earlier fit would do, or does not belong to this pipeline.
  public var retrains = false
  /// Receives the progress of fitting.
  public var report: @Sendable (FittingProgress) -> Void = { _ in }
  /// Path of the component that is opened or fitted.
  public internal(set) var path = StagePath.root
  /// The run's seed and epoch, for sources that draw or are pipelines themselves.
  public internal(set) var run = Run()
  /// Everything that determines the samples that flow into the stage that is fitted: source, seed, earlier stages.
  public internal(set) var upstream = JSONValue.null

  public init(
    workers: Int = Context.processors, policy: ErrorPolicy = .stop, fitting: Fitting = .requireTrained
  ) {
    self.workers = max(1, workers)
    (self.policy, self.fitting) = (policy, fitting)
  }

  /// The same circumstances for a component at another path.
  public func at(_ path: StagePath) -> Context {
    var context = self
    context.path = path
    return context
  }
}

/// How far the fitting of a stage is.
public struct FittingProgress: Sendable {
  /// The stage's name.
  public var stage: String
  /// What is going on, such as `training`.
  public var activity: String
  /// Steps done and in all.
  public var done, total: Int
  /// What was measured last, in the order to show it.
  public var measures: [Measure] = []
  /// Something to be told once, such as that a checkpoint was written; nil for what only moves on.
  public var event: String?

  public init(stage: String, activity: String, done: Int, total: Int) {
    (self.stage, self.activity, self.done, self.total) = (stage, activity, done, total)
  }

  /// A number with its name and unit.
  public struct Measure: Sendable {
    public var name: String
    public var value: Double

    public init(_ name: String, _ value: Double) { (self.name, self.value) = (name, value) }
  }
}

/// What to do about a sample that cannot be read or processed.
public enum ErrorPolicy: Sendable, Equatable {
  case stop
  /// Leave it out and count it; more than `limit` of them stop the run all the same.
  case skip(limit: Int)
}

/// The failure of one sample, with the stage and the sample named.
public struct SampleError: Error, Sendable, Equatable {
  public var id: SampleID
  /// The sample's file.
  public var origin: String?
  /// The stage it failed in, such as `stages/2 (rotate)`; nil where it could not be read.
  public var stage: String?
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
