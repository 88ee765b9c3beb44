import MirageMedia
import MirageNetworks
import MirageTensors

/// Something that a `TrainingLoop` trains, such as a GAN or a classifier.
///
/// Everything random in a step follows from the trainee's seed and the number of steps done, so that a training that goes
/// on from a checkpoint makes the same steps.
public protocol Trainee: AnyObject {
  /// Number of steps done.
  var steps: Int { get }
  /// Does one step.
  ///
  /// - Parameters:
  ///   - batches: as many as the loop's schedule says.
  ///   - isRecorded: whether measures that cost time, such as gradient norms, are wanted.
  /// - Returns: the step's measures. A loss (`loss/…`) that is not finite ends the training.
  func step(on batches: [Batch], isRecorded: Bool) throws -> [TrainingMeasure]
  /// What is shown in the report between steps: pictures, distributions, and how much samples vary.
  func exhibits() throws -> TrainingExhibits
  /// Puts in everything that going on needs.
  func store(in checkpoint: inout Checkpoint)
  /// Puts in what is used after training, without what only going on needs.
  func storeResult(in checkpoint: inout Checkpoint)
  /// Goes on where the stored training was.
  /// - Throws: bad data naming what is missing or belongs to another network; then the trainee is not to be used.
  func restore(from checkpoint: Checkpoint) throws
  /// Remedies for a training that cannot go on.
  var remedies: TrainingRemedies { get }
}

extension Trainee {
  public func exhibits() throws -> TrainingExhibits { TrainingExhibits() }
  public func storeResult(in checkpoint: inout Checkpoint) { store(in: &checkpoint) }
}

/// Remedies that messages give for a training that cannot go on, as sentences.
public struct TrainingRemedies: Sendable {
  /// For a loss that is no longer a number.
  public var divergence: String
  /// For samples that are all alike.
  public var collapse: String

  public init(divergence: String, collapse: String) { (self.divergence, self.collapse) = (divergence, collapse) }
}

/// A number that a step measured.
public struct TrainingMeasure: Sendable {
  /// The name in histories and reports, such as `loss/generator`; what stands before the slash groups charts.
  public var name: String
  public var value: Double
  /// A short name for the progress line, such as `G loss`; nil if the line does not show it.
  public var label: String?

  public init(_ name: String, _ value: Double, label: String? = nil) {
    (self.name, self.value, self.label) = (name, value, label)
  }
}

/// What a trainee shows of itself between steps.
public struct TrainingExhibits {
  /// A grid of samples with its caption; a name tells several apart.
  public var grids: [Grid] = []
  /// Parameters whose distribution is recorded, by name, such as `weights/generator`.
  public var weights: [(name: String, parameters: [Parameter])] = []
  /// Standard deviation among samples that should differ, such as those of one class from different latents; nil if the
  /// trainee makes no samples. Near 0 twice in a row, the training has collapsed.
  public var variation: Double?

  public init() {}

  /// A grid of samples.
  public struct Grid {
    /// Tells several grids apart; nil for a single one.
    public var name: String?
    public var grid: ImageGrid
    /// What the grid shows, in a sentence.
    public var caption: String

    public init(_ grid: ImageGrid, name: String? = nil, caption: String) {
      (self.grid, self.name, self.caption) = (grid, name, caption)
    }
  }
}

/// Measures a trainee between steps, for the history and for the choice of the best checkpoint.
public protocol TrainingEvaluator<Subject> {
  associatedtype Subject: Trainee
  @TensorActor func evaluate(_ subject: Subject) async throws -> TrainingEvaluation
}

/// Result of evaluating a trainee.
public struct TrainingEvaluation: Sendable {
  /// Measures by name, such as `fid`.
  public var measures: [(name: String, value: Double)]
  /// The number that chooses the best checkpoint: the lower, the better.
  public var score: Double
  /// The measures in words, such as `FID 12.3, label agreement 88 %`.
  public var summary: String

  public init(_ measures: [(name: String, value: Double)], score: Double, summary: String) {
    (self.measures, self.score, self.summary) = (measures, score, summary)
  }
}
