import MirageSupport
import MirageTensors

/// Something with named state: parameters, which are trained, and buffers, which are only kept.
///
/// Modules are built and trained in one place and are not Sendable; snapshots of their state are.
public protocol Module {
  /// Shows the visitor each parameter, buffer and inner module once, under PyTorch's names, always in the same order.
  func visit(_ visitor: inout some StateVisitor)
}

/// Walks over a module's state.
public protocol StateVisitor {
  /// A parameter, under its name within the module that shows it.
  mutating func visit(_ parameter: Parameter, _ name: String)
  /// A buffer, under its name within the module that shows it.
  mutating func visit(_ buffer: Buffer, _ name: String)
  /// An inner module: its state's names begin with this one and a dot.
  mutating func visit(_ module: any Module, _ name: String)
}

/// A module with one input, as `Sequential` holds it.
public protocol Layer: Module {
  /// The input is given away, so that its memory can serve for the result where nobody else has it.
  func callAsFunction(_ x: consuming Tensor, _ mode: Mode) -> Tensor
}

/// Whether a network is used or trained; in training, with the random numbers that dropout and the like draw from.
public enum Mode: Sendable {
  case inference
  case training(Random)

  /// Whether parameters are recorded and batch statistics used.
  public var isTraining: Bool { if case .training = self { true } else { false } }

  /// The mode of an inner module, whose random stream is its own.
  public func entering(_ name: String) -> Mode {
    if case .training(let random) = self { .training(random.derived(name)) } else { self }
  }
}

/// Numbers that are trained.
public final class Parameter {
  /// The numbers as a leaf: gradients are taken with respect to it.
  public private(set) var leaf: Tensor

  /// - Parameter value: how the numbers begin.
  public init(_ value: Tensor) { leaf = value.detached().tracked() }

  /// The numbers without history.
  public var value: Tensor {
    get { leaf.detached() }
    set { leaf = newValue.detached().tracked() }
  }

  /// What a layer computes with: recorded in training, plain in inference.
  public func callAsFunction(_ mode: Mode) -> Tensor { mode.isTraining ? leaf : value }
}

/// Numbers that are kept with a module but not trained: running statistics, spectral vectors.
public final class Buffer {
  /// The numbers, without history.
  public var value: Tensor {
    get { numbers }
    set { numbers = newValue.detached() }
  }
  private var numbers: Tensor

  /// - Parameter value: how the numbers begin.
  public init(_ value: Tensor) { numbers = value.detached() }
}

extension Module {
  /// The parameters in the order of their visit.
  public var parameters: [Parameter] { StateWalk(self).parameters.map(\.parameter) }

  /// How many numbers are trained.
  public var parameterCount: Int { parameters.reduce(0) { $0 + $1.value.count } }

  /// All parameters and buffers by their full names, such as `3.running_mean`.
  public var state: [String: Tensor] {
    let walk = StateWalk(self)
    var state: [String: Tensor] = [:]
    for (name, parameter) in walk.parameters { state[name] = parameter.value }
    for (name, buffer) in walk.buffers { state[name] = buffer.value }
    return state
  }

  /// The gradients of a loss with respect to all parameters, in their order.
  public func gradients(of loss: consuming Tensor) -> [Tensor] { loss.gradients(wrt: parameters.map(\.leaf)) }

  /// Takes over parameters and buffers by name, all or none.
  ///
  /// Names of PyTorch's older spectral normalization (`weight_orig`, `weight_u`, `weight_v`) count as those of the
  /// current one. `num_batches_tracked` may be missing.
  /// - Throws: bad data naming the first entry that is missing, has another shape, or belongs to nothing here.
  public func load(_ state: [String: Tensor]) throws {
    let walk = StateWalk(self)
    var unused = Dictionary(state.map { (currentName($0.key), $0.value) }) { first, _ in first }
    var assignments: [() -> Void] = []
    func take(_ name: String, _ shape: [Int]) throws -> Tensor? {
      guard let found = unused.removeValue(forKey: name) else {
        if name.hasSuffix("num_batches_tracked") { return nil }
        throw MirageError.badData(
          "the weights lack \(name)", remedy: "They belong to another architecture, or to another part of the model.")
      }
      let isScalar = found.count == 1 && shape.allSatisfy { $0 == 1 }
      guard found.shape == shape || isScalar else {
        throw MirageError.badData(
          "\(name) has shape \(found.shape) in the weights and \(shape) in the model",
          remedy: "Build the model with the settings the weights were trained with.")
      }
      return found.reshaped(shape)
    }
    for (name, parameter) in walk.parameters {
      if let tensor = try take(name, parameter.value.shape) { assignments.append { parameter.value = tensor } }
    }
    for (name, buffer) in walk.buffers {
      if let tensor = try take(name, buffer.value.shape) { assignments.append { buffer.value = tensor } }
    }
    if let extra = unused.keys.min() {
      throw MirageError.badData(
        "the weights hold \(extra), which the model does not have",
        remedy: "They belong to another architecture, or to another part of the model.")
    }
    for assign in assignments { assign() }
  }
}

private func currentName(_ name: String) -> String {
  for (old, new) in [("weight_orig", "original"), ("weight_u", "0._u"), ("weight_v", "0._v")]
  where name == old || name.hasSuffix("." + old) {
    return name.dropLast(old.count) + "parametrizations.weight." + new
  }
  return name
}

/// All state of a module by full name.
struct StateWalk: StateVisitor {
  private(set) var parameters: [(name: String, parameter: Parameter)] = []
  private(set) var buffers: [(name: String, buffer: Buffer)] = []
  private var prefix = ""

  init(_ module: any Module) { module.visit(&self) }

  mutating func visit(_ parameter: Parameter, _ name: String) { parameters.append((prefix + name, parameter)) }
  mutating func visit(_ buffer: Buffer, _ name: String) { buffers.append((prefix + name, buffer)) }

  mutating func visit(_ module: any Module, _ name: String) {
    let outer = prefix
    prefix += name + "."
    module.visit(&self)
    prefix = outer
  }
}
