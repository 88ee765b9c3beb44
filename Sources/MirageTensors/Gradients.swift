import Synchronization

/// How a tensor was made: what reverse-mode differentiation walks back over.
///
/// A node holds its inputs' nodes, and of the values those that its rule asks for. Rules capture attributes and unrecorded
/// statistics, never recorded tensors, and an output's value is kept without its node: so there are no cycles, and a graph
/// dies with its last tensor.
///
/// Unchecked, because `inputs` is a variable: it changes only where the last reference to the node is given up.
final class Node: @unchecked Sendable {
  struct Input {
    let node: Node?
    let shape: [Int]
    /// Kept only where the rule asks for it.
    let value: Tensor?
  }

  let operation: StaticString
  /// One more than the deepest input: by it, nodes sort into an order in which each comes after its inputs.
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

  /// Frees the graph behind it one node after the other: by recursion, a deep one would exhaust the stack.
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

/// The number of recorded operations that are still held by some tensor: tests look for graphs that outlive their use.
public var recordedOperations: Int { Node.alive.load(ordering: .relaxed) }

/// The gradient with respect to each input, from that of the output: nil for those that are not needed.
typealias Rule = @Sendable (_ gradient: Tensor, _ record: Record) -> [Tensor?]

/// What a rule may ask of the operation it differentiates.
struct Record {
  fileprivate let node: Node
  fileprivate let needed: [Bool]
  /// Whether the gradient is to be recorded itself. Then inputs and output are; fused kernels, which are not, may serve
  /// only where it is false.
  let isDifferentiable: Bool

  /// Whether anybody asked for the gradient of this input.
  func needs(_ index: Int) -> Bool { needed[index] }

  func shape(_ index: Int) -> [Int] { node.inputs[index].shape }

  func input(_ index: Int) -> Tensor {
    let input = node.inputs[index]
    guard let value = input.value else { fatalError("\(node.operation) did not keep input \(index)") }
    return isDifferentiable ? value.with(node: input.node) : value
  }

  var output: Tensor {
    guard let value = node.output else { fatalError("\(node.operation) did not keep its output") }
    return isDifferentiable ? value.with(node: node) : value
  }
}

extension Tensor {
  fileprivate func with(node: Node?) -> Tensor { Tensor(shape: shape, storage: storage, offset: offset, node: node) }

  /// The same values as a leaf: operations on it are recorded, and gradients can be taken with respect to it.
  public func tracked() -> Tensor { with(node: Node("leaf", inputs: [], output: nil, rule: nil)) }

  /// The same values without their history.
  public func detached() -> Tensor { node == nil ? self : with(node: nil) }

  /// Whether operations on this tensor are recorded.
  public var isTracked: Bool { node != nil }

  /// The same tensor under a record of its own.
  fileprivate func alias() -> Tensor { recorded("alias", [self]) { gradient, _ in [gradient] } }

  /// This tensor, which was computed from the inputs, with the rule for its gradient; as it is where no input is tracked.
  ///
  /// - Parameters:
  ///   - saving: the inputs whose values the rule asks for.
  ///   - savingOutput: whether it asks for the output's.
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

  /// The gradients of this tensor with respect to others that it was computed from, in their order.
  ///
  /// Only what leads to `targets` is computed. A target that this tensor does not depend on has a gradient of zeros. What
  /// was recorded for this tensor alone is freed on the way, unless the caller uses the tensor again.
  ///
  /// - Parameters:
  ///   - targets: tracked tensors: leaves, or results on the way.
  ///   - seed: the gradient of this tensor, of its shape; ones where left out.
  ///   - differentiable: whether the gradients are recorded in turn, so that gradients of them can be taken.
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

    // Everything behind this tensor, each node after its inputs.
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

    // Those that lead to a target.
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

/// A rule's gradient where it is to be differentiable itself: the operation is written again in operations whose
/// gradients are recorded, and differentiated.
func gradientsThrough(
  _ gradient: Tensor, _ record: Record, inputs count: Int, _ composite: ([Tensor]) -> Tensor
) -> [Tensor?] {
  // An input that stands in two places is told apart by a record of its own.
  let inputs = (0..<count).map { record.input($0).alias() }
  let needed = (0..<count).filter { record.needs($0) }
  let targets = needed.map { inputs[$0] }
  let found = composite(inputs).gradients(wrt: targets, seed: gradient, differentiable: true)
  var result = [Tensor?](repeating: nil, count: count)
  for (index, gradient) in zip(needed, found) { result[index] = gradient }
  return result
}
