import MirageSupport
import MirageNetworks
import MirageTensors

/// What is added to a discriminator's loss, or done to its weights, to keep its slope in bounds.
public enum Penalties {
  /// The mean squared distance from 1 of the norm of the critic's gradient, at a random point between each real image and
  /// its fake (Gulrajani et al. 2017).
  ///
  /// - Parameter critic: gives N logits of N images.
  public static func gradientPenalty(
    real: Tensor, fake: Tensor, using random: inout Random, critic: (Tensor) -> Tensor
  ) -> Tensor {
    let share = Tensor.uniform([real.shape[0]] + [Int](repeating: 1, count: real.rank - 1), using: &random)
    let between = (real.detached() * share + fake.detached() * (1 - share)).tracked()
    let slope = critic(between).sum().gradients(wrt: [between], differentiable: true)[0]
    // The smallest number keeps the root's own slope finite where the gradient is zero.
    let norm = (slope.square().sum(axes: Array(1..<slope.rank)) + Float.leastNormalMagnitude).sqrt()
    return (norm - 1).square().mean()
  }

  /// Half the mean squared norm of the discriminator's gradient at real images (R1; Mescheder et al. 2018).
  ///
  /// - Parameters:
  ///   - logits: of `images`.
  ///   - images: tracked ones, that the logits were computed of.
  public static func r1(_ logits: Tensor, at images: Tensor) -> Tensor {
    let slope = logits.sum().gradients(wrt: [images], differentiable: true)[0]
    return slope.square().sum() * (0.5 / Float(images.shape[0]))
  }

  /// Holds every parameter within ± limit (Arjovsky et al. 2017).
  public static func clip(_ parameters: [Parameter], to limit: Float) {
    for parameter in parameters { parameter.value = parameter.value.clamped(to: -limit...limit) }
  }
}
