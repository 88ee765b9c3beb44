import MirageSupport
import MirageTensors
import Testing

/// Tensors without elements are tensors.
@Suite struct EmptyTensorTests {
  private let x = Tensor.zeros([3, 0])

  @Test func elementwiseOperationsOfNothingAreNothing() {
    #expect((x.exp() + x * 2).shape == [3, 0] && (x + .ones([3, 1])).shape == [3, 0])
    #expect(select(x, x, x).shape == [3, 0] && x.clamped(to: 0...1).values.isEmpty)
    #expect(Tensor.zeros([0, 4]).softmax().shape == [0, 4])
  }

  @Test func sumsOfNothingAreZero() {
    #expect(x.sum().scalar == 0 && x.sum(axes: [1]).values == [0, 0, 0])
    #expect(x.sum(axes: [0]).shape == [0] && Tensor.zeros([0, 3]).sum(axes: [0]).values == [0, 0, 0])
  }

  @Test func productsOverNothingAreZero() {
    #expect(matmul(x, .zeros([0, 2])).values == [Float](repeating: 0, count: 6))
    #expect(matmul(.zeros([0, 2]), .ones([2, 3])).shape == [0, 3])
  }

  @Test func shapesOfNothing() {
    #expect(x.reshaped([0, 5]).shape == [0, 5] && x.transposed([1, 0]).shape == [0, 3])
    #expect(Tensor.ones([2, 3]).sliced(axis: 1, 2..<2).shape == [2, 0])
    #expect(Tensor.ones([2, 3]).gathered([], axis: 0).shape == [0, 3])
    #expect(concatenated([x, .ones([3, 2])], axis: 1).values == [1, 1, 1, 1, 1, 1])
    #expect(x.padded([(0, 0), (1, 1)], value: 2).values == [2, 2, 2, 2, 2, 2])
  }

  @Test func layersOfNothing() {
    let images = Tensor.zeros([0, 4, 3, 2])
    #expect(images.resized(to: [2, 5]).shape == [0, 2, 5, 2])
    #expect(images.batchNormalized(mean: .zeros([2]), variance: .ones([2])).shape == [0, 4, 3, 2])
  }

  @Test func nothingIsDrawn() {
    var random = generator("empty")
    #expect(Tensor.normal([0], using: &random).values.isEmpty && Tensor.uniform([2, 0], using: &random).count == 0)
  }

  @Test func gradientsOfNothingAreNothing() {
    let leaf = x.tracked()
    let gradients = (leaf.exp() * leaf).sum().gradients(wrt: [leaf], differentiable: true)
    #expect(gradients[0].shape == [3, 0])
    let whole = Tensor.ones([2, 3]).tracked()
    #expect(whole.sliced(axis: 1, 1..<1).sum().gradients(wrt: [whole])[0].values == [0, 0, 0, 0, 0, 0])
  }

  @Test func aSliceOfASliceIsWhereItShouldBe() {
    let x = Tensor((0..<24).map { Float($0) }, shape: [4, 3, 2])
    let y = x.sliced(axis: 0, 1..<4).sliced(axis: 0, 1..<2).reshaped([3, 2])
    #expect(y.values == [12, 13, 14, 15, 16, 17] && y.sliced(axis: 1, 1..<2).values == [13, 15, 17])
    // Kernels begin at the slice's own place: packed weights too.
    let weights = Tensor((0..<36).map { Float($0) }, shape: [2, 2, 1, 3, 3])
    let image = Tensor.ones([1, 3, 3, 1])
    let sums = (0..<2).map { index in
      image.convolved(with: weights.sliced(axis: 0, index..<index + 1).reshaped([2, 1, 3, 3])).values
    }
    #expect(sums == [[36, 117], [198, 279]])
  }
}
