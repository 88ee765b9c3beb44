import MirageTensors

/// RMSProp (Tieleman and Hinton 2012) as in PyTorch: s ← smoothing s + (1 - smoothing) g², w ← w - rate g / (√s + epsilon),
/// with optional momentum of the quotient.
public struct RMSProp: Optimizer {
  /// Kind of the optimizer in checkpoints.
  public static let kind = "rmsprop"

  /// Learning rate, which can be changed between steps.
  public var learningRate: Float
  private let smoothing, epsilon, momentum, weightDecay: Float
  private var square = Slots(name: "square")
  private var velocity = Slots(name: "momentum")

  /// Creates an optimizer.
  ///
  /// - Parameters:
  ///   - learningRate: Learning rate.
  ///   - smoothing: Decay of the mean square, 0 to 1. Defaults to 0.99.
  ///   - epsilon: Number added to the root of the mean square. Defaults to 1e-8.
  ///   - momentum: Momentum of the quotient, at least 0. Defaults to 0.
  ///   - weightDecay: Factor of the weight that is added to its gradient. Defaults to 0.
  public init(
    learningRate: Float, smoothing: Float = 0.99, epsilon: Float = 1e-8, momentum: Float = 0, weightDecay: Float = 0
  ) {
    self.learningRate = learningRate
    (self.smoothing, self.epsilon, self.momentum, self.weightDecay) = (smoothing, epsilon, momentum, weightDecay)
  }

  /// Takes one step.
  public mutating func step(_ parameters: [Parameter], _ gradients: [Tensor]) {
    check(parameters, gradients)
    square.prepare(parameters)
    if momentum > 0 { velocity.prepare(parameters) }
    for (index, parameter) in parameters.enumerated() {
      var gradient = gradients[index].detached()
      if weightDecay > 0 { gradient = gradient + parameter.value * weightDecay }
      square.tensors[index] = square.tensors[index] * smoothing + gradient.square() * (1 - smoothing)
      var change = gradient / (square.tensors[index].sqrt() + epsilon)
      if momentum > 0 {
        velocity.tensors[index] = velocity.tensors[index] * momentum + change
        change = velocity.tensors[index]
      }
      parameter.value = parameter.value - change * learningRate
    }
  }

  /// State that later steps depend on, besides the settings.
  public var state: [String: Tensor] {
    var state: [String: Tensor] = [:]
    square.save(into: &state)
    velocity.save(into: &state)
    return state
  }

  /// Loads a state.
  ///
  /// - Throws: `MirageError` of kind `badData`, which names an entry that is missing or does not fit the parameters.
  public mutating func load(_ state: [String: Tensor], for parameters: [Parameter]) throws {
    try square.load(state, parameters)
    try velocity.load(state, parameters)
  }
}
