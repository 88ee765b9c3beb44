import MirageSupport
import MirageNetworks
import MirageTensors

/// Small convolutional network that classifies images, and that generated samples are evaluated with.
///
/// Layers: 3 × 3 convolutions of 32, 64, 128 and then 256 channels, each followed by ReLU and 2 × 2 max pooling, until
/// both sides are at most 8 pixels or the smaller is 1; then a linear layer of 128 features, ReLU, and a linear layer of
/// one logit per class.
public final class ImageClassifier: Layer {
  /// Size of images and names of classes.
  public struct Configuration: Sendable, Codable, Equatable {
    /// Size of images, in pixels, and number of channels.
    public var height, width, channels: Int
    /// Names of the classes, in the order of the logits.
    public var classes: [String]

    /// Creates a configuration.
    public init(height: Int, width: Int, channels: Int, classes: [String]) {
      (self.height, self.width, self.channels, self.classes) = (height, width, channels, classes)
    }
  }

  /// Name of the architecture in checkpoints.
  package static let architecture = "mirage-classifier-1"
  /// Number of features per image.
  package static let featureCount = 128
  /// Maximum height and width of images, in pixels.
  package static let sideLimit = 256

  /// Size of images and names of classes that the classifier was made for.
  public let configuration: Configuration
  private let network: Sequential

  /// Creates a classifier with random weights.
  ///
  /// - Parameters:
  ///   - configuration: Size of images, 4 to 256 pixels a side, and names of at least two classes.
  ///   - random: Source of the initial weights.
  /// - Throws: `MirageError` of kind `badData` if there are fewer than two classes, or a side is out of range.
  public init(_ configuration: Configuration, using random: inout Random) throws {
    self.configuration = configuration
    guard configuration.classes.count >= 2 else {
      throw MirageError.badData(
        "a classifier needs at least two classes, and there are \(configuration.classes.count)",
        remedy: "Use a dataset whose samples have classes.")
    }
    guard min(configuration.height, configuration.width) >= 4 else {
      throw MirageError.badData(
        "images of \(configuration.height) x \(configuration.width) are too small for a classifier",
        remedy: "Use images of at least 4 x 4.")
    }
    guard max(configuration.height, configuration.width) <= Self.sideLimit else {
      throw MirageError.badData(
        "images of \(configuration.height) x \(configuration.width) are too large for this classifier",
        remedy: "Scale them down with resize, to at most \(Self.sideLimit) x \(Self.sideLimit).")
    }
    var (layers, channels, outputs): ([any Layer], Int, Int) = ([], configuration.channels, 32)
    var (height, width) = (configuration.height, configuration.width)
    repeat {
      layers.append(Conv2D(channels, outputs, kernel: [3], padding: [1], using: &random))
      layers += [Activation.relu, MaxPool(size: [2])] as [any Layer]
      (channels, outputs) = (outputs, min(256, 2 * outputs))
      (height, width) = (height / 2, width / 2)
    } while max(height, width) > 8 && min(height, width) >= 2
    layers += [
      Flatten(), Linear(channels * height * width, Self.featureCount, using: &random), Activation.relu,
      Linear(Self.featureCount, configuration.classes.count, using: &random),
    ]
    network = Sequential(layers)
  }

  /// Creates a classifier with trained weights.
  ///
  /// - Parameters:
  ///   - configuration: Size of images and names of classes that the classifier was trained for.
  ///   - checkpoint: Checkpoint that `ClassifierTraining` made, or weights from PyTorch under the same names.
  /// - Throws: `MirageError` of kind `badData` if the checkpoint holds another network, or one for other images or
  ///   classes.
  public convenience init(_ configuration: Configuration, from checkpoint: Checkpoint) throws {
    if checkpoint.metadata["architecture"] != nil { try checkpoint.expect(configuration.fields) }
    var random = Random(key: Random.Key(seed: 0, path: "classifier"), sample: 0)
    try self.init(configuration, using: &random)
    try checkpoint.restore(self)
  }

  /// Computes logits, N × classes, of N × H × W × C images in -1 ... 1.
  public func callAsFunction(_ images: consuming Tensor, _ mode: Mode) -> Tensor { network(images, mode) }

  /// Computes features, N × 128, of N × H × W × C images in -1 ... 1. The logits are a linear function of them.
  package func features(_ images: Tensor) -> Tensor {
    Sequential(Array(network.layers.dropLast())).callAsFunction(images, .inference)
  }

  /// Computes features, N × 128, and logits, N × classes, of N × H × W × C images in -1 ... 1 in one pass.
  public func predictions(of images: Tensor) -> (features: Tensor, logits: Tensor) {
    let features = features(images)
    return (features, network.layers.last!(features, .inference))
  }

  /// Returns the index of the most likely class of each of N × H × W × C images in -1 ... 1.
  public func classes(of images: Tensor) -> [Int] { self(images, .inference).argmax(axis: 1) }

  /// Visits the parameters under the names of a PyTorch `Sequential`, such as `0.weight`.
  public func visit(_ visitor: inout some StateVisitor) { network.visit(&visitor) }
}
