import Synchronization

/// Record of an operation that made a tensor. Reverse-mode differentiation walks the graph of these nodes backward.
///
/// A node holds the nodes of its inputs, and only those values that its rule needs. Rules capture attributes and unrecorded
/// statistics, never recorded tensors, and the value of an output is kept without its node: so there are no cycles, and a
/// graph is freed with its last tensor.
///
/// Unchecked, because `inputs` is a variable: it changes only when the last reference to the node is released.
final class Node: @unchecked Sendable {
  /// An input of the operation.
  struct Input {
    let node: Node?
    let shape: [Int]
    /// Value of the input; kept only if the rule needs it.
    let value: Tensor?
  }

  let operation: StaticString
  /// One more than the depth of the deepest input. Sorted by depth, nodes come after their inputs.
  let depth: Int
  fileprivate var inputs: [Input]
  fileprivate let output: Tensor?
  fileprivate let rule: Rule?

  fileprivate init(_ operation: StaticString, inputs: [Input], output: Tensor?, rule: Rule?) {
    self.operation = operation
    self.inputs = inputs
    self.output = output
    self.rule = rule
    depth = 1 + (inputs.compactMap { $0.node?.depth }.max() ?? 0)
    Node.alive.add(1, ordering: .relaxed)
  }

  /// Frees the graph before this node iteratively: by recursion, a deep graph would exhaust the stack.
  deinit {
    Node.alive.subtract(1, ordering: .relaxed)
    var dying = inputs.compactMap(\.node)
    inputs = []
    while var node = dying.popLast() {
      if isKnownUniquelyReferenced(&node) {
        dying += node.inputs.compactMap(\.node)
        node.inputs = []
      }
    }
  }

  fileprivate static let alive = Atomic<Int>(0)
}

/// Number of recorded operations that some tensor still holds, with which tests find graphs that outlive their use.
package var recordedOperations: Int { Node.alive.load(ordering: .relaxed) }

/// A function from the gradient with respect to an output to those with respect to each input; `nil` for inputs whose
/// gradient is not needed.
typealias Rule = @Sendable (_ gradient: Tensor, _ record: Record) -> [Tensor?]

/// Access of a rule to the operation that it differentiates.
struct Record {
  fileprivate let node: Node
  fileprivate let needed: [Bool]
  /// True if the gradient itself is recorded. If so, inputs and output are recorded tensors, and fused kernels, which
  /// record nothing, must not be used.
  let isDifferentiable: Bool

  /// Returns whether the gradient with respect to this input is needed.
  func needs(_ index: Int) -> Bool { needed[index] }

  /// Shape of an input.
  func shape(_ index: Int) -> [Int] { node.inputs[index].shape }

  /// Value of an input, which the operation must have saved.
  func input(_ index: Int) -> Tensor {
    let input = node.inputs[index]
    guard let value = input.value else { fatalError("\(node.operation) did not keep input \(index)") }
    return isDifferentiable ? value.with(node: input.node) : value
  }

  /// Value of the output, which the operation must have saved.
  var output: Tensor {
    guard let value = node.output else { fatalError("\(node.operation) did not keep its output") }
    return isDifferentiable ? value.with(node: node) : value
  }
}

extension Tensor {
  fileprivate func with(node: Node?) -> Tensor { Tensor(shape: shape, storage: storage, offset: offset, node: node) }

  /// Returns the same values as a leaf of a new graph: operations on it are recorded, and gradients with respect to it can
  /// be computed.
  public func tracked() -> Tensor { with(node: Node("leaf", inputs: [], output: nil, rule: nil)) }

  /// Returns the same values without their history, as PyTorch's `detach()`.
  public func detached() -> Tensor { node == nil ? self : with(node: nil) }

  /// True if operations on this tensor are recorded.
  public var isTracked: Bool { node != nil }

  /// Returns this tensor with a node of its own.
  fileprivate func alias() -> Tensor { recorded("alias", [self]) { gradient, _ in [gradient] } }

  /// Returns this tensor, which was computed from the inputs, with the rule for its gradient; unchanged if no input is
  /// tracked.
  ///
  /// - Parameters:
  ///   - saving: Indices of the inputs whose values the rule needs.
  ///   - savingOutput: Whether the rule needs the value of the output.
  func recorded(
    _ operation: StaticString, _ inputs: [Tensor], saving: [Int] = [], savingOutput: Bool = false,
    rule: @escaping Rule
  ) -> Tensor {
    guard inputs.contains(where: { $0.node != nil }) else { return self }
    let kept = inputs.enumerated().map { index, input in
      Node.Input(
        node: input.node, shape: input.shape, value: saving.contains(index) ? input.detached() : nil)
    }
    return with(node: Node(operation, inputs: kept, output: savingOutput ? self : nil, rule: rule))
  }

  /// Computes the gradients of this tensor with respect to others, by reverse-mode differentiation.
  ///
  /// Only operations between `targets` and this tensor are differentiated. The graph is freed during the walk, unless the
  /// caller uses this tensor again.
  ///
  /// - Parameters:
  ///   - targets: Tracked tensors, either leaves or intermediate results.
  ///   - seed: Gradient with respect to this tensor, of its shape. Defaults to ones.
  ///   - differentiable: Whether the gradients are recorded, so that they can be differentiated in turn. Defaults to
  ///     `false`.
  /// - Returns: A gradient per target, of its shape; zeros if this tensor does not depend on the target.
  /// - Precondition: All targets are tracked.
  public consuming func gradients(
    wrt targets: [Tensor], seed: Tensor? = nil, differentiable: Bool = false
  ) -> [Tensor] {
    let (shape, root) = (shape, node)
    return Tensor.gradients(of: root, shape, wrt: targets, seed: seed, differentiable: differentiable)
  }

  private static func gradients(
    of root: consuming Node?, _ shape: [Int], wrt targets: [Tensor], seed: Tensor?, differentiable: Bool
  ) -> [Tensor] {
    require(seed == nil || seed!.shape == shape, "gradients: a seed of \(seed!.shape) for a tensor of \(shape)")
    require(targets.allSatisfy(\.isTracked), "gradients: with respect to a tensor that is not tracked")
    func zeros() -> [Tensor] { targets.map { .zeros($0.shape) } }

    // All nodes that this tensor depends on, each after its inputs.
    var order: [Node] = []
    var waiting = root.map { [$0] } ?? []
    root = nil
    var seen = Set(waiting.map { ObjectIdentifier($0) })
    while let next = waiting.popLast() {
      order.append(next)
      for input in next.inputs {
        if let node = input.node, seen.insert(ObjectIdentifier(node)).inserted { waiting.append(node) }
      }
    }
    order.sort { $0.depth < $1.depth }
    guard let first = order.last.map({ ObjectIdentifier($0) }) else { return zeros() }

    // Nodes that depend on a target.
    let wanted = Set(targets.map { ObjectIdentifier($0.node!) })
    var leading = wanted
    func leads(_ input: Node.Input) -> Bool { input.node.map { leading.contains(ObjectIdentifier($0)) } ?? false }
    for node in order where node.inputs.contains(where: leads) { leading.insert(ObjectIdentifier(node)) }
    guard leading.contains(first) else { return zeros() }

    var gradients = [first: seed ?? .ones(shape)]
    var found: [ObjectIdentifier: Tensor] = [:]
    while let node = order.popLast() {
      let id = ObjectIdentifier(node)
      guard leading.contains(id), let gradient = gradients.removeValue(forKey: id) else { continue }
      if wanted.contains(id) { found[id] = gradient }
      guard let rule = node.rule else { continue }
      let needed = node.inputs.map(leads)
      guard needed.contains(true) else { continue }
      let parts = rule(
        differentiable ? gradient : gradient.detached(),
        Record(node: node, needed: needed, isDifferentiable: differentiable))
      for (index, input) in node.inputs.enumerated() where needed[index] {
        guard let part = parts[index], let source = input.node else { continue }
        require(
          part.shape == input.shape,
          "\(node.operation): a gradient of \(part.shape) for an input of \(input.shape)")
        let key = ObjectIdentifier(source)
        if let sum = gradients.removeValue(forKey: key) {
          gradients[key] = added(sum, part)
        } else {
          gradients[key] = part
        }
      }
    }
    return targets.map { found[ObjectIdentifier($0.node!)] ?? .zeros($0.shape) }
  }
}

/// Computes a differentiable gradient of a fused operation, by differentiating an equivalent composite of recorded
/// operations.
func gradientsThrough(
  _ gradient: Tensor, _ record: Record, inputs count: Int, _ composite: ([Tensor]) -> Tensor
) -> [Tensor?] {
  // A tensor that is used as two inputs gets a node per use, so that their gradients stay separate.
  let inputs = (0..<count).map { record.input($0).alias() }
  let needed = (0..<count).filter { record.needs($0) }
  let targets = needed.map { inputs[$0] }
  let found = composite(inputs).gradients(wrt: targets, seed: gradient, differentiable: true)
  var result = [Tensor?](repeating: nil, count: count)
  for (index, gradient) in zip(needed, found) { result[index] = gradient }
  return result
}
