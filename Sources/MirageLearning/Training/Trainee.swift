import MirageMedia
import MirageNetworks
import MirageTensors

/// A model that a `TrainingLoop` trains, such as a GAN or a classifier.
///
/// All random numbers of a step are determined by the trainee's seed and the number of steps done, so that a training
/// resumed from a checkpoint repeats the same steps.
public protocol Trainee: AnyObject {
  /// Number of steps done.
  var steps: Int { get }
  /// Trains for one step.
  ///
  /// - Parameters:
  ///   - batches: as many batches as the loop's schedule has per step.
  ///   - isRecorded: whether to compute measures that cost time, such as gradient norms.
  /// - Returns: the step's measures. A loss (`loss/…`) that is not finite ends the training.
  func step(on batches: [Batch], isRecorded: Bool) throws -> [TrainingMeasure]
  /// Returns the exhibits of the report: pictures, distributions, and the variation among samples.
  func exhibits() throws -> TrainingExhibits
  /// Stores everything that is needed to resume the training.
  func store(in checkpoint: inout Checkpoint)
  /// Stores only what is used after training.
  func storeResult(in checkpoint: inout Checkpoint)
  /// Resumes a stored training.
  /// - Throws: bad data naming an entry that is missing or does not fit; the trainee must not be used after that.
  func restore(from checkpoint: Checkpoint) throws
  /// Remedies for a training that failed.
  var remedies: TrainingRemedies { get }
}

extension Trainee {
  public func exhibits() throws -> TrainingExhibits { TrainingExhibits() }
  public func storeResult(in checkpoint: inout Checkpoint) { store(in: &checkpoint) }
}

/// Remedies in messages about a failed training, as sentences.
public struct TrainingRemedies: Sendable {
  /// Remedy for a loss that is not finite.
  public var divergence: String
  /// Remedy for samples that are nearly identical.
  public var collapse: String

  /// Creates remedies for both failures.
  public init(divergence: String, collapse: String) { (self.divergence, self.collapse) = (divergence, collapse) }
}

/// A number measured in a step.
public struct TrainingMeasure: Sendable {
  /// Name in histories and reports, such as `loss/generator`; names with the same part before the slash share a chart.
  public var name: String
  /// The measured number.
  public var value: Double
  /// Short name for the progress line, such as `G loss`; nil if the line does not show it.
  public var label: String?

  /// Creates a measure.
  public init(_ name: String, _ value: Double, label: String? = nil) {
    (self.name, self.value, self.label) = (name, value, label)
  }
}

/// Material for the report that a trainee provides between steps.
public struct TrainingExhibits {
  /// Grids of samples.
  public var grids: [Grid] = []
  /// Parameters whose distributions are recorded, by name, such as `weights/generator`.
  public var weights: [(name: String, parameters: [Parameter])] = []
  /// Standard deviation among samples that should differ, such as those of one class; nil if the trainee generates no
  /// samples. The training has collapsed if it is near 0 twice in a row.
  public var variation: Double?

  /// Creates exhibits without content.
  public init() {}

  /// A grid of samples.
  public struct Grid {
    /// Name that distinguishes several grids; nil for a single one.
    public var name: String?
    /// The pictures.
    public var grid: ImageGrid
    /// Caption of the grid, as a sentence.
    public var caption: String

    /// Creates a grid with its caption.
    public init(_ grid: ImageGrid, name: String? = nil, caption: String) {
      (self.grid, self.name, self.caption) = (grid, name, caption)
    }
  }
}

/// Evaluator of a trainee between steps, for the history and the choice of the best checkpoint.
public protocol TrainingEvaluator<Subject> {
  associatedtype Subject: Trainee
  /// Evaluates the trainee in its current state.
  @TensorActor func evaluate(_ subject: Subject) async throws -> TrainingEvaluation
}

/// Result of evaluating a trainee.
public struct TrainingEvaluation: Sendable {
  /// Measures by name, such as `fid`.
  public var measures: [(name: String, value: Double)]
  /// Criterion for the best checkpoint: the lower, the better; nil if none is chosen.
  public var score: Double?
  /// Measures as text, such as `FID 12.3, label agreement 88 %`.
  public var summary: String

  /// Creates a result.
  public init(_ measures: [(name: String, value: Double)], score: Double?, summary: String) {
    (self.measures, self.score, self.summary) = (measures, score, summary)
  }
}
