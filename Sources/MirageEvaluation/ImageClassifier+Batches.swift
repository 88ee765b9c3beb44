import MirageLearning
import MirageNetworks
import MirageStreams
import MirageSupport
import MirageTensors

extension ImageClassifier.Configuration {
  /// Header of a checkpoint of the classifier.
  var fields: [String: String] {
    get throws {
      ["architecture": ImageClassifier.architecture, "configuration": try JSONValue(encoding: self).text]
    }
  }
}

extension Batches {
  /// Batches of images that a classifier of this configuration takes, in the coding they have already, or as bytes.
  func expecting(_ configuration: ImageClassifier.Configuration) -> Batches {
    if coding != nil { return self }
    return expecting(
      ImageCoding(height: configuration.height, width: configuration.width, channels: configuration.channels))
  }

  /// Configuration of a classifier for images like the first sample.
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
  /// A trained classifier, for the samples of some batches.
  /// - Throws: as `init(_:from:)`, and what reading the first sample throws.
  @TensorActor
  public convenience init(for samples: Batches, from checkpoint: Checkpoint) async throws {
    try self.init(try await samples.classifierConfiguration(), from: checkpoint)
  }
}
