import MirageSupport
import MirageTensors
import Testing

/// Weights are kept in the order that kernels want with their storage, which views share.
@Suite struct PackingTests {
  @Test(arguments: [true, false]) func viewsHaveCopiesOfTheirOwn(_ wholeFirst: Bool) {
    var random = Random(key: Random.Key(seed: 3, path: "packing"), sample: 0)
    let x = Tensor.normal([2, 32, 32, 64], using: &random)
    let values = Tensor.normal([64, 64, 3, 3], using: &random).values
    func convolved(_ weights: Tensor) -> [Float] { x.convolved(with: weights, padding: [1]).values }
    // Each with a storage of its own.
    let whole = convolved(Tensor(values, shape: [64, 64, 3, 3]))
    let half = convolved(Tensor(Array(values.prefix(32 * 64 * 9)), shape: [32, 64, 3, 3]))

    let weights = Tensor(values, shape: [64, 64, 3, 3])
    let view = weights.sliced(axis: 0, 0..<32)
    let shared = wholeFirst ? [weights, view] : [view, weights]
    let results = shared.map(convolved)
    #expect(results == (wholeFirst ? [whole, half] : [half, whole]))
  }

  @Test func manySizesOfInputsDoNotFillMemory() {
    var random = Random(key: Random.Key(seed: 4, path: "packing"), sample: 0)
    let weights = Tensor.normal([8, 8, 5, 5], using: &random)
    var most = 0
    for size in 5..<200 {
      let x = Tensor.normal([1, size, 5, 8], using: &random)
      _ = x.convolved(with: weights)
      if size == 20 { most = Pool.statistics.bytesAllocated - Pool.statistics.bytesUnused }
    }
    #expect(Pool.statistics.bytesAllocated - Pool.statistics.bytesUnused <= most + 1 << 16)
  }

  /// Wider padding than the kernel, of which some outputs see nothing else.
  @Test(arguments: [3, 4]) func wideningByPaddingIsPaddingFirst(_ side: Int) {
    var random = Random(key: Random.Key(seed: 5, path: "packing"), sample: 0)
    let x = Tensor.normal([2, 16, 16, 16], using: &random)
    let weights = Tensor.normal([16, 16, side, side], using: &random)
    let padded = x.padded([(0, 0), (5, 5), (5, 5), (0, 0)]).convolved(with: weights)
    let difference = (x.convolved(with: weights, padding: [5]) - padded).abs().values.max()!
    #expect(difference < 1e-3)
  }
}
