import MirageLearning
import MirageAdversarial
import MirageEvaluation
import MirageSupport
import MirageNetworks
import MirageStreams
import MirageTensors

/// Measures a generator while it is trained, by a classifier that was trained on the same samples.
@TensorActor
final class QualityMeter {
  private let configuration: GANConfiguration
  private let classifier: ImageClassifier
  private let real: FrechetDistance.Statistics
  private let classCounts: [Int]
  private let count: Int
  private let seed: UInt64

  /// - Parameters:
  ///   - count: images on either side.
  ///   - path: where the classifier is kept: a training that goes on has it there.
  init(
    _ configuration: GANConfiguration, on set: TrainingSet, count: Int, seed: UInt64, classifierAt path: String,
    progress: @Sendable (_ done: Int, _ total: Int) -> Void
  ) async throws {
    (self.configuration, classCounts, self.seed) = (configuration, set.classCounts, seed)
    let shape = ImageClassifier.Configuration(
      height: configuration.height, width: configuration.width, channels: configuration.channels,
      classes: configuration.classes)
    classifier = try await Self.classifier(shape, on: set, seed: seed, at: path, progress)
    let (total, compared) = (set.positions.count, min(count, set.positions.count))
    self.count = compared
    // Spread evenly over the samples: they may be sorted by class.
    let chosen = (0..<compared).map { set.positions[Shard(index: $0, count: compared).range(of: total).lowerBound] }
    var features: [Float] = []
    let batches = Batches(set.flow, size: 250, positions: chosen, ignoresClasses: true)
    for try await batch in batches.epoch(0, isShuffled: false, seed: 0) where !batch.labels.isEmpty {
      features += classifier.features(batch.images).values
    }
    real = try FrechetDistance.Statistics(Features(features, dimensions: ImageClassifier.featureCount))
  }

  private static func classifier(
    _ shape: ImageClassifier.Configuration, on set: TrainingSet, seed: UInt64, at path: String,
    _ progress: @Sendable (Int, Int) -> Void
  ) async throws -> ImageClassifier {
    let trained: Checkpoint
    if FileKind(path) == .file {
      trained = try Checkpoint(reading: path)
    } else {
      var training = ClassifierTraining()
      // About a thousand steps: it has to tell generators apart, not to be the best.
      training.epochs = max(2, min(10, 120_000 / set.positions.count))
      training.seed = seed
      trained = try await training.run(train: set.batches(of: 128), test: set.batches(of: 250)) {
        progress($0.step, $0.steps)
      }.checkpoint
      try trained.write(to: path)
    }
    return try ImageClassifier(shape, from: trained)
  }

  /// Fréchet distance of the classifier's features, and the part of the images that it takes for their class; of images
  /// whose classes are as frequent as in the data, from the same latents each time.
  func measure(_ generator: any Generator) throws -> (fid: Double, agreement: Double) {
    var random = Random(key: Random.Key(seed: seed, path: "quality"), sample: 0)
    let total = classCounts.reduce(0, +)
    var bounds: [Int] = []
    for count in classCounts { bounds.append((bounds.last ?? 0) + count) }
    var (features, right): ([Float], Int) = ([], 0)
    for start in stride(from: 0, to: count, by: 125) {
      let indices = start..<min(count, start + 125)
      let labels = indices.map { index in
        let place = Shard(index: index, count: count).range(of: max(total, count)).lowerBound
        return bounds.firstIndex { place < $0 } ?? 0
      }
      let latents = configuration.latents(labels.count, using: &random)
      let images = generator(latents, labels, .inference).roundedToBytes()
      let judged = classifier.judged(images)
      features += judged.features.values
      right += zip(judged.logits.argmax(axis: 1), labels).count { $0 == $1 }
    }
    let generated = try FrechetDistance.Statistics(Features(features, dimensions: ImageClassifier.featureCount))
    return (try FrechetDistance.between(real, generated), Double(right) / Double(count))
  }
}
