import MirageSupport
import MirageTensors

/// A part of a network with named state: parameters, which are trained, and buffers, which are saved but not trained.
///
/// Modules are not Sendable: they are built and trained in one isolation domain. Snapshots of their state are Sendable.
public protocol Module {
  /// Calls the visitor once for each parameter, buffer and inner module, always in the same order. Use PyTorch's names, so
  /// that weights can be exchanged.
  func visit(_ visitor: inout some StateVisitor)
}

/// Visitor of the state of a module.
public protocol StateVisitor {
  /// Visits a parameter, with its name in the module that contains it.
  mutating func visit(_ parameter: Parameter, _ name: String)
  /// Visits a buffer, with its name in the module that contains it.
  mutating func visit(_ buffer: Buffer, _ name: String)
  /// Visits an inner module. Names of its state begin with its own name and a dot.
  mutating func visit(_ module: any Module, _ name: String)
}

/// A module with one input and one output, which `Sequential` can contain.
public protocol Layer: Module {
  /// Computes the output. The input is consumed, so that the result can reuse its memory if nothing else refers to it.
  func callAsFunction(_ x: consuming Tensor, _ mode: Mode) -> Tensor
}

/// Mode of a network: inference or training.
public enum Mode: Sendable {
  /// Inference: parameters are not recorded, and normalization uses running statistics.
  case inference
  /// Training, with the random numbers for dropout and the like: parameters are recorded, and normalization uses the
  /// statistics of the batch.
  case training(Random)

  /// True if the mode is training.
  public var isTraining: Bool { if case .training = self { true } else { false } }

  /// Returns the mode for an inner module, whose random numbers are independent of those of other inner modules.
  public func entering(_ name: String) -> Mode {
    if case .training(let random) = self { .training(random.derived(name)) } else { self }
  }
}

/// Tensor that is trained.
public final class Parameter {
  /// Tracked tensor of the values, with respect to which gradients are computed.
  public private(set) var leaf: Tensor

  /// Creates a parameter with initial values.
  public init(_ value: Tensor) { leaf = value.detached().tracked() }

  /// Values, without history.
  public var value: Tensor {
    get { leaf.detached() }
    set { leaf = newValue.detached().tracked() }
  }

  /// Returns the tensor for a layer to compute with: tracked in training, without history in inference.
  public func callAsFunction(_ mode: Mode) -> Tensor { mode.isTraining ? leaf : value }
}

/// Tensor that is saved with a module but not trained, such as running statistics.
public final class Buffer {
  /// Values, without history.
  public var value: Tensor {
    get { numbers }
    set { numbers = newValue.detached() }
  }
  private var numbers: Tensor

  /// Creates a buffer with initial values.
  public init(_ value: Tensor) { numbers = value.detached() }
}

extension Module {
  /// Parameters of the module and its inner modules, in order of visit.
  public var parameters: [Parameter] { StateWalk(self).parameters.map(\.parameter) }

  /// Number of trained values.
  public var parameterCount: Int { parameters.reduce(0) { $0 + $1.value.count } }

  /// Values of parameters and buffers by full name, such as `3.running_mean`.
  public var state: [String: Tensor] {
    let walk = StateWalk(self)
    var state: [String: Tensor] = [:]
    for (name, parameter) in walk.parameters { state[name] = parameter.value }
    for (name, buffer) in walk.buffers { state[name] = buffer.value }
    return state
  }

  /// Computes the gradients of a loss with respect to `parameters`, in their order.
  ///
  /// The graph of the loss is freed during the computation if the loss is passed directly, not from a variable.
  public func gradients(of loss: consuming Tensor) -> [Tensor] { loss.gradients(wrt: parameters.map(\.leaf)) }

  /// Loads parameters and buffers by full name, all or none.
  ///
  /// Names of PyTorch's older spectral normalization (`weight_orig`, `weight_u`, `weight_v`) are accepted too.
  /// `num_batches_tracked` may be missing.
  ///
  /// - Throws: `MirageError` of kind `badData`, which names the first entry that is missing, unknown or of another shape.
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

/// Translates a name of PyTorch's older spectral normalization into the current one.
private func currentName(_ name: String) -> String {
  for (old, new) in [("weight_orig", "original"), ("weight_u", "0._u"), ("weight_v", "0._v")]
  where name == old || name.hasSuffix("." + old) {
    return name.dropLast(old.count) + "parametrizations.weight." + new
  }
  return name
}

/// Collector of the state of a module by full name.
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
