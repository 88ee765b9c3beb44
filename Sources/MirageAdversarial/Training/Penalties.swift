import MirageNetworks
import MirageSupport
import MirageTensors

/// Bounds on the gradient of a discriminator: penalties that are added to its loss, and clipping of its weights.
package enum Penalties {
  /// Returns the mean squared distance from 1 of the norm of the critic's gradient, a scalar, at a random point between
  /// each real sample and its fake (WGAN-GP; Gulrajani et al. 2017).
  ///
  /// - Parameters:
  ///   - real: N real samples.
  ///   - fake: N generated samples, paired with the real ones.
  ///   - critic: Gives N logits for N samples.
  package static func gradientPenalty(
    real: Tensor, fake: Tensor, using random: inout Random, critic: (Tensor) -> Tensor
  ) -> Tensor {
    let fraction = Tensor.uniform([real.shape[0]] + [Int](repeating: 1, count: real.rank - 1), using: &random)
    let between = (real.detached() * fraction + fake.detached() * (1 - fraction)).tracked()
    let slope = critic(between).sum().gradients(wrt: [between], differentiable: true)[0]
    // The smallest number keeps the root's own gradient finite if its argument is zero.
    let norm = (slope.square().sum(axes: Array(1..<slope.rank)) + Float.leastNormalMagnitude).sqrt()
    return (norm - 1).square().mean()
  }

  /// Returns half the mean squared norm of the discriminator's gradient at real samples (R1; Mescheder et al. 2018).
  ///
  /// - Parameters:
  ///   - logits: N logits, computed from `samples`.
  ///   - samples: N real samples, tracked.
  package static func r1(_ logits: Tensor, at samples: Tensor) -> Tensor {
    let slope = logits.sum().gradients(wrt: [samples], differentiable: true)[0]
    return slope.square().sum() * (0.5 / Float(samples.shape[0]))
  }

  /// Clamps every parameter to -limit ... limit (WGAN; Arjovsky et al. 2017).
  package static func clip(_ parameters: [Parameter], to limit: Float) {
    for parameter in parameters { parameter.value = parameter.value.clamped(to: -limit...limit) }
  }
}
