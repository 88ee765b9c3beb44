import MirageLearning
import MirageTensors

/// A network that images are compared by: its features for distances between sets of images, its classes for scores.
public protocol FeatureNetwork {
  /// What reports call it.
  var name: String { get }
  /// Of N × H × W × C images in -1 ... 1: N × features, and N × classes whose softmax are probabilities.
  func predictions(of images: Tensor) -> (features: Tensor, logits: Tensor)
}

extension ImageClassifier: FeatureNetwork {
  public var name: String { "a classifier of the data's \(configuration.classes.count) classes" }
}

extension InceptionNetwork: FeatureNetwork {
  public var name: String { "the Inception network of 2015" }

  public func predictions(of images: Tensor) -> (features: Tensor, logits: Tensor) {
    let features = features(images)
    return (features, logits(fromFeatures: features))
  }
}

/// Predictions of a network for a set of images.
struct Predictions {
  var features: [Float] = []
  var probabilities: [Float] = []
  var labels: [Int] = []
  var predictedLabels: [Int] = []
  private(set) var dimensions = 1
  private(set) var classes = 1

  /// At most `count` of the samples, drawn at random; in a random order.
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

  /// The vectors that sets are compared by.
  func vectors() throws -> Features { try Features(features, dimensions: dimensions) }
}
