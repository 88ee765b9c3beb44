import MirageNetworks
import MirageTensors

/// What discriminator and generator are trained to make small, of the discriminator's logits.
public enum AdversarialLoss: String, Sendable, Codable, CaseIterable {
  /// The original with the generator's -log D(G(z)) (Goodfellow et al. 2014).
  case nonSaturating = "non-saturating"
  /// Squared distances from 1 for real and 0 for fake, halved (LSGAN; Mao et al. 2017).
  case leastSquares = "least-squares"
  /// The critic's difference, its weights clipped (WGAN; Arjovsky et al. 2017).
  case wasserstein
  /// The same, the norm of its gradient held near 1 by a penalty (WGAN-GP; Gulrajani et al. 2017).
  case wassersteinPenalty = "wasserstein-gp"
  /// Margins of 1 (Lim and Ye 2017).
  case hinge

  /// The discriminator's loss, a scalar.
  ///
  /// - Parameters:
  ///   - real: logits of real images, one each.
  ///   - fake: logits of generated ones.
  public func discriminator(real: Tensor, fake: Tensor) -> Tensor {
    switch self {
    case .nonSaturating:
      Losses.binaryCrossEntropy(logits: real, target: 1) + Losses.binaryCrossEntropy(logits: fake, target: 0)
    case .leastSquares: (Losses.meanSquaredError(real, 1) + Losses.meanSquaredError(fake, 0)) * 0.5
    case .wasserstein, .wassersteinPenalty: fake.mean() - real.mean()
    case .hinge: Losses.hingeDiscriminator(real: real, fake: fake)
    }
  }

  /// The generator's loss, a scalar.
  public func generator(fake: Tensor) -> Tensor {
    switch self {
    case .nonSaturating: Losses.binaryCrossEntropy(logits: fake, target: 1)
    case .leastSquares: Losses.meanSquaredError(fake, 1) * 0.5
    case .wasserstein, .wassersteinPenalty, .hinge: -fake.mean()
    }
  }
}
