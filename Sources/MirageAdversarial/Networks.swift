import MirageNetworks
import MirageSupport
import MirageTensors

/// A network that generates samples from latents and a condition.
package protocol Generator: Module {
  /// Generates samples, N × the configuration's shape; images in -1 ... 1.
  ///
  /// - Parameters:
  ///   - latents: N × the configuration's `latent`.
  ///   - condition: A class or vector for each sample.
  ///   - mode: Training or inference.
  func callAsFunction(_ latents: Tensor, _ condition: Condition, _ mode: Mode) -> Tensor
}

extension Generator {
  /// Generates samples of classes.
  package func callAsFunction(_ latents: Tensor, _ labels: [Int], _ mode: Mode) -> Tensor {
    self(latents, .labels(labels), mode)
  }
}

/// A network that tells real samples from generated ones; with the Wasserstein losses it is a critic.
package protocol Discriminator: Module {
  /// Predicts whether N samples are real.
  ///
  /// - Parameters:
  ///   - samples: N × the configuration's shape; images in -1 ... 1.
  ///   - condition: The class or vector of each sample.
  ///   - mode: Training or inference.
  func callAsFunction(_ samples: Tensor, _ condition: Condition, _ mode: Mode) -> Prediction
}

extension Discriminator {
  /// Predicts whether samples of classes are real.
  package func callAsFunction(_ samples: Tensor, _ labels: [Int], _ mode: Mode) -> Prediction {
    self(samples, .labels(labels), mode)
  }
}

/// Output of a discriminator for N samples.
package struct Prediction {
  /// Scores of the samples, N numbers: the greater, the more real.
  package var logits: Tensor
  /// Logits of an auxiliary classifier, N × classes; nil without one.
  package var classLogits: Tensor?

  /// Creates predictions.
  package init(logits: Tensor, classLogits: Tensor? = nil) { (self.logits, self.classLogits) = (logits, classLogits) }

  /// Returns the predictions for a range of the samples.
  func sliced(_ samples: Range<Int>) -> Prediction {
    Prediction(
      logits: logits.sliced(axis: 0, samples), classLogits: classLogits.map { $0.sliced(axis: 0, samples) })
  }
}

extension GANConfiguration {
  /// Draws random latents, N × `model.latent`. `truncation` is the standard deviation of normal latents, or the bound
  /// of uniform ones; below 1, samples are more typical and vary less.
  package func latents(_ count: Int, truncation: Float = 1, using random: inout Random) -> Tensor {
    switch model.latents {
    case .normal: .normal([count, model.latent], standardDeviation: truncation, using: &random)
    case .uniform: .uniform([count, model.latent], in: -truncation...truncation, using: &random)
    }
  }
}
