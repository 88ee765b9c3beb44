import MirageSupport
import MirageNetworks
import MirageTensors

/// Makes images of latents and classes.
public protocol Generator: Module {
  /// N × H × W × C images in -1 ... 1.
  ///
  /// - Parameters:
  ///   - latents: N × the configuration's latent.
  ///   - labels: a class for each; they are not looked at where the networks are not conditioned.
  func callAsFunction(_ latents: Tensor, _ labels: [Int], _ mode: Mode) -> Tensor
}

/// Judges images of classes. With the Wasserstein losses it is a critic.
public protocol Discriminator: Module {
  /// - Parameter images: N × H × W × C in -1 ... 1.
  func callAsFunction(_ images: Tensor, _ labels: [Int], _ mode: Mode) -> Verdict
}

/// What a discriminator says of N images.
public struct Verdict {
  /// N numbers: the more, the more real.
  public var logits: Tensor
  /// N × classes, of an auxiliary classifier.
  public var classLogits: Tensor?
}

extension GANConfiguration {
  /// New networks with random weights.
  public func networks(using random: inout Random) -> (generator: any Generator, discriminator: any Discriminator) {
    switch model.network {
    case .fullyConnected:
      (PerceptronGenerator(self, using: &random), PerceptronDiscriminator(self, using: &random))
    case .dcgan: (DCGANGenerator(self, using: &random), DCGANDiscriminator(self, using: &random))
    case .residual: (ResidualGenerator(self, using: &random), ResidualDiscriminator(self, using: &random))
    }
  }

  /// Random latents, N × `model.latent`.
  ///
  /// - Parameter truncation: the deviation of normal latents, or the bound of uniform ones: below 1 for images nearer to the
  ///   usual, with less variety.
  public func latents(_ count: Int, truncation: Float = 1, using random: inout Random) -> Tensor {
    switch model.latents {
    case .normal: .normal([count, model.latent], standardDeviation: truncation, using: &random)
    case .uniform: .uniform([count, model.latent], in: -truncation...truncation, using: &random)
    }
  }

  /// What the generator is given: latents, with the classes beside them where the conditioning says so.
  func generatorInput(_ latents: Tensor, _ labels: [Int]) -> Tensor {
    concatenatesLatents ? concatenated([latents, oneHot(labels)], axis: 1) : latents
  }

  /// N × classes.
  func oneHot(_ labels: [Int]) -> Tensor {
    let stray = labels.first { !(0..<conditions).contains($0) }
    require(stray == nil, "GAN: label \(stray!) of \(conditions) classes")
    var values = [Float](repeating: 0, count: labels.count * conditions)
    for (index, label) in labels.enumerated() { values[index * conditions + label] = 1 }
    return Tensor(values, shape: [labels.count, conditions])
  }

  /// Images with the classes beside them as planes of zeros and ones, where the conditioning says so.
  func discriminatorInput(_ images: Tensor, _ labels: [Int]) -> Tensor {
    guard concatenatesImages else { return images }
    let planes = oneHot(labels).reshaped([labels.count, 1, 1, conditions])
    return concatenated([images, planes.broadcast(to: Array(images.shape.dropLast()) + [conditions])], axis: 3)
  }

  /// Channels of the discriminator's input.
  var discriminatorChannels: Int { channels + (concatenatesImages ? conditions : 0) }
}

/// The generator's batch normalization: one for all classes, or scales and offsets for each.
final class GeneratorNorm: Module {
  private let plain: BatchNorm?
  private let conditional: ConditionalBatchNorm?

  init(_ channels: Int, _ configuration: GANConfiguration) {
    let isConditional = configuration.model.conditioning == .projection
    plain = isConditional ? nil : BatchNorm(channels)
    conditional = isConditional ? ConditionalBatchNorm(channels, classes: configuration.conditions) : nil
  }

  /// With a rectifier behind.
  func callAsFunction(_ x: Tensor, _ labels: [Int], _ mode: Mode) -> Tensor {
    if let conditional { return conditional(x, labels, mode, slope: 0) }
    return Sequential([plain!, Activation.relu])(x, mode)
  }

  func visit(_ visitor: inout some StateVisitor) {
    plain?.visit(&visitor)
    conditional?.visit(&visitor)
  }
}

/// The discriminator's normalization of features of H × W × C, or vectors; spectral normalization is the layers' own.
func discriminatorNorm(_ shape: [Int], _ normalization: GANModel.Normalization) -> [any Layer] {
  switch normalization {
  case .none, .spectral: []
  case .batch: [BatchNorm(shape[shape.count - 1])]
  case .layer: [LayerNorm(shape)]
  }
}

/// From a discriminator's features to its verdict: a linear layer, and what the conditioning adds to it.
final class DiscriminatorHead: Module {
  private let linear: Linear
  private let embedding: Embedding?
  private let classifier: Linear?

  init(_ features: Int, _ configuration: GANConfiguration, using random: inout Random) {
    let (conditioning, classes) = (configuration.model.conditioning, configuration.conditions)
    let isSpectral = configuration.model.normalization == .spectral
    linear = Linear(features, 1, isSpectral: isSpectral, using: &random)
    embedding =
      conditioning == .projection ? Embedding(classes, features, isSpectral: isSpectral, using: &random) : nil
    classifier =
      conditioning == .auxiliaryClassifier ? Linear(features, classes, isSpectral: isSpectral, using: &random) : nil
  }

  /// - Parameter features: N × the number of features.
  func callAsFunction(_ features: Tensor, _ labels: [Int], _ mode: Mode) -> Verdict {
    var logits = linear(features, mode).reshaped([-1])
    if let embedding { logits = logits + (features * embedding(labels, mode)).sum(axes: [1]) }
    return Verdict(logits: logits, classLogits: classifier.map { $0(features, mode) })
  }

  func visit(_ visitor: inout some StateVisitor) {
    visitor.visit(linear, "linear")
    if let embedding { visitor.visit(embedding, "embedding") }
    if let classifier { visitor.visit(classifier, "classifier") }
  }
}
