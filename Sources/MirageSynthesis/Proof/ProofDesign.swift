import MirageEvaluation
import MirageLearning
import MirageStreams
import MirageSupport

/// The design of an experiment on whether a pipeline's synthetic samples improve a classifier: the arms, and the samples
/// that each is trained and tested on.
package protocol ProofDesign: Sendable {
  /// Names of the arms, in the order of tables.
  var arms: [String] { get }
  /// Arms that the others are compared with, seed by seed.
  var references: [String] { get }
  /// Measures beside the accuracy that tables show, such as `recall`; none by default.
  var measures: [String] { get }
  /// Description of the sizes, such as `per class`.
  var sizeTitle: String { get }
  /// Name of the class that recall and precision are measured of; nil if it is of no interest. Nil by default.
  var minority: String? { get }
  /// Pipeline of the test samples.
  /// - Throws: a usage error if the source has no test part.
  var test: Pipeline { get throws }
  /// Everything that determines the outcomes but sizes and seeds, which a later run may extend.
  var identity: [String: JSONValue] { get throws }
  /// Returns what the classifier of an arm is trained on. GANs that are needed are trained, or read if they are trained.
  func training(_ trial: Trial) async throws -> TrialTraining
}

extension ProofDesign {
  package var measures: [String] { [] }
  package var minority: String? { nil }
}

/// One classifier of an experiment.
package struct Trial: Sendable {
  /// Name of the arm.
  package let arm: String
  /// Size of the training data, as the design defines it; 0 for all.
  package let size: Int
  /// Index of the repetition, from 1.
  package let seed: Int
  /// Directory that keeps GANs.
  let models: String
  /// Number of training steps of a GAN; nil for the pipeline's own number.
  let ganSteps: Int?
  /// Number of training steps of a classifier.
  let classifierSteps: Int
  /// Reports a message.
  let progress: @Sendable (String) -> Void

  /// Creates a trial whose GANs are kept in the directory `models` and trained for `ganSteps` steps, or the pipeline's own
  /// number if nil.
  package init(
    arm: String, size: Int, seed: Int, models: String, ganSteps: Int?, classifierSteps: Int,
    progress: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    (self.arm, self.size, self.seed, self.models) = (arm, size, seed, models)
    (self.ganSteps, self.classifierSteps, self.progress) = (ganSteps, classifierSteps, progress)
  }

  /// Returns a pipeline's samples for this repetition, with stages in place of its own; stages that train do so.
  func flow(_ pipeline: Pipeline, _ stages: [any StageComponent]) async throws -> Flow<Sample> {
    var context = Context(policy: pipeline.policy, fitting: .fit)
    context.report = { step in
      if step.done > 0, step.done % 100 == 0, step.activity == "training" {
        progress("GAN, \(title): step \(step.done) of \(step.total)")
      }
    }
    var part = pipeline
    part.stages = stages
    return try await part.fitted(Run(seed: pipeline.seed &+ UInt64(seed)), in: context).flow
  }

  /// Returns the test samples by class and predicted class, after a classifier is trained.
  func confusion(_ training: TrialTraining, test: Batches) async throws -> ConfusionMatrix {
    var classifier = ClassifierTraining()
    (classifier.seed, classifier.classWeights) = (UInt64(seed), training.classWeights)
    return try await classifier.confusion(afterSteps: classifierSteps, mixing: training.parts, test: test)
  }

  /// Checkpoint of the GAN that all arms of the same size and repetition share.
  var checkpoint: String { models + "/size-\(size)-seed-\(seed).safetensors" }

  /// Size and repetition in messages.
  var title: String { (size == 0 ? "all samples" : "size \(size)") + ", seed \(seed)" }
}

/// Training data of a trial's classifier.
package struct TrialTraining: Sendable {
  /// Number of samples in a batch of all parts together.
  static let batch = 128

  /// Batches that are mixed, together `batch` samples.
  package let parts: [Batches]
  /// Weight of each class in the loss; nil for equal weights.
  package let classWeights: [Float]?
  /// Choices that were made on held-out real samples, by name; they are kept with the outcome.
  var choices: [String: Double] = [:]

  /// Creates training data of flows that contribute equally to each batch.
  init(_ flows: Flow<Sample>..., classWeights: [Float]? = nil) {
    parts = flows.map { Batches($0, size: Self.batch / flows.count) }
    self.classWeights = classWeights
  }

  /// Creates training data of real samples, of which synthetic ones replace `share` in each batch.
  init(_ real: Flow<Sample>, replacing share: Int, by synthetic: Flow<Sample>) {
    classWeights = nil
    parts = [Batches(real, size: Self.batch - share), Batches(synthetic, size: share)]
  }
}

extension Pipeline {
  /// Returns the pipeline with the test part of its source and without the stages that choose samples.
  ///
  /// - Throws: a usage error if the source has no test part.
  func testPart() throws -> Pipeline {
    guard let source = source as? any SplitSource & SourceComponent else {
      throw MirageError(
        .usage, "the source \(type(of: source).name) has no test part",
        remedy: "Name a dataset to test on with --test.")
    }
    var part = self
    part.source = source.selecting(.test)
    part.stages.removeAll { $0 is any SelectingStage }
    return part
  }
}
