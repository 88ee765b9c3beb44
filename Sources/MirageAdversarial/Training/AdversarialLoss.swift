import MirageNetworks
import MirageTensors

/// Loss that discriminator and generator minimize, computed from the discriminator's logits.
public enum AdversarialLoss: String, Sendable, Codable, CaseIterable {
  /// Cross-entropy, with -log D(G(z)) for the generator (Goodfellow et al. 2014).
  case nonSaturating = "non-saturating"
  /// Half the squared distance from 1 for real images and 0 for generated ones (LSGAN; Mao et al. 2017).
  case leastSquares = "least-squares"
  /// Difference of the critic's means, with clipped weights (WGAN; Arjovsky et al. 2017).
  case wasserstein
  /// Difference of the critic's means, with a penalty that holds its gradient's norm near 1 (WGAN-GP; Gulrajani et al. 2017).
  case wassersteinPenalty = "wasserstein-gp"
  /// Margins of 1 (geometric GAN; Lim and Ye 2017).
  case hinge

  /// Returns the loss of the discriminator, a scalar.
  ///
  /// - Parameters:
  ///   - real: N logits of real images.
  ///   - fake: N logits of generated images.
  public func discriminator(real: Tensor, fake: Tensor) -> Tensor {
    switch self {
    case .nonSaturating:
      Losses.binaryCrossEntropy(logits: real, target: 1) + Losses.binaryCrossEntropy(logits: fake, target: 0)
    case .leastSquares: (Losses.meanSquaredError(real, 1) + Losses.meanSquaredError(fake, 0)) * 0.5
    case .wasserstein, .wassersteinPenalty: fake.mean() - real.mean()
    case .hinge: Losses.hingeDiscriminator(real: real, fake: fake)
    }
  }

  /// Returns the loss of the generator, a scalar.
  /// - Parameter fake: N logits of generated images.
  public func generator(fake: Tensor) -> Tensor {
    switch self {
    case .nonSaturating: Losses.binaryCrossEntropy(logits: fake, target: 1)
    case .leastSquares: Losses.meanSquaredError(fake, 1) * 0.5
    case .wasserstein, .wassersteinPenalty, .hinge: -fake.mean()
    }
  }
}
