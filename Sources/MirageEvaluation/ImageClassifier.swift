import MirageSupport
import MirageNetworks
import MirageTensors

/// A small convolutional network that tells classes of images apart: what generated samples are measured with.
///
/// 3 × 3 convolutions of 32, 64, 128, … channels, each with a rectifier and 2 × 2 maxima, until a side is at most 8; then
/// 128 features and a logit for each class.
public final class ImageClassifier: Module {
  /// What an image looks like and which classes there are.
  public struct Configuration: Sendable, Codable, Equatable {
    /// Of the images.
    public var height, width, channels: Int
    /// Their names, in the order of the logits.
    public var classes: [String]

    /// A configuration for images of one size.
    public init(height: Int, width: Int, channels: Int, classes: [String]) {
      (self.height, self.width, self.channels, self.classes) = (height, width, channels, classes)
    }
  }

  /// The architecture's name in checkpoints.
  public static let architecture = "mirage-classifier-1"
  /// How many numbers `features` gives for an image.
  public static let featureCount = 128
  /// Images may have at most this many pixels a side.
  public static let sideLimit = 256

  /// What it was made for.
  public let configuration: Configuration
  private let network: Sequential

  /// - Throws: bad data where there are fewer than two classes, or images are smaller than 4 × 4 or larger than the limit.
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

  /// A trained one.
  ///
  /// - Parameter checkpoint: of `ClassifierTraining`, or PyTorch's weights under the same names.
  /// - Throws: bad data where the file holds another network, or one for other images or classes.
  public convenience init(_ configuration: Configuration, from checkpoint: Checkpoint) throws {
    if checkpoint.metadata["architecture"] != nil { try checkpoint.expect(configuration.fields) }
    var random = Random(key: Random.Key(seed: 0, path: "classifier"), sample: 0)
    try self.init(configuration, using: &random)
    try checkpoint.restore(self)
  }

  /// N × classes logits of N × H × W × C images with bytes as -1 ... 1.
  public func callAsFunction(_ images: Tensor, _ mode: Mode) -> Tensor { network(images, mode) }

  /// N × 128 features, of which the logits are a linear function.
  public func features(_ images: Tensor) -> Tensor {
    Sequential(Array(network.layers.dropLast())).callAsFunction(images, .inference)
  }

  /// Both in one pass.
  public func predictions(of images: Tensor) -> (features: Tensor, logits: Tensor) {
    let features = features(images)
    return (features, network.layers.last!(features, .inference))
  }

  /// The most likely class of each image.
  public func classes(of images: Tensor) -> [Int] { self(images, .inference).argmax(axis: 1) }

  public func visit(_ visitor: inout some StateVisitor) { network.visit(&visitor) }
}
