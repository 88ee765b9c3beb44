import MirageLearning
import MirageSupport
import MirageNetworks
import MirageStreams
import MirageTensors

/// Trains an image classifier on the samples of a flow, and measures it.
public struct ClassifierTraining: Sendable {
  /// Passes over the training samples.
  public var epochs = 8
  /// At its highest: it goes down to 0 in half a cosine.
  public var learningRate: Float = 1e-3
  /// What initial weights and the order of samples are drawn from.
  public var seed: UInt64 = 0

  /// The usual settings.
  public init() {}

  /// How far the training is.
  public struct Progress: Sendable {
    /// The epoch at work, counted from 0, and their number.
    public var epoch, epochs: Int
    /// Steps done, and their number.
    public var step, steps: Int
    /// The mean loss of the epoch so far.
    public var loss: Float
    /// After each epoch: the part of the test samples that is classified right.
    public var accuracy: Double?
  }

  /// - Throws: bad data where samples have no class, there are none, or the images differ in size; what reading throws;
  ///   bad data where the loss is no longer a number; `CancellationError`, within a step.
  /// - Returns: the trained classifier as a checkpoint, and its accuracy on the test samples.
  @TensorActor
  public func run(
    train: Batches, test: Batches, progress: @Sendable (Progress) -> Void = { _ in }
  ) async throws -> (checkpoint: Checkpoint, accuracy: Double) {
    let configuration = try await train.classifierConfiguration()
    let (train, test) = (train.expecting(configuration), test.expecting(configuration))
    // Images of another size in the test set are found now, not after an epoch.
    _ = try await test.classifierConfiguration()
    let steps = epochs * train.batches
    var learner = try Learner(configuration, self, steps: steps)
    var accuracy = 0.0
    for epoch in 0..<epochs {
      var losses = 0.0
      let start = learner.step
      for try await batch in train.epoch(epoch, isShuffled: true, seed: seed) {
        losses += Double(try learner.learn(batch))
        let mean = Float(losses / Double(learner.step - start))
        progress(Progress(epoch: epoch, epochs: epochs, step: learner.step, steps: steps, loss: mean, accuracy: nil))
      }
      // Cancellation may end the batches as if there were no more.
      try Task.checkCancellation()
      accuracy = try await Self.accuracy(of: learner.classifier, on: test)
      let mean = Float(losses / Double(max(1, learner.step - start)))
      progress(Progress(epoch: epoch, epochs: epochs, step: learner.step, steps: steps, loss: mean, accuracy: accuracy))
    }
    var checkpoint = Checkpoint()
    checkpoint.store(learner.classifier)
    checkpoint.metadata.merge(try configuration.fields) { $1 }
    checkpoint.metadata["metrics"] = JSONValue.object(["accuracy": .number(accuracy)]).text
    checkpoint.store(step: learner.step)
    return (checkpoint, accuracy)
  }

  /// Trains for a number of steps, whatever the epochs, on several flows in equal parts of every batch.
  ///
  /// - Parameter parts: of the same classes and sizes; each gives batches of its own size.
  /// - Throws: as `run(train:test:progress:)`.
  /// - Returns: the accuracy on the test samples.
  @TensorActor
  public func accuracy(afterSteps steps: Int, mixing parts: [Batches], test: Batches) async throws -> Double {
    let configuration = try await parts[0].classifierConfiguration()
    var learner = try Learner(configuration, self, steps: steps)
    var streams = parts.map { $0.expecting(configuration).endless(from: 0, seed: seed).makeAsyncIterator() }
    for _ in 0..<steps {
      var whole: Batch?
      for index in streams.indices {
        guard let part = try await streams[index].next() else { throw CancellationError() }
        whole = whole.map { $0.joined(part) } ?? part
      }
      if let whole { _ = try learner.learn(whole) }
    }
    return try await Self.accuracy(of: learner.classifier, on: test.expecting(configuration))
  }

  /// A classifier with its optimizer and schedule.
  private struct Learner {
    let classifier: ImageClassifier
    private(set) var step = 0
    private let parameters: [Parameter]
    private let random: Random
    private let schedule: Schedule
    private let learningRate: Float
    private var adam: Adam

    init(_ configuration: ImageClassifier.Configuration, _ training: ClassifierTraining, steps: Int) throws {
      var random = Random(key: Random.Key(seed: training.seed, path: "classifier"), sample: 0)
      classifier = try ImageClassifier(configuration, using: &random)
      (parameters, self.random) = (classifier.parameters, random)
      schedule = .cosine(steps: steps, minimum: 0)
      learningRate = training.learningRate
      adam = Adam(learningRate: learningRate)
    }

    /// - Returns: the loss; 0 of a batch without samples, which counts as a step.
    /// - Throws: bad data where the loss is no longer a number; `CancellationError`.
    mutating func learn(_ batch: Batch) throws -> Float {
      try Task.checkCancellation()
      defer { step += 1 }
      if batch.labels.isEmpty { return 0 }
      let mode = Mode.training(Random(key: random.key, sample: UInt64(step), epoch: 1))
      let loss = Losses.crossEntropy(logits: classifier(batch.images, mode), labels: batch.labels)
      let value = loss.scalar
      guard value.isFinite else {
        throw MirageError.badData(
          "the classifier's training diverged at step \(step)", remedy: "Use a lower learning rate.")
      }
      adam.learningRate = learningRate * schedule.factor(at: step)
      adam.step(parameters, loss.gradients(wrt: parameters.map(\.leaf)))
      return value
    }
  }

  /// The part of the samples that the classifier of a checkpoint classifies right.
  ///
  /// - Parameter classifier: a file of `run`, or PyTorch's weights under the same names.
  /// - Throws: bad data where the file holds another network, or one for other images or classes than the samples'.
  @TensorActor
  public static func accuracy(of classifier: Checkpoint, on test: Batches) async throws -> Double {
    let expected = try await test.classifierConfiguration()
    return try await accuracy(of: ImageClassifier(expected, from: classifier), on: test.expecting(expected))
  }

  /// The part of the samples that a classifier classifies right.
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

extension ImageClassifier.Configuration {
  /// What a checkpoint says of the classifier in it.
  var fields: [String: String] {
    get throws {
      ["architecture": ImageClassifier.architecture, "configuration": try JSONValue(encoding: self).text]
    }
  }
}

extension Batches {
  func expecting(_ configuration: ImageClassifier.Configuration) -> Batches {
    expecting(height: configuration.height, width: configuration.width, channels: configuration.channels)
  }

  /// What the first sample looks like.
  func classifierConfiguration() async throws -> ImageClassifier.Configuration {
    for try await batch in epoch(0, isShuffled: false, seed: 0) where !batch.labels.isEmpty {
      let shape = batch.images.shape
      return ImageClassifier.Configuration(
        height: shape[1], width: shape[2], channels: shape[3], classes: flow.about.classes)
    }
    throw MirageError.badData("there is no sample to train a classifier on")
  }
}

extension ImageClassifier {
  /// A trained one, for the samples of some batches.
  /// - Throws: as `init(_:from:)`, and what reading the first sample throws.
  @TensorActor
  public convenience init(for samples: Batches, from checkpoint: Checkpoint) async throws {
    try self.init(try await samples.classifierConfiguration(), from: checkpoint)
  }
}
