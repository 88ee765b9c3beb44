import MirageTensors

/// Stochastic gradient descent with momentum, as PyTorch defines it: v ← momentum v + g, w ← w - rate v; Nesterov's form
/// steps by g + momentum v. Weight decay adds decay · w to the gradient: L2 regularization.
public struct SGD: Optimizer {
  public static let kind = "sgd"

  public var learningRate: Float
  private let momentum, weightDecay: Float
  private let isNesterov: Bool
  private var velocity = Slots(name: "momentum")

  /// - Parameter isNesterov: whether to step by g + momentum v; needs a momentum.
  public init(learningRate: Float, momentum: Float = 0, weightDecay: Float = 0, isNesterov: Bool = false) {
    require(!isNesterov || momentum > 0, "SGD: Nesterov's form without momentum")
    self.learningRate = learningRate
    (self.momentum, self.weightDecay, self.isNesterov) = (momentum, weightDecay, isNesterov)
  }

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

  public var state: [String: Tensor] {
    var state: [String: Tensor] = [:]
    velocity.save(into: &state)
    return state
  }

  public mutating func load(_ state: [String: Tensor], for parameters: [Parameter]) throws {
    try velocity.load(state, parameters)
  }
}
