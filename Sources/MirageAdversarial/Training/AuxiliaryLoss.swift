import MirageNetworks
import MirageTensors

/// A term that is added to the adversarial losses of discriminator and generator, such as an auxiliary classifier's.
package struct AuxiliaryLoss: Sendable {
  /// Name of the term in measures, in lower case with hyphens, such as `classification`.
  package let name: String
  /// The term of the discriminator's loss, a scalar; nil for predictions without the required logits.
  ///
  /// Both predictions are for N samples of the same condition. The generated ones are constants here.
  package let discriminator: @Sendable (_ real: Prediction, _ fake: Prediction, _ condition: Condition) -> Tensor?
  /// The term of the generator's loss, a scalar; nil for predictions without the required logits.
  package let generator: @Sendable (_ fake: Prediction, _ condition: Condition) -> Tensor?

  /// Cross-entropy of an auxiliary classifier (AC-GAN; Odena et al. 2017): the discriminator learns classes from real
  /// images, the generator to generate images of the requested class.
  package static let classification = AuxiliaryLoss(
    name: "classification", discriminator: { real, _, condition in crossEntropy(real, condition) },
    generator: { fake, condition in crossEntropy(fake, condition) })

  private static func crossEntropy(_ prediction: Prediction, _ condition: Condition) -> Tensor? {
    guard let logits = prediction.classLogits, case .labels(let labels) = condition else { return nil }
    return Losses.crossEntropy(logits: logits, labels: labels)
  }
}

extension GANConfiguration {
  /// Terms that the conditioning adds to the losses.
  var auxiliaryLosses: [AuxiliaryLoss] {
    switch model.conditioning {
    case .auxiliaryClassifier: [.classification]
    case .none, .concatenated, .projection: []
    }
  }
}
