import MirageSupport

/// What the learning rate is multiplied by at each step: a function of the number of steps done, so that resuming needs
/// nothing but that.
public indirect enum Schedule: Sendable, Codable, Equatable {
  case constant
  /// 1 for `after` steps, then down to 0 in equal parts over `over` steps: CycleGAN's.
  case linearDecay(after: Int, over: Int)
  /// Multiplied by `factor` every `every` steps.
  case step(every: Int, factor: Float)
  /// From 1 down to `minimum` in half a cosine over `steps` (Loshchilov and Hutter 2017).
  case cosine(steps: Int, minimum: Float)
  /// From 0 up to 1 in equal parts over `steps`, then another schedule from its beginning.
  case warmUp(steps: Int, then: Schedule)

  /// The factor for the step after `step` earlier ones.
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
