import MirageLearning
import MirageNetworks
import MirageStreams
import MirageSupport
import MirageTensors

extension ImageClassifier.Configuration {
  /// Metadata that identifies the classifier in a checkpoint.
  var fields: [String: String] {
    get throws {
      ["architecture": ImageClassifier.architecture, "configuration": try JSONValue(encoding: self).text]
    }
  }
}

extension Batches {
  /// Returns batches of images for a classifier of this configuration, in their own coding if they have one, or as bytes.
  func expecting(_ configuration: ImageClassifier.Configuration) -> Batches {
    if coding != nil { return self }
    return expecting(
      ImageCoding(height: configuration.height, width: configuration.width, channels: configuration.channels))
  }

  /// Returns the configuration of a classifier for images of the first sample's size and the classes of the flow.
  ///
  /// - Throws: `MirageError` of kind `badData` if there is no sample; errors of reading it.
  package func classifierConfiguration() async throws -> ImageClassifier.Configuration {
    for try await batch in epoch(0, isShuffled: false, seed: 0) where !batch.labels.isEmpty {
      let shape = batch.images.shape
      return ImageClassifier.Configuration(
        height: shape[1], width: shape[2], channels: shape[3], classes: flow.about.classes)
    }
    throw MirageError.badData("there is no sample to train a classifier on")
  }
}

extension ImageClassifier {
  /// Creates a classifier from trained weights, for images and classes like those of the samples.
  ///
  /// - Parameters:
  ///   - samples: Batches whose first sample sets the size of images, and whose flow sets the classes.
  ///   - checkpoint: Checkpoint that `ClassifierTraining` made, or weights from PyTorch under the same names.
  /// - Throws: As `init(_:from:)`; errors of reading the first sample.
  @TensorActor
  public convenience init(for samples: Batches, from checkpoint: Checkpoint) async throws {
    try self.init(try await samples.classifierConfiguration(), from: checkpoint)
  }
}
