import MirageSupport

/// Schedule of the learning rate: a factor as a function of the number of steps, so that a resumed training needs only that
/// number.
public indirect enum Schedule: Sendable, Codable, Equatable {
  /// 1 for all steps.
  case constant
  /// 1 for `after` steps, then linearly down to 0 over `over` steps, as in CycleGAN (Zhu et al. 2017).
  case linearDecay(after: Int, over: Int)
  /// 1 at the beginning, multiplied by `factor` every `every` steps.
  case step(every: Int, factor: Float)
  /// From 1 down to `minimum` along half a cosine over `steps` (Loshchilov and Hutter 2017).
  case cosine(steps: Int, minimum: Float)
  /// Linearly from 0 up to 1 over `steps`, followed by another schedule from its beginning.
  case warmUp(steps: Int, then: Schedule)

  /// Returns the factor for the step after `step` earlier steps.
  public func factor(at step: Int) -> Float {
    switch self {
    case .constant: 1
    case .linearDecay(let after, let over):
      step < after ? 1 : max(0, 1 - Float(step - after) / Float(max(1, over)))
    case .step(let every, let factor):
      Float(PortableMath.power(Double(factor), step / max(1, every)))
    case .cosine(let steps, let minimum):
      minimum + (1 - minimum) * 0.5
        * (1 + Float(PortableMath.cos(Double.pi * Double(min(step, steps)) / Double(max(1, steps)))))
    case .warmUp(let steps, let next):
      step < steps ? Float(step + 1) / Float(steps) : next.factor(at: step - steps)
    }
  }
}
