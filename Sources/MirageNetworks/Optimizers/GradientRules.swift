import MirageTensors

/// What may be done to gradients between computing them and the optimizer's step.
public enum GradientRules {
  /// The Euclidean length of all gradients as one vector.
  public static func norm(_ gradients: [Tensor]) -> Float {
    Float(gradients.reduce(0.0) { $0 + Double($1.square().sum().scalar) }.squareRoot())
  }

  /// Scaled down, where their common length is more than `limit`, to that (Pascanu et al. 2013).
  /// - Returns: the gradients, and the length they had.
  public static func clipped(_ gradients: [Tensor], norm limit: Float) -> (gradients: [Tensor], norm: Float) {
    let length = norm(gradients)
    // As PyTorch has it, with a millionth for stability.
    let factor = limit / (length + 1e-6)
    return (factor < 1 ? gradients.map { $0 * factor } : gradients, length)
  }

  /// Each number held within ± limit.
  public static func clipped(_ gradients: [Tensor], value limit: Float) -> [Tensor] {
    gradients.map { $0.clamped(to: -limit...limit) }
  }

  /// With the gradients of l1 · Σ|w| + l2 / 2 · Σw² added.
  public static func regularized(
    _ gradients: [Tensor], _ parameters: [Parameter], l1: Float = 0, l2: Float = 0
  ) -> [Tensor] {
    zip(gradients, parameters).map { gradient, parameter in
      var result = gradient
      if l1 > 0 { result = result + parameter.value.sign() * l1 }
      if l2 > 0 { result = result + parameter.value * l2 }
      return result
    }
  }
}
