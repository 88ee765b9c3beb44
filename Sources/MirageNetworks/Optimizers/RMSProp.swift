import MirageTensors

/// RMSProp (Tieleman and Hinton 2012), as PyTorch defines it: s ← smoothing s + (1 - smoothing) g², w ← w - rate g / (√s +
/// epsilon), with momentum on the quotient where wanted.
public struct RMSProp: Optimizer {
  public static let kind = "rmsprop"

  public var learningRate: Float
  private let smoothing, epsilon, momentum, weightDecay: Float
  private var square = Slots(name: "square")
  private var velocity = Slots(name: "momentum")

  /// - Parameters:
  ///   - smoothing: the part of the old mean square that stays.
  ///   - momentum: on the quotient; 0 for none.
  ///   - weightDecay: added to the gradient as decay · w.
  public init(
    learningRate: Float, smoothing: Float = 0.99, epsilon: Float = 1e-8, momentum: Float = 0, weightDecay: Float = 0
  ) {
    self.learningRate = learningRate
    (self.smoothing, self.epsilon, self.momentum, self.weightDecay) = (smoothing, epsilon, momentum, weightDecay)
  }

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

  public var state: [String: Tensor] {
    var state: [String: Tensor] = [:]
    square.save(into: &state)
    velocity.save(into: &state)
    return state
  }

  public mutating func load(_ state: [String: Tensor], for parameters: [Parameter]) throws {
    try square.load(state, parameters)
    try velocity.load(state, parameters)
  }
}
