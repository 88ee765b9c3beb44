import MirageSupport
import MirageTensors
import Testing

/// Derivatives against finite differences, along random directions.
///
/// The difference quotient is the central one of fourth order with step h = 1/32. It is wrong by h⁴/30 ≈ 3e-8 of the
/// fifth derivative, and by rounding: an element of a Float32 result is off by a few 2⁻²⁴ of itself, at random, so that a
/// weighted sum is off by that much of the weighted result's length, and the quotient by 1.5 / h times more: 3e-6 times a
/// few. Allowed are 1e-4 of that length (and of 1). A wrong rule is off by about the whole of it.
@Suite struct DifferentiationTests {
  @Test(arguments: DerivativeCase.all) func firstDerivativeIsTheLimitOfDifferences(_ one: DerivativeCase) throws {
    let weights = one.weights
    let length = norm(one.value(at: 0), weights)
    let expected = slope { step in dot(one.value(at: step), weights) }
    for differentiable in [false, true] {
      let inputs = one.inputs.map { $0.tracked() }
      let gradients = one.function(inputs).gradients(wrt: inputs, seed: weights, differentiable: differentiable)
      try #require(gradients.map(\.shape) == inputs.map(\.shape))
      let found = zip(gradients, one.directions).reduce(0) { $0 + dot($1.0, $1.1) }
      #expect(abs(found - expected) < 1e-4 * (1 + length), "differentiable: \(differentiable)")
    }
  }

  @Test(arguments: DerivativeCase.all) func secondDerivativeIsTheLimitOfDifferences(_ one: DerivativeCase) throws {
    // The derivative along other directions, by the gradients that need not be differentiable.
    func first(at step: Float) -> [Tensor] {
      let inputs = one.moved(step).map { $0.tracked() }
      return one.function(inputs).gradients(wrt: inputs, seed: one.weights)
    }
    func along(_ gradients: [Tensor]) -> Double { zip(gradients, one.others).reduce(0) { $0 + dot($1.0, $1.1) } }
    let length = zip(first(at: 0), one.others).reduce(0) { $0 + norm($1.0, $1.1) }
    let expected = slope { along(first(at: $0)) }

    let inputs = one.inputs.map { $0.tracked() }
    let gradients = one.function(inputs).gradients(wrt: inputs, seed: one.weights, differentiable: true)
    let parts = zip(gradients, one.others).map { ($0 * $1).sum() }
    let sum = parts.dropFirst().reduce(parts[0], +)
    let second = sum.isTracked ? sum.gradients(wrt: inputs) : inputs.map { Tensor.zeros($0.shape) }
    let found = zip(second, one.directions).reduce(0) { $0 + dot($1.0, $1.1) }
    #expect(abs(found - expected) < 1e-4 * (1 + length))
  }

  @Test(arguments: DerivativeCase.smooth) func thirdDerivativeIsTheLimitOfDifferences(_ one: DerivativeCase) {
    func second(_ inputs: [Tensor], differentiable: Bool) -> [Tensor] {
      let gradients = one.function(inputs).gradients(wrt: inputs, seed: one.weights, differentiable: true)
      let parts = zip(gradients, one.others).map { ($0 * $1).sum() }
      return parts.dropFirst().reduce(parts[0], +).gradients(wrt: inputs, differentiable: differentiable)
    }
    func along(_ gradients: [Tensor]) -> Double { zip(gradients, one.others).reduce(0) { $0 + dot($1.0, $1.1) } }
    let plain = second(one.inputs.map { $0.tracked() }, differentiable: false)
    let length = zip(plain, one.others).reduce(0) { $0 + norm($1.0, $1.1) }
    let expected = slope { step in along(second(one.moved(step).map { $0.tracked() }, differentiable: false)) }

    let inputs = one.inputs.map { $0.tracked() }
    let parts = zip(second(inputs, differentiable: true), one.others).map { ($0 * $1).sum() }
    let third = parts.dropFirst().reduce(parts[0], +).gradients(wrt: inputs)
    let found = zip(third, one.directions).reduce(0) { $0 + dot($1.0, $1.1) }
    #expect(abs(found - expected) < 2e-4 * (1 + length))
  }

  /// d f(t) / dt at 0.
  private func slope(_ f: (Float) -> Double) -> Double {
    let h: Float = 1 / 32
    return (8 * (f(h) - f(-h)) - (f(2 * h) - f(-2 * h))) / (12 * Double(h))
  }

  private func norm(_ x: Tensor, _ weights: Tensor) -> Double {
    zip(x.values, weights.values).reduce(0) { $0 + Double($1.0 * $1.1) * Double($1.0 * $1.1) }.squareRoot()
  }
}

/// A function with where it is differentiated.
struct DerivativeCase: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let inputs: [Tensor]
  let function: @Sendable ([Tensor]) -> Tensor
  /// The seed of the gradient; the directions of the difference quotients; those of the derivatives before the last.
  let weights: Tensor
  let directions, others: [Tensor]

  init(_ name: String, _ inputs: [Tensor], _ function: @escaping @Sendable ([Tensor]) -> Tensor) {
    testDescription = name
    self.inputs = inputs
    self.function = function
    var random = generator(name)
    weights = .uniform(function(inputs).shape, in: -1...1, using: &random)
    directions = inputs.map { .uniform($0.shape, in: -1...1, using: &random) }
    others = inputs.map { .uniform($0.shape, in: -1...1, using: &random) }
  }

  /// The inputs a step along the directions.
  func moved(_ step: Float) -> [Tensor] { zip(inputs, directions).map { $0 + $1 * step } }

  func value(at step: Float) -> Tensor { function(moved(step)) }

  static let all = elementwise + binary + shaping + reductions + convolutions + pooling + normalizations
}
