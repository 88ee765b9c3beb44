import CKernels

/// The numbers of one step of Adam.
public struct AdamSettings: Sendable {
  /// - Parameters:
  ///   - step: the learning rate over 1 - beta1ᵗ.
  ///   - rootCorrection: 1 / √(1 - beta2ᵗ).
  ///   - decay: what of the weight is added to its gradient.
  ///   - decoupledDecay: what part of the weight is taken away.
  public init(
    beta1: Float, beta2: Float, step: Float, rootCorrection: Float, epsilon: Float, decay: Float, decoupledDecay: Float
  ) {
    numbers = tensor_adam_settings(
      beta1: beta1, beta2: beta2, step: step, root_correction: rootCorrection, epsilon: epsilon, decay: decay,
      decoupled_decay: decoupledDecay)
  }

  fileprivate let numbers: tensor_adam_settings
}

extension Tensor {
  /// This parameter after a step of Adam; the moments are brought up to date, in their own memory where nobody else has
  /// it.
  public func adamStep(
    _ gradient: Tensor, _ firstMoment: inout Tensor, _ secondMoment: inout Tensor, _ settings: AdamSettings
  ) -> Tensor {
    require(
      shape == gradient.shape && shape == firstMoment.shape && shape == secondMoment.shape,
      "adamStep: a parameter of \(shape), its gradient of \(gradient.shape)")
    firstMoment.makeOwned()
    secondMoment.makeOwned()
    let (total, first, second) = (count, firstMoment.pointer, secondMoment.pointer)
    return Tensor(shape: shape) { out in
      Profile.counted("Adam") {
        inParallel(total, grain: grain) { range in
          let start = range.lowerBound
          var numbers = settings.numbers
          tensor_adam(
            out + start, pointer + start, gradient.pointer + start, first + start, second + start, &numbers,
            range.count)
        }
      }
      keepAlive(self, gradient)
    }
  }

  /// Copies the elements unless this tensor alone has them.
  private mutating func makeOwned() {
    if isKnownUniquelyReferenced(&storage) { return storage.forgetPacked() }
    self = Tensor(shape: shape) { out in withValues { $0.copy(to: out) } }
  }
}
