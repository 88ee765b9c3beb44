import MirageNetworks
import MirageTensors

extension CycleGANRecipe {
  /// Loss that the networks play for, computed from the discriminators' scores.
  public enum Loss: String, Sendable, Codable, CaseIterable {
    /// Squared distance from 1 for real images and 0 for translations (LSGAN; Mao et al. 2017).
    case leastSquares = "least-squares"
    /// Cross-entropy, with -log D(G(x)) for the generators (Goodfellow et al. 2014).
    case original
    /// Difference of the scores' means, with a penalty of weight 10 that holds the norm of a discriminator's gradient near 1
    /// (WGAN-GP; Gulrajani et al. 2017).
    case wassersteinPenalty = "wasserstein-gp"

    /// Weight of the gradient penalty; nil without one.
    var penaltyWeight: Float? { self == .wassersteinPenalty ? 10 : nil }

    /// Returns the loss of a generator, a scalar, from the scores of translations.
    func generator(fake: Tensor) -> Tensor {
      switch self {
      case .leastSquares: Losses.meanSquaredError(fake, 1)
      case .original: Losses.binaryCrossEntropy(logits: fake, target: 1)
      case .wassersteinPenalty: -fake.mean()
      }
    }

    /// Returns the loss of a discriminator without penalty, a scalar, from the scores of real images and translations. As
    /// published, half the sum of both parts; the penalty's weight is for the whole difference.
    func discriminator(real: Tensor, fake: Tensor) -> Tensor {
      switch self {
      case .leastSquares: AdversarialLoss.leastSquares.discriminator(real: real, fake: fake)
      case .original: AdversarialLoss.nonSaturating.discriminator(real: real, fake: fake) * 0.5
      case .wassersteinPenalty: AdversarialLoss.wassersteinPenalty.discriminator(real: real, fake: fake)
      }
    }
  }
}
