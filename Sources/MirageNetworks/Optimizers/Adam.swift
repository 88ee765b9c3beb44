import MirageSupport
import MirageTensors

/// Adam (Kingma and Ba 2015) and AdamW (Loshchilov and Hutter 2019), in one pass over each parameter.
public struct Adam: Optimizer {
  public static let kind = "adam"

  public var learningRate: Float
  private let betas: (Float, Float)
  private let epsilon, weightDecay: Float
  private let isDecoupled: Bool
  private var steps = 0
  private var first = Slots(name: "first_moment")
  private var second = Slots(name: "second_moment")
  /// So many steps the corrections follow; then they stay as they are, which is 1 for any usual betas.
  private static let countedSteps = 1 << 20

  /// - Parameters:
  ///   - weightDecay: added to the gradient as decay · w; with `isDecoupled`, taken from the weight itself instead: AdamW.
  public init(
    learningRate: Float, betas: (Float, Float) = (0.9, 0.999), epsilon: Float = 1e-8, weightDecay: Float = 0,
    isDecoupled: Bool = false
  ) {
    self.learningRate = learningRate
    (self.betas, self.epsilon, self.weightDecay, self.isDecoupled) = (betas, epsilon, weightDecay, isDecoupled)
  }

  public mutating func step(_ parameters: [Parameter], _ gradients: [Tensor]) {
    check(parameters, gradients)
    first.prepare(parameters)
    second.prepare(parameters)
    steps += 1
    func correction(_ beta: Float) -> Double {
      1 - PortableMath.power(Double(beta), min(steps, Adam.countedSteps))
    }
    let settings = AdamSettings(
      beta1: betas.0, beta2: betas.1, step: Float(Double(learningRate) / correction(betas.0)),
      rootCorrection: Float(1 / correction(betas.1).squareRoot()), epsilon: epsilon,
      decay: isDecoupled ? 0 : weightDecay, decoupledDecay: isDecoupled ? learningRate * weightDecay : 0)
    for (index, parameter) in parameters.enumerated() {
      parameter.value = parameter.value.adamStep(
        gradients[index], &first.tensors[index], &second.tensors[index], settings)
    }
  }

  public var state: [String: Tensor] {
    // No more steps than the corrections count, and so a number that is exact in Float32.
    var state = ["step": Tensor(Float(min(steps, Adam.countedSteps)))]
    first.save(into: &state)
    second.save(into: &state)
    return state
  }

  public mutating func load(_ state: [String: Tensor], for parameters: [Parameter]) throws {
    steps = try loadedSteps(state)
    try first.load(state, parameters, isNeeded: steps > 0)
    try second.load(state, parameters, isNeeded: steps > 0)
  }
}
