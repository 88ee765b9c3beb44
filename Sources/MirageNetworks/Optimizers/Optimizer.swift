import MirageSupport
import MirageTensors

/// Moves parameters against their gradients.
public protocol Optimizer {
  /// The name of the method in checkpoints: a state fits only optimizers of the kind it came from.
  static var kind: String { get }

  /// How far a step goes; schedules change it between steps.
  var learningRate: Float { get set }

  /// One step. The parameters are the same ones in the same order each time.
  mutating func step(_ parameters: [Parameter], _ gradients: [Tensor])

  /// Everything that later steps depend on, besides the settings. The learning rate counts as one of these: it follows from
  /// the schedule and the number of steps.
  var state: [String: Tensor] { get }

  /// Takes over what `state` gave.
  /// - Throws: bad data naming the entry that is missing or does not fit the parameters.
  mutating func load(_ state: [String: Tensor], for parameters: [Parameter]) throws
}

/// A list of tensors for each parameter, under names such as `momentum.3`.
struct Slots {
  let name: String
  var tensors: [Tensor] = []

  /// Zeros at the first step.
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

  /// - Parameter isNeeded: whether there must be such tensors: not before the first step.
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

/// The number of steps so far, as an entry of an optimizer's state.
func loadedSteps(_ state: [String: Tensor]) throws -> Int {
  guard let step = state["step"], step.count == 1, step.scalar >= 0, step.scalar < 0x1p24 else {
    throw MirageError.badData(
      "the optimizer's number of steps is missing", remedy: "The checkpoint belongs to another optimizer.")
  }
  return Int(step.scalar)
}

extension Optimizer {
  func check(_ parameters: [Parameter], _ gradients: [Tensor]) {
    require(
      parameters.count == gradients.count, "\(gradients.count) gradients for \(parameters.count) parameters")
  }
}
