import MirageTensors

/// Stochastic gradient descent with momentum as in PyTorch: v ← momentum v + g, w ← w - rate v. With Nesterov momentum, the
/// step is g + momentum v instead of v.
public struct SGD: Optimizer {
  /// Kind of the optimizer in checkpoints.
  public static let kind = "sgd"

  /// Learning rate, which can be changed between steps.
  public var learningRate: Float
  private let momentum, weightDecay: Float
  private let isNesterov: Bool
  private var velocity = Slots(name: "momentum")

  /// Creates an optimizer.
  ///
  /// - Parameters:
  ///   - learningRate: Learning rate.
  ///   - momentum: Momentum, at least 0. Defaults to 0.
  ///   - weightDecay: Factor of the weight that is added to its gradient (L2 regularization). Defaults to 0.
  ///   - isNesterov: Whether to use Nesterov momentum, which requires a momentum above 0. Defaults to `false`.
  public init(learningRate: Float, momentum: Float = 0, weightDecay: Float = 0, isNesterov: Bool = false) {
    require(!isNesterov || momentum > 0, "SGD: Nesterov's form without momentum")
    self.learningRate = learningRate
    (self.momentum, self.weightDecay, self.isNesterov) = (momentum, weightDecay, isNesterov)
  }

  /// Takes one step.
  public mutating func step(_ parameters: [Parameter], _ gradients: [Tensor]) {
    check(parameters, gradients)
    if momentum > 0 { velocity.prepare(parameters) }
    for (index, parameter) in parameters.enumerated() {
      var change = gradients[index].detached()
      if weightDecay > 0 { change = change + parameter.value * weightDecay }
      if momentum > 0 {
        velocity.tensors[index] = velocity.tensors[index] * momentum + change
        change = isNesterov ? change + velocity.tensors[index] * momentum : velocity.tensors[index]
      }
      parameter.value = parameter.value - change * learningRate
    }
  }

  /// State that later steps depend on, besides the settings.
  public var state: [String: Tensor] {
    var state: [String: Tensor] = [:]
    velocity.save(into: &state)
    return state
  }

  /// Loads a state.
  ///
  /// - Throws: `MirageError` of kind `badData`, which names an entry that is missing or does not fit the parameters.
  public mutating func load(_ state: [String: Tensor], for parameters: [Parameter]) throws {
    try velocity.load(state, parameters)
  }
}
