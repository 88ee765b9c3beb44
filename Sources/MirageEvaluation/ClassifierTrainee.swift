import MirageLearning
import MirageNetworks
import MirageSupport
import MirageTensors

/// An image classifier in training, with cross-entropy, Adam, and a cosine schedule down to 0.
final class ClassifierTrainee: Trainee {
  let classifier: ImageClassifier
  /// Number of steps taken.
  private(set) var steps = 0
  /// Mean cross-entropy of the current epoch so far.
  private(set) var loss = 0.0
  private var losses = (sum: 0.0, count: 0)
  private let epoch: Int
  private let parameters: [Parameter]
  private let random: Random
  private let schedule: Schedule
  private let learningRate: Float
  private let classWeights: [Float]?
  private var adam: Adam

  /// - Parameters:
  ///   - steps: Length of the cosine schedule.
  ///   - epoch: Number of steps per epoch, after which the mean loss starts again.
  /// - Throws: As `ImageClassifier.init`.
  init(_ configuration: ImageClassifier.Configuration, _ training: ClassifierTraining, steps: Int, epoch: Int) throws {
    var random = Random(key: Random.Key(seed: training.seed, path: "classifier"), sample: 0)
    classifier = try ImageClassifier(configuration, using: &random)
    (parameters, self.random, self.epoch) = (classifier.parameters, random, epoch)
    schedule = .cosine(steps: steps, minimum: 0)
    (learningRate, classWeights) = (training.learningRate, training.classWeights)
    adam = Adam(learningRate: learningRate)
  }

  /// Takes one step; a batch without samples counts as a step with loss 0 and leaves the weights as they are.
  func step(on batches: [Batch], isRecorded: Bool) throws -> [TrainingMeasure] {
    if steps % epoch == 0 { losses = (0, 0) }
    defer { steps += 1 }
    let value = batches.first.map { $0.labels.isEmpty ? 0 : learn($0) } ?? 0
    losses = (losses.sum + Double(value), losses.count + 1)
    loss = losses.sum / Double(losses.count)
    return [
      TrainingMeasure("loss/classifier", Double(value)), TrainingMeasure("epoch/loss", loss, label: "loss"),
    ]
  }

  private func learn(_ batch: Batch) -> Float {
    let mode = Mode.training(Random(key: random.key, sample: UInt64(steps), epoch: 1))
    let loss = Losses.crossEntropy(
      logits: classifier(batch.images, mode), labels: batch.labels, weights: classWeights)
    let value = loss.scalar
    adam.learningRate = learningRate * schedule.factor(at: steps)
    adam.step(parameters, loss.gradients(wrt: parameters.map(\.leaf)))
    return value
  }

  func store(in checkpoint: inout Checkpoint) {
    checkpoint.store(classifier)
    checkpoint.store(step: steps)
  }

  func restore(from checkpoint: Checkpoint) throws {
    try checkpoint.restore(classifier)
    steps = try checkpoint.step()
  }

  var remedies: TrainingRemedies { TrainingRemedies(divergence: "Use a lower learning rate.", collapse: "") }
}
