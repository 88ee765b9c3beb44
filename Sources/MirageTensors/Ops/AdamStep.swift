import CKernels

/// Coefficients of one step of Adam.
package struct AdamSettings: Sendable {
  /// - Parameters:
  ///   - step: Learning rate divided by 1 - beta1ᵗ.
  ///   - rootCorrection: 1 / √(1 - beta2ᵗ).
  ///   - decay: Factor of the weight in its gradient.
  ///   - decoupledDecay: Fraction of the weight that is subtracted from it.
  package init(
    beta1: Float, beta2: Float, step: Float, rootCorrection: Float, epsilon: Float, decay: Float, decoupledDecay: Float
  ) {
    numbers = tensor_adam_settings(
      beta1: beta1, beta2: beta2, step: step, root_correction: rootCorrection, epsilon: epsilon, decay: decay,
      decoupled_decay: decoupledDecay)
  }

  fileprivate let numbers: tensor_adam_settings
}

extension Tensor {
  /// Returns this parameter after a step of Adam (Kingma and Ba 2015), and updates the moments, in place if nothing else
  /// refers to their memory.
  package func adamStep(
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

  /// Copies the elements unless this tensor has the only reference to them.
  private mutating func makeOwned() {
    if isKnownUniquelyReferenced(&storage) { return storage.forgetPacked() }
    self = Tensor(shape: shape) { out in withValues { $0.copy(to: out) } }
  }
}
