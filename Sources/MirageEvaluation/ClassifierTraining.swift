import MirageLearning
import MirageNetworks
import MirageStreams
import MirageSupport
import MirageTensors

/// Training and testing of an `ImageClassifier` on the samples of a flow, with cross-entropy and Adam.
public struct ClassifierTraining: Sendable {
  /// Number of passes over the training samples. Defaults to 8.
  public var epochs = 8
  /// Initial learning rate of Adam, which falls to 0 along half a cosine. Defaults to 1e-3.
  public var learningRate: Float = 1e-3
  /// Random seed of the initial weights and of the order of samples. Defaults to 0.
  public var seed: UInt64 = 0
  /// Weight of each class in the loss; nil, the default, for equal weights.
  package var classWeights: [Float]?

  /// Creates a training with the default settings.
  public init() {}

  /// Progress of a training.
  public struct Progress: Sendable {
    /// Current epoch, counted from 0, and number of epochs.
    public var epoch, epochs: Int
    /// Number of steps taken, and number of steps in all.
    public var step, steps: Int
    /// Mean cross-entropy of the current epoch so far.
    public var loss: Float
    /// Fraction of the test samples classified correctly, 0 to 1; `nil` except at the end of an epoch.
    public var accuracy: Double?
  }

  /// Trains a classifier for `epochs` passes over the training samples.
  ///
  /// - Parameters:
  ///   - train: Training samples, in batches of the size to train with. The first sample sets the size of images.
  ///   - test: Samples that the accuracy is measured on after each epoch.
  ///   - progress: Called after each step.
  /// - Returns: The trained classifier as a checkpoint, and the fraction of the test samples that it classifies correctly.
  /// - Throws: `MirageError` of kind `badData` if there are no samples, a sample has no class, images differ in size, or
  ///   the loss is not finite; errors of reading samples; `CancellationError`, within a step.
  @TensorActor
  public func run(
    train: Batches, test: Batches, progress: @escaping @Sendable (Progress) -> Void = { _ in }
  ) async throws -> (checkpoint: Checkpoint, accuracy: Double) {
    let configuration = try await train.classifierConfiguration()
    let (train, test) = (train.expecting(configuration), test.expecting(configuration))
    // Images of another size in the test set are found now, not after an epoch.
    _ = try await test.classifierConfiguration()
    let (epochs, batches) = (epochs, train.batches)
    let steps = epochs * batches
    let trainee = try ClassifierTrainee(configuration, self, steps: steps, epoch: batches)
    var schedule = TrainingLoop<ClassifierTrainee>.Schedule(steps: steps, samplesPerBatch: train.size)
    (schedule.countsEmptyBatches, schedule.evaluateEvery) = (true, batches)
    let loop = TrainingLoop(trainee, schedule, stage: "classifier", evaluator: { AccuracyEvaluator(test: test) }) {
      progress(Progress($0, epochs: epochs, batches: batches))
      return .proceed
    }
    try await loop.run(on: train.passes(0..<steps, seed: seed))
    let accuracy = loop.accuracy
    var checkpoint = Checkpoint()
    trainee.store(in: &checkpoint)
    checkpoint.metadata.merge(try configuration.fields) { $1 }
    checkpoint.metadata["metrics"] = JSONValue.object(["accuracy": .number(accuracy)]).text
    return (checkpoint, accuracy)
  }

  /// Trains a classifier for a number of steps, each on a batch that is composed of samples of several flows.
  ///
  /// - Parameters:
  ///   - steps: Number of steps; `epochs` is not used.
  ///   - parts: Flows with the same classes and image size. Each contributes as many samples to a batch as its own size.
  ///   - test: Samples that the accuracy is measured on, once, after the last step.
  /// - Returns: The test samples by class and predicted class.
  /// - Throws: As `run(train:test:progress:)`.
  @TensorActor
  package func confusion(afterSteps steps: Int, mixing parts: [Batches], test: Batches) async throws -> ConfusionMatrix
  {
    let configuration = try await parts[0].classifierConfiguration()
    let test = test.expecting(configuration)
    let trainee = try ClassifierTrainee(configuration, self, steps: steps, epoch: steps)
    var schedule = TrainingLoop<ClassifierTrainee>.Schedule(
      steps: steps, samplesPerBatch: parts.map(\.size).reduce(0, +))
    schedule.countsEmptyBatches = true
    let loop = TrainingLoop(trainee, schedule, stage: "classifier")
    try await loop.run(on: Batches.mixing(parts.map { $0.expecting(configuration) }, seed: seed))
    return try await Self.confusion(of: trainee.classifier, on: test)
  }

  /// Returns the fraction of the samples that the classifier of a checkpoint classifies correctly, 0 to 1.
  ///
  /// - Parameters:
  ///   - classifier: Checkpoint that `run` returned, or weights from PyTorch under the same names.
  ///   - test: Samples with classes.
  /// - Throws: `MirageError` of kind `badData` if the checkpoint holds another network, or one for other images or
  ///   classes than those of the samples; errors of reading samples; `CancellationError`.
  @TensorActor
  public static func accuracy(of classifier: Checkpoint, on test: Batches) async throws -> Double {
    let expected = try await test.classifierConfiguration()
    return try await accuracy(of: ImageClassifier(expected, from: classifier), on: test.expecting(expected))
  }

  /// Returns the fraction of the samples that a classifier classifies correctly, 0 to 1.
  ///
  /// - Throws: `MirageError` of kind `badData` if there are no samples; errors of reading samples; `CancellationError`.
  @TensorActor
  public static func accuracy(of classifier: ImageClassifier, on test: Batches) async throws -> Double {
    try await confusion(of: classifier, on: test).accuracy
  }

  /// Returns samples by class and the class that a classifier predicts.
  ///
  /// - Throws: `MirageError` of kind `badData` if there are no samples; errors of reading samples; `CancellationError`.
  @TensorActor
  package static func confusion(of classifier: ImageClassifier, on test: Batches) async throws -> ConfusionMatrix {
    var confusion = ConfusionMatrix(classes: classifier.configuration.classes.count)
    for try await batch in test.epoch(0, isShuffled: false, seed: 0) where !batch.labels.isEmpty {
      try Task.checkCancellation()
      confusion.add(predictions: classifier.classes(of: batch.images), labels: batch.labels)
    }
    try Task.checkCancellation()
    guard confusion.total > 0 else { throw MirageError.badData("there is no sample to test the classifier on") }
    return confusion
  }
}

extension ClassifierTraining.Progress {
  fileprivate init(_ progress: FittingProgress, epochs: Int, batches: Int) {
    func measure(_ name: String) -> Double? { progress.measures.first { $0.name == name }?.value }
    self.init(
      epoch: (progress.done - 1) / batches, epochs: epochs, step: progress.done, steps: progress.total,
      loss: Float(measure("loss") ?? 0), accuracy: measure("accuracy"))
  }
}

/// Evaluator of the accuracy on test samples, which reports the mean loss of the epoch too.
private struct AccuracyEvaluator: TrainingEvaluator {
  let test: Batches

  func evaluate(_ subject: ClassifierTrainee) async throws -> TrainingEvaluation {
    let accuracy = try await ClassifierTraining.accuracy(of: subject.classifier, on: test)
    return TrainingEvaluation(
      [("accuracy", accuracy), ("loss", subject.loss)], score: -accuracy, summary: "accuracy \(accuracy)")
  }
}

extension TrainingLoop {
  /// Accuracy of the last evaluation; 0 before the first.
  fileprivate var accuracy: Double { evaluation?.score.map { -$0 } ?? 0 }
}
