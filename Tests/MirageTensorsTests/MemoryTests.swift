import MirageSupport
import MirageTensors
import Testing

/// Tensors never change, though operations work in the memory of operands that nobody else has.
@Suite(.serialized) struct MemoryTests {
  @Test func whatIsGivenAwayIsWorkedOnInPlace() {
    func address(after operation: (consuming Tensor) -> Tensor) -> Bool {
      let x = Tensor.ones([3, 4])
      let before = x.address
      return operation(consume x).address == before
    }
    #expect(address { $0.relu() } && address { $0.tanh() } && address { $0 + Tensor(1) })
    #expect(address { Tensor(1) * $0 } && address { $0.batchNormalized().output })
    #expect(address { $0.batchNormalized(mean: .zeros([4]), variance: .ones([4])) })
  }

  @Test func whatIsKeptIsNot() {
    let x = Tensor.ones([3, 4])
    #expect(x.relu().address != x.address && (x + x).address != x.address)
    let (whole, part) = (x.reshaped([12]), x.sliced(axis: 0, 1..<2))
    #expect(whole.address == x.address)
    #expect((consume whole).tanh().address != x.address)
    #expect((consume part).relu().values == [1, 1, 1, 1] && x.values.allSatisfy { $0 == 1 })
  }

  @Test func aSliceThatIsGivenAwayIsWorkedOnInItsPlace() {
    var x: Tensor? = Tensor((0..<12).map { Float($0) - 6 }, shape: [3, 4])
    let part = x!.sliced(axis: 0, 1..<2)
    x = nil
    #expect(((consume part) + Tensor(1)).values == [-1, 0, 1, 2])
  }

  /// Random programs: operands are kept or given away, views share memory, the same tensor stands on both sides. After each
  /// operation every tensor that is held has its first bytes, and the result has those of the same operation on copies.
  @Test(arguments: 0..<8) func tensorsNeverChange(_ seed: Int) {
    var random = generator("memory \(seed)")
    let size = seed == 0 ? 9_000 : 4  // above the grain, so that threads share the work
    var held: [(tensor: Tensor, bits: [UInt32])] = []
    func fresh() -> Tensor { .uniform([size, 6], in: -2...2, using: &random) }
    func hold(_ tensor: Tensor) { held.append((tensor, tensor.bits)) }
    for _ in 0..<4 { hold(fresh()) }
    for step in 0..<(size > 4 ? 60 : 3_000) {
      let operation = random.integer(in: 0...MemoryTests.operations)
      let first = random.integer(in: 0...held.count - 1)
      let second = random.integer(in: 0...held.count - 1)
      func copy(_ index: Int) -> Tensor { Tensor(held[index].tensor.values, shape: held[index].tensor.shape) }
      let kept = (copy(first), first == second ? nil : copy(second))
      let expected = apply(operation, kept.0, kept.1 ?? kept.0).bits
      let result: Tensor
      switch random.integer(in: 0...3) {
      case 0 where first != second:  // both given away
        let (low, high) = (min(first, second), max(first, second))
        let later = held.remove(at: high).tensor
        let earlier = held.remove(at: low).tensor
        result =
          first < second
          ? apply(operation, consume earlier, consume later) : apply(operation, consume later, consume earlier)
      case 1:  // the first given away; held still if it is the second as well
        let other = held[second].tensor
        let one = held.remove(at: first).tensor
        result = apply(operation, consume one, consume other)
      case 2 where first != second:
        let one = held[first].tensor
        let other = held.remove(at: second).tensor
        result = apply(operation, consume one, consume other)
      default: result = apply(operation, held[first].tensor, held[second].tensor)
      }
      #expect(result.bits == expected, "step \(step), operation \(operation)")
      #expect(held.allSatisfy { $0.tensor.bits == $0.bits }, "step \(step), operation \(operation)")
      hold(result)
      while held.count > 10 { held.remove(at: random.integer(in: 0...held.count - 1)) }
      while held.count < 4 { hold(fresh()) }
    }
  }

  private static let operations = 18

  /// Operations on two tensors of rank 2, six columns, and any number of rows; the result is such a one.
  private func apply(_ operation: Int, _ x: consuming Tensor, _ y: consuming Tensor) -> Tensor {
    switch operation {
    case 0: return x.relu()
    case 1: return x.tanh()
    case 2: return x.sigmoid()
    case 3: return x.leakyReLU(0.3)
    case 4: return x * 0.5
    case 5: return x.batchNormalized(slope: 0.2).output
    case 6: return x.reshaped([-1, 3, 2]).instanceNormalized().reshaped([-1, 6])
    case 7: return x.sliced(axis: 0, 0..<max(1, x.shape[0] / 2))
    case 8: return x.sliced(axis: 0, x.shape[0] / 2..<x.shape[0])
    case 9: return x.reshaped([6, -1]).reshaped([-1, 6])
    case 10: return x.transposed([1, 0]).reshaped([-1, 6]).tanh()
    case 11: return x.sin() + y.sliced(axis: 0, 0..<1)
    case 12: return y.sliced(axis: 0, 0..<1) - x.square()
    case 13:
      var (first, second) = ((copy x).tanh(), x.square())
      let settings = AdamSettings(
        beta1: 0.5, beta2: 0.9, step: 0.1, rootCorrection: 1, epsilon: 1e-8, decay: 0, decoupledDecay: 0)
      return x.adamStep(x, &first, &second, settings) + first.sliced(axis: 0, 0..<1) * second
    case 14:
      let leaf = x.tracked()
      let z = (leaf.tanh() * leaf + leaf.relu()).batchNormalized().output
      return z.gradients(wrt: [leaf], seed: x)[0].clamped(to: -2...2)
    case 15: return concatenated([y.sliced(axis: 0, 0..<1), copy x], axis: 0).sliced(axis: 0, 1..<x.shape[0] + 1)
    case 16...:
      if x.shape != y.shape { return x + y.sliced(axis: 0, 0..<1) }
      return operation == 16 ? x + y : operation == 17 ? (x - y) * 0.5 : (x * y).clamped(to: -3...3)
    default: return x
    }
  }

  /// Layers as networks chain them, each result given away, against the same with every result kept.
  @Test(arguments: [false, true]) func gradientsDoNotDependOnWhoHoldsTheResults(differentiable: Bool) {
    var random = generator("chain")
    let x = Tensor.normal([4, 6, 6, 8], using: &random).tracked()
    let scale = Tensor.uniform([8], in: 0.5...1.5, using: &random).tracked()
    let weights = Tensor.normal([8, 8, 3, 3], standardDeviation: 0.2, using: &random).tracked()
    func network(_ keep: (Tensor) -> Void) -> Tensor {
      var y = x
      for _ in 0..<3 {
        keep(y)
        y = (consume y).convolved(with: weights, padding: [1])
        keep(y)
        y = (consume y).batchNormalized(scale: scale, offset: scale).output
        keep(y)
        y = (consume y).leakyReLU(0.2) + x
        keep(y)
        y = (consume y).tanh() * scale
      }
      return y.square().sum()
    }
    var kept: [(Tensor, [UInt32])] = []
    let targets = [x, scale, weights]
    let first = network { kept.append(($0, $0.bits)) }.gradients(wrt: targets, differentiable: differentiable)
    let second = network { _ in }.gradients(wrt: targets, differentiable: differentiable)
    for (one, other) in zip(first, second) { #expect(one.bits == other.bits) }
    #expect(kept.allSatisfy { $0.0.bits == $0.1 })
  }

  @Test func theSameStepTakesNoMoreMemoryFromTheSystem() {
    var random = generator("pool")
    let x = Tensor.normal([4, 8, 8, 16], using: &random)
    let weights = Tensor.normal([16, 16, 3, 3], using: &random).tracked()
    func step() {
      let y = x.convolved(with: weights, padding: [1]).batchNormalized(slope: 0.2).output
      _ = y.square().mean().gradients(wrt: [weights])
    }
    for _ in 0..<3 { step() }
    let before = Pool.statistics
    for _ in 0..<20 { step() }
    #expect(Pool.statistics.systemAllocations == before.systemAllocations)
    #expect(Pool.statistics.bytesAllocated == before.bytesAllocated)
  }

  @Test func trimmingGivesEverythingUnusedBack() {
    do { _ = Tensor.ones([1 << 16]) + 1 }
    #expect(Pool.statistics.bytesUnused >= 1 << 18)
    Pool.trim()
    #expect(Pool.statistics.bytesUnused == 0)
    #expect(Tensor.ones([3]).values == [1, 1, 1])
  }
}
