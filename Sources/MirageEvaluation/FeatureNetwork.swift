import MirageLearning
import MirageTensors

/// A network that images are evaluated with: its features for distances between sets of images, its class probabilities
/// for scores.
public protocol FeatureNetwork {
  /// Name of the network in reports.
  var name: String { get }
  /// Computes features and logits of images.
  ///
  /// - Parameter images: N × H × W × C, in -1 ... 1.
  /// - Returns: Features, N × D, and logits, N × K, whose softmax are the probabilities of K classes.
  func predictions(of images: Tensor) -> (features: Tensor, logits: Tensor)
}

extension ImageClassifier: FeatureNetwork {
  /// Name of the network in reports.
  public var name: String { "a classifier of the data's \(configuration.classes.count) classes" }
}

extension InceptionNetwork: FeatureNetwork {
  /// Name of the network in reports.
  public var name: String { "the Inception network of 2015" }

  /// Computes features, N × 2048, and logits without bias, N × 1008, of N × H × W × C images in -1 ... 1.
  public func predictions(of images: Tensor) -> (features: Tensor, logits: Tensor) {
    let features = features(images)
    return (features, logits(fromFeatures: features))
  }
}

/// Predictions of a network for a set of images.
struct Predictions {
  /// Features of the samples, N × `dimensions`, row-major.
  var features: [Float] = []
  /// Probabilities of the classes, N × `classes`, row-major.
  var probabilities: [Float] = []
  /// Classes that the samples have.
  var labels: [Int] = []
  /// Most likely class of each sample.
  var predictedLabels: [Int] = []
  /// Number of features per sample.
  private(set) var dimensions = 1
  /// Number of classes.
  private(set) var classes = 1

  /// Predicts up to `count` of the samples, drawn at random without replacement.
  ///
  /// - Throws: Errors of reading samples; `CancellationError`.
  @TensorActor
  init(_ batches: Batches, count: Int, by network: any FeatureNetwork, seed: UInt64) async throws {
    for try await batch in batches.epoch(0, isShuffled: true, seed: seed) where !batch.labels.isEmpty {
      try Task.checkCancellation()
      let room = min(batch.labels.count, count - labels.count)
      let images = room < batch.labels.count ? batch.images.sliced(axis: 0, 0..<room) : batch.images
      let outputs = network.predictions(of: images)
      features += outputs.features.values
      probabilities += outputs.logits.softmax().values
      predictedLabels += outputs.logits.argmax(axis: 1)
      labels += batch.labels.prefix(room)
      (dimensions, classes) = (outputs.features.shape[1], outputs.logits.shape[1])
      if labels.count == count { break }
    }
    try Task.checkCancellation()
  }

  /// Returns the features as rows.
  ///
  /// - Throws: `MirageError` of kind `badData` if a feature is not finite.
  func vectors() throws -> Features { try Features(features, dimensions: dimensions) }
}
