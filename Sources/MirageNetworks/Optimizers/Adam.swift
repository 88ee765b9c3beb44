import MirageSupport
import MirageTensors

/// Adam (Kingma and Ba 2015) and AdamW (Loshchilov and Hutter 2019).
public struct Adam: Optimizer {
  /// Kind of the optimizer in checkpoints.
  public static let kind = "adam"

  /// Learning rate, which can be changed between steps.
  public var learningRate: Float
  private let betas: (Float, Float)
  private let epsilon, weightDecay: Float
  private let isDecoupled: Bool
  private var steps = 0
  private var first = Slots(name: "first_moment")
  private var second = Slots(name: "second_moment")
  /// Maximum number of steps in the bias corrections, after which these are constant, and 1 for all usual betas.
  private static let countedSteps = 1 << 20

  /// Creates an optimizer with PyTorch's default settings.
  ///
  /// - Parameters:
  ///   - learningRate: Learning rate.
  ///   - betas: Decays of the averages of the gradient and of its square, each at least 0 and less than 1. Default to 0.9 and
  ///     0.999.
  ///   - epsilon: Number added to the root of the mean square. Defaults to 1e-8.
  ///   - weightDecay: Factor of the weight that is added to its gradient. Defaults to 0.
  ///   - isDecoupled: Whether weight decay is subtracted from the weight instead, in proportion to the learning rate, as in
  ///     AdamW. Defaults to `false`.
  public init(
    learningRate: Float, betas: (Float, Float) = (0.9, 0.999), epsilon: Float = 1e-8, weightDecay: Float = 0,
    isDecoupled: Bool = false
  ) {
    self.learningRate = learningRate
    (self.betas, self.epsilon, self.weightDecay, self.isDecoupled) = (betas, epsilon, weightDecay, isDecoupled)
  }

  /// Takes one step.
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

  /// State that later steps depend on, besides the settings.
  public var state: [String: Tensor] {
    // The limit keeps the number exact in Float32.
    var state = ["step": Tensor(Float(min(steps, Adam.countedSteps)))]
    first.save(into: &state)
    second.save(into: &state)
    return state
  }

  /// Loads a state.
  ///
  /// - Throws: `MirageError` of kind `badData`, which names an entry that is missing or does not fit the parameters.
  public mutating func load(_ state: [String: Tensor], for parameters: [Parameter]) throws {
    steps = try loadedSteps(state)
    try first.load(state, parameters, isNeeded: steps > 0)
    try second.load(state, parameters, isNeeded: steps > 0)
  }
}
