import MirageNetworks
import MirageSupport
import MirageTensors

/// A network that makes samples from latents and a condition.
public protocol Generator: Module {
  /// Samples, N × the configuration's shape; images in -1 ... 1.
  ///
  /// - Parameters:
  ///   - latents: N × the configuration's `latent`.
  ///   - condition: A class or vector for each sample.
  func callAsFunction(_ latents: Tensor, _ condition: Condition, _ mode: Mode) -> Tensor
}

extension Generator {
  /// Samples of classes.
  public func callAsFunction(_ latents: Tensor, _ labels: [Int], _ mode: Mode) -> Tensor {
    self(latents, .labels(labels), mode)
  }
}

/// A network that tells real samples from generated ones; with the Wasserstein losses it is a critic.
public protocol Discriminator: Module {
  /// Predictions for N samples.
  ///
  /// - Parameters:
  ///   - samples: N × the configuration's shape; images in -1 ... 1.
  ///   - condition: The class or vector of each sample.
  func callAsFunction(_ samples: Tensor, _ condition: Condition, _ mode: Mode) -> Prediction
}

extension Discriminator {
  /// Predictions for samples of classes.
  public func callAsFunction(_ samples: Tensor, _ labels: [Int], _ mode: Mode) -> Prediction {
    self(samples, .labels(labels), mode)
  }
}

/// Output of a discriminator for N samples.
public struct Prediction {
  /// N numbers: the greater, the more real.
  public var logits: Tensor
  /// N × classes of an auxiliary classifier; nil without one.
  public var classLogits: Tensor?

  public init(logits: Tensor, classLogits: Tensor? = nil) { (self.logits, self.classLogits) = (logits, classLogits) }

  /// The predictions for a range of the samples.
  func sliced(_ samples: Range<Int>) -> Prediction {
    Prediction(
      logits: logits.sliced(axis: 0, samples), classLogits: classLogits.map { $0.sliced(axis: 0, samples) })
  }
}

extension GANConfiguration {
  /// Random latents, N × `model.latent`.
  ///
  /// - Parameter truncation: Standard deviation of normal latents, or bound of uniform ones. Below 1, samples are more
  ///   typical and vary less.
  public func latents(_ count: Int, truncation: Float = 1, using random: inout Random) -> Tensor {
    switch model.latents {
    case .normal: .normal([count, model.latent], standardDeviation: truncation, using: &random)
    case .uniform: .uniform([count, model.latent], in: -truncation...truncation, using: &random)
    }
  }
}
