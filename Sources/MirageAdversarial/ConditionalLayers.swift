import MirageNetworks
import MirageSupport
import MirageTensors

/// Batch normalization of a generator, followed by a rectifier: with one scale and offset for all samples, or those of the
/// condition if the conditioning is `projection`.
final class GeneratorNorm: Module {
  private enum Layers {
    case plain(BatchNorm)
    case conditional(ConditionalBatchNorm, GANConfiguration)
  }
  private let layers: Layers

  init(_ channels: Int, _ configuration: GANConfiguration) {
    layers =
      configuration.model.conditioning == .projection
      ? .conditional(ConditionalBatchNorm(channels, classes: configuration.conditionSize), configuration)
      : .plain(BatchNorm(channels))
  }

  func callAsFunction(_ x: Tensor, _ condition: Condition, _ mode: Mode) -> Tensor {
    switch (layers, condition) {
    case (.plain(let norm), _): Sequential([norm, Activation.relu])(x, mode)
    case (.conditional(let norm, _), .labels(let labels)): norm(x, labels, mode, slope: 0)
    case (.conditional(let norm, let configuration), .vectors):
      norm(x, mixing: configuration.vectors(condition), mode, slope: 0)
    }
  }

  func visit(_ visitor: inout some StateVisitor) {
    switch layers {
    case .plain(let norm): norm.visit(&visitor)
    case .conditional(let norm, _): norm.visit(&visitor)
    }
  }
}

/// Returns normalization layers of a discriminator for features of a shape, channels last; none for spectral
/// normalization, which is a property of the layers' weights.
func discriminatorNorm(_ shape: [Int], _ normalization: GANModel.Normalization) -> [any Layer] {
  switch normalization {
  case .none, .spectral: []
  case .batch: [BatchNorm(shape[shape.count - 1])]
  case .layer: [LayerNorm(shape)]
  }
}

/// Last part of a discriminator, from features to a prediction: a linear layer, and an inner product with the condition's
/// embedding (`projection`) or a classifier (`auxiliary-classifier`).
final class DiscriminatorHead: Module {
  private let configuration: GANConfiguration
  private let linear: Linear
  private let embedding: Embedding?
  private let classifier: Linear?

  init(_ features: Int, _ configuration: GANConfiguration, using random: inout Random) {
    self.configuration = configuration
    let (conditioning, size) = (configuration.model.conditioning, configuration.conditionSize)
    let isSpectral = configuration.model.normalization == .spectral
    linear = Linear(features, 1, isSpectral: isSpectral, using: &random)
    embedding = conditioning == .projection ? Embedding(size, features, isSpectral: isSpectral, using: &random) : nil
    classifier =
      conditioning == .auxiliaryClassifier ? Linear(features, size, isSpectral: isSpectral, using: &random) : nil
  }

  /// - Parameter features: N × the number of features.
  func callAsFunction(_ features: Tensor, _ condition: Condition, _ mode: Mode) -> Prediction {
    var logits = linear(features, mode).reshaped([-1])
    if let embedding {
      let embedded =
        switch condition {
        case .labels(let labels): embedding(labels, mode)
        case .vectors: embedding(mixing: configuration.vectors(condition), mode)
        }
      logits = logits + (features * embedded).sum(axes: [1])
    }
    return Prediction(logits: logits, classLogits: classifier.map { $0(features, mode) })
  }

  func visit(_ visitor: inout some StateVisitor) {
    visitor.visit(linear, "linear")
    if let embedding { visitor.visit(embedding, "embedding") }
    if let classifier { visitor.visit(classifier, "classifier") }
  }
}
