import MirageTensors

/// Clipping and regularization of gradients before the step of an optimizer.
public enum GradientRules {
  /// Computes the Euclidean norm of all gradients as one vector.
  public static func norm(_ gradients: [Tensor]) -> Float {
    Float(gradients.reduce(0.0) { $0 + Double($1.square().sum().scalar) }.squareRoot())
  }

  /// Scales gradients down to a common norm of at most `limit` (Pascanu et al. 2013).
  ///
  /// - Returns: The gradients, and their norm before.
  public static func clipped(_ gradients: [Tensor], norm limit: Float) -> (gradients: [Tensor], norm: Float) {
    let length = norm(gradients)
    // The summand is that of PyTorch, against division by 0.
    let factor = limit / (length + 1e-6)
    return (factor < 1 ? gradients.map { $0 * factor } : gradients, length)
  }

  /// Clamps each element to ±`limit`.
  public static func clipped(_ gradients: [Tensor], value limit: Float) -> [Tensor] {
    gradients.map { $0.clamped(to: -limit...limit) }
  }

  /// Adds the gradients of l1 · Σ|w| + l2 / 2 · Σw², where w are the parameters. Both factors default to 0.
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
