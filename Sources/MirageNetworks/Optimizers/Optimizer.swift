import MirageSupport
import MirageTensors

/// An optimizer, which changes parameters by their gradients.
public protocol Optimizer {
  /// Kind of the optimizer in checkpoints. A state can be loaded only into an optimizer of the same kind.
  static var kind: String { get }

  /// Learning rate, which schedules change between steps.
  var learningRate: Float { get set }

  /// Takes one step. Pass the same parameters in the same order each time, with a gradient of each.
  mutating func step(_ parameters: [Parameter], _ gradients: [Tensor])

  /// State that later steps depend on, besides the settings. The learning rate is a setting: the schedule and the number of
  /// steps determine it.
  var state: [String: Tensor] { get }

  /// Loads a state that `state` returned.
  ///
  /// - Throws: `MirageError` of kind `badData`, which names an entry that is missing or does not fit the parameters.
  mutating func load(_ state: [String: Tensor], for parameters: [Parameter]) throws
}

/// A tensor per parameter, with names such as `momentum.3` in the state.
struct Slots {
  let name: String
  var tensors: [Tensor] = []

  /// Creates tensors of zeros at the first step, and checks shapes at later steps.
  mutating func prepare(_ parameters: [Parameter]) {
    if tensors.isEmpty { tensors = parameters.map { .zeros($0.value.shape) } }
    require(
      tensors.count == parameters.count, "an optimizer of \(tensors.count) parameters given \(parameters.count)")
    for (tensor, parameter) in zip(tensors, parameters) {
      require(
        tensor.shape == parameter.value.shape,
        "an optimizer of a parameter of \(tensor.shape) given one of \(parameter.value.shape)")
    }
  }

  func save(into state: inout [String: Tensor]) {
    for (index, tensor) in tensors.enumerated() { state["\(name).\(index)"] = tensor }
  }

  /// - Parameter isNeeded: Whether the tensors must exist, which they do after the first step.
  mutating func load(_ state: [String: Tensor], _ parameters: [Parameter], isNeeded: Bool = false) throws {
    guard isNeeded || state.keys.contains(where: { $0.hasPrefix(name + ".") }) else {
      tensors = []
      return
    }
    tensors = try parameters.enumerated().map { index, parameter in
      guard let tensor = state["\(name).\(index)"], tensor.shape == parameter.value.shape else {
        throw MirageError.badData(
          "the optimizer's \(name).\(index) is missing or does not have the shape \(parameter.value.shape)",
          remedy: "The checkpoint belongs to another model, or to another optimizer.")
      }
      return tensor
    }
  }
}

/// Returns the number of steps in the state of an optimizer.
func loadedSteps(_ state: [String: Tensor]) throws -> Int {
  guard let step = state["step"], step.count == 1, step.scalar >= 0, step.scalar < 0x1p24 else {
    throw MirageError.badData(
      "the optimizer's number of steps is missing", remedy: "The checkpoint belongs to another optimizer.")
  }
  return Int(step.scalar)
}

extension Optimizer {
  /// Stops the program unless there is a gradient per parameter.
  func check(_ parameters: [Parameter], _ gradients: [Tensor]) {
    require(
      parameters.count == gradients.count, "\(gradients.count) gradients for \(parameters.count) parameters")
  }
}
