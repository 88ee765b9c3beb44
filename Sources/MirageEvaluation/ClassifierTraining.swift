import MirageLearning
import MirageNetworks
import MirageStreams
import MirageSupport
import MirageTensors

/// Trains an image classifier on the samples of a flow, and measures it.
public struct ClassifierTraining: Sendable {
  /// Number of passes over the training samples.
  public var epochs = 8
  /// Learning rate at the beginning; it falls to 0 along half a cosine.
  public var learningRate: Float = 1e-3
  /// Random seed of the initial weights and of the order of samples.
  public var seed: UInt64 = 0

  /// The usual settings.
  public init() {}

  /// Progress of a training.
  public struct Progress: Sendable {
    /// Epoch at work, counted from 0, and number of epochs.
    public var epoch, epochs: Int
    /// Steps done, and number of steps.
    public var step, steps: Int
    /// Mean loss of the epoch so far.
    public var loss: Float
    /// Fraction of the test samples classified correctly, after each epoch.
    public var accuracy: Double?
  }

  /// Trains for some passes.
  ///
  /// - Returns: the trained classifier as a checkpoint, and its accuracy on the test samples.
  /// - Throws: bad data if samples have no class, there are none, or the images differ in size; what reading throws; bad
  ///   data if the loss is no longer a number; `CancellationError`, within a step.
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

  /// Trains for a number of steps, whatever the epochs, on several flows in equal parts of every batch.
  ///
  /// - Parameter parts: of the same classes and sizes; each gives batches of its own size.
  /// - Returns: the accuracy on the test samples.
  /// - Throws: as `run(train:test:progress:)`.
  @TensorActor
  public func accuracy(afterSteps steps: Int, mixing parts: [Batches], test: Batches) async throws -> Double {
    let configuration = try await parts[0].classifierConfiguration()
    let test = test.expecting(configuration)
    let trainee = try ClassifierTrainee(configuration, self, steps: steps, epoch: steps)
    var schedule = TrainingLoop<ClassifierTrainee>.Schedule(
      steps: steps, samplesPerBatch: parts.map(\.size).reduce(0, +))
    schedule.countsEmptyBatches = true
    let loop = TrainingLoop(trainee, schedule, stage: "classifier", evaluator: { AccuracyEvaluator(test: test) })
    try await loop.run(on: Batches.mixing(parts.map { $0.expecting(configuration) }, seed: seed))
    return loop.accuracy
  }

  /// Fraction of the samples that the classifier of a checkpoint classifies correctly.
  ///
  /// - Parameter classifier: a file of `run`, or PyTorch's weights under the same names.
  /// - Throws: bad data if the file holds another network, or one for other images or classes than the samples'.
  @TensorActor
  public static func accuracy(of classifier: Checkpoint, on test: Batches) async throws -> Double {
    let expected = try await test.classifierConfiguration()
    return try await accuracy(of: ImageClassifier(expected, from: classifier), on: test.expecting(expected))
  }

  /// Fraction of the samples that a classifier classifies correctly.
  @TensorActor
  public static func accuracy(of classifier: ImageClassifier, on test: Batches) async throws -> Double {
    var (right, total) = (0, 0)
    for try await batch in test.epoch(0, isShuffled: false, seed: 0) where !batch.labels.isEmpty {
      try Task.checkCancellation()
      right += zip(classifier.classes(of: batch.images), batch.labels).count { $0 == $1 }
      total += batch.labels.count
    }
    try Task.checkCancellation()
    guard total > 0 else { throw MirageError.badData("there is no sample to test the classifier on") }
    return Double(right) / Double(total)
  }
}

extension ClassifierTraining.Progress {
  fileprivate init(_ told: FittingProgress, epochs: Int, batches: Int) {
    func measure(_ name: String) -> Double? { told.measures.first { $0.name == name }?.value }
    self.init(
      epoch: (told.done - 1) / batches, epochs: epochs, step: told.done, steps: told.total,
      loss: Float(measure("loss") ?? 0), accuracy: measure("accuracy"))
  }
}

/// Accuracy on test samples, with the mean loss of the epoch beside it.
private struct AccuracyEvaluator: TrainingEvaluator {
  let test: Batches

  func evaluate(_ subject: ClassifierTrainee) async throws -> TrainingEvaluation {
    let accuracy = try await ClassifierTraining.accuracy(of: subject.classifier, on: test)
    return TrainingEvaluation(
      [("accuracy", accuracy), ("loss", subject.loss)], score: -accuracy, summary: "accuracy \(accuracy)")
  }
}

extension TrainingLoop {
  /// The accuracy of the last evaluation; 0 before the first.
  fileprivate var accuracy: Double { evaluation.map { -$0.score } ?? 0 }
}
