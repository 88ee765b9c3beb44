import MirageAdversarial
import MirageEvaluation
import MirageLearning
import MirageNetworks
import MirageStreams
import MirageSupport
import MirageTensors

/// Evaluator of a generator in training, by a classifier that was trained on the same samples.
@TensorActor
final class QualityMeter {
  private let configuration: GANConfiguration
  private let coding: any SampleCoding
  private let classifier: any FeatureNetwork
  private let real: FrechetDistance.Statistics
  private let classCounts: [Int]
  private let count: Int
  private let seed: UInt64
  private let metric: GANWatching.Metric

  /// - Parameters:
  ///   - classifier: network whose features and classes are compared.
  ///   - count: maximum number of real and of generated images.
  init(
    _ configuration: GANConfiguration, on set: TrainingSet, by classifier: any FeatureNetwork, count: Int, seed: UInt64,
    metric: GANWatching.Metric
  ) async throws {
    (self.configuration, coding, classCounts) = (configuration, set.coding, set.classCounts)
    (self.classifier, self.seed, self.metric) = (classifier, seed, metric)
    self.count = min(count, set.positions.count)
    let batches = Batches(set.flow, size: 250, positions: set.spread(count), ignoresClasses: true).expecting(coding)
    var (features, dimensions): ([Float], Int) = ([], 1)
    for try await batch in batches.epoch(0, isShuffled: false, seed: 0) where !batch.labels.isEmpty {
      let found = classifier.predictions(of: batch.images).features
      features += found.values
      dimensions = found.shape[1]
    }
    real = try FrechetDistance.Statistics(Features(features, dimensions: dimensions))
  }

  /// Returns the classifier for a training: from its file, or trained and saved there.
  ///
  /// - Parameter batches: Returns the samples with their classes as batches of a size.
  static func classifier(
    _ configuration: ImageClassifier.Configuration, on batches: (Int) -> Batches, seed: UInt64, at path: String,
    _ progress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void
  ) async throws -> ImageClassifier {
    if FileKind(path) == .file { return try ImageClassifier(configuration, from: Checkpoint(reading: path)) }
    var training = ClassifierTraining()
    // About a thousand steps suffice to compare generators.
    training.epochs = max(2, min(10, 120_000 / batches(128).count))
    training.seed = seed
    let trained = try await training.run(train: batches(128), test: batches(250)) { progress($0.step, $0.steps) }
      .checkpoint
    try trained.write(to: path)
    return try ImageClassifier(configuration, from: trained)
  }

  /// Returns the Fréchet distance between the classifier's features, and the fraction of generated images that it
  /// assigns to their class. Classes are as frequent as in the data, and latents are the same each time.
  func measure(_ generator: any Generator) throws -> (fid: Double, agreement: Double) {
    var random = Random(key: Random.Key(seed: seed, path: "quality"), sample: 0)
    let total = classCounts.reduce(0, +)
    var bounds: [Int] = []
    for count in classCounts { bounds.append((bounds.last ?? 0) + count) }
    var (features, right, dimensions): ([Float], Int, Int) = ([], 0, 1)
    for start in stride(from: 0, to: count, by: 125) {
      let indices = start..<min(count, start + 125)
      let labels = indices.map { index in
        let place = Shard(index: index, count: count).range(of: max(total, count)).lowerBound
        return bounds.firstIndex { place < $0 } ?? 0
      }
      let latents = configuration.latents(labels.count, using: &random)
      let predictions = classifier.predictions(of: coding.quantized(generator(latents, labels, .inference)))
      features += predictions.features.values
      dimensions = predictions.features.shape[1]
      right += zip(predictions.logits.argmax(axis: 1), labels).count { $0 == $1 }
    }
    let generated = try FrechetDistance.Statistics(Features(features, dimensions: dimensions))
    return (try FrechetDistance.between(real, generated), Double(right) / Double(count))
  }
}

extension QualityMeter: TrainingEvaluator {
  func evaluate(_ subject: GANTrainee) throws -> TrainingEvaluation {
    let (fid, agreement) = try measure(subject.averagedGenerator())
    return TrainingEvaluation(
      [("fid", fid), ("label-agreement", agreement)], score: metric == .labelAgreement ? -agreement : fid,
      summary: "FID \(rounded(fid)), label agreement \(rounded(100 * agreement)) %")
  }
}

private func rounded(_ value: Double) -> String { JSONValue.number((value * 100).rounded() / 100).text }
