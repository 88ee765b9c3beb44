import MirageSupport
import MirageTensors
import Testing

/// Equal seeds and threads give equal bits; where sums are not shared out by threads, so does any number of threads. These
/// tests set `Compute.threads` of the whole process, and put it back.
@Suite(.serialized) struct DeterminismTests {
  /// The results with one and with two threads.
  private func with1And2Threads(_ body: () -> [Tensor]) -> ([Tensor], [Tensor]) {
    let before = Compute.threads
    defer { Compute.threads = before }
    Compute.threads = 1
    let one = body()
    Compute.threads = 2
    return (one, body())
  }

  private func expectSameBits(_ name: String = "", _ body: () -> [Tensor]) {
    let (one, two) = with1And2Threads(body)
    #expect(one.map(\.shape) == two.map(\.shape), "\(name)")
    #expect(one.map(\.bits) == two.map(\.bits), "\(name)")
  }

  @Test func randomTensorsDoNotDependOnThreads() {
    for count in [1, 3, 4, 4_099, 100_003] {
      expectSameBits("\(count)") {
        var random = generator("fill")
        return [.uniform([count], using: &random), .normal([count], mean: 1, standardDeviation: 2, using: &random)]
      }
    }
  }

  @Test func elementwiseOperationsDoNotDependOnThreads() {
    var random = generator("elementwise")
    let (x, y) = (Tensor.normal([301, 173], using: &random), Tensor.normal([301, 1], using: &random))
    expectSameBits {
      [
        x.exp(), x.tanh(), x.sigmoid(), x.leakyReLU(0.2), x.softplus(), x.silu(), x.sin(), x + y, x * x, y / x,
        maximum(x, y), select(x.isGreater(than: y), x, y), x.transposed([1, 0]),
        x.reshaped([173, 7, 43]).transposed([2, 1, 0]),
        concatenated([x, x], axis: 1), x.padded([(1, 2), (3, 0)]), x.gathered([5, 1, 300, 5], axis: 0),
        x.gathered(Array(0..<170), axis: 1),
      ]
    }
  }

  @Test func reductionsDoNotDependOnThreads() {
    var random = generator("reductions")
    let x = Tensor.normal([61, 47, 35], using: &random)
    expectSameBits {
      [
        x.sum(), x.sum(axes: [0]), x.sum(axes: [1]), x.sum(axes: [2]), x.sum(axes: [0, 1]), x.mean(axes: [1, 2]),
        x.variance(), x.max(axis: 0), x.max(axis: 2), x.softmax(), x.logSoftmax(), x.reshaped([-1]).max(axis: 0),
      ]
    }
  }

  @Test func normalisationsAndTheirGradientsDoNotDependOnThreads() {
    var random = generator("normalizations")
    let x = [[5, 31, 29, 19], [19], [19], [5, 19]].map { Tensor.normal($0, using: &random).tracked() }
    let wide = Tensor.normal([300, 171], using: &random).tracked()
    expectSameBits {
      let (output, mean, variance) = x[0].batchNormalized(scale: x[1], offset: x[2], slope: 0.2)
      let conditional = x[0].batchNormalized(scale: x[3], offset: x[3]).output
      let instance = x[0].instanceNormalized(scale: x[1], offset: x[2])
      let layer = wide.layerNormalized(axes: 1)
      return [output, mean, variance, conditional, instance, layer]
        + output.gradients(wrt: Array(x[..<3]), seed: x[0]) + conditional.gradients(wrt: [x[0], x[3]], seed: x[0])
        + instance.gradients(wrt: Array(x[..<3]), seed: x[0]) + layer.gradients(wrt: [wide], seed: wide)
    }
  }

  @Test func poolingDoesNotDependOnThreads() {
    var random = generator("pooling")
    let x = Tensor.normal([7, 31, 29, 19], using: &random).tracked()
    expectSameBits {
      let pooled = [x.maxPooled(size: [3], stride: [2], padding: [1]), x.averagePooled(size: [2]), x.upsampled(by: 2)]
      return pooled + pooled.map { $0.square().sum().gradients(wrt: [x])[0] }
    }
  }

  @Test func productsAndConvolutionsHardlyDependOnThreads() {
    var random = generator("products")
    let (a, b) = (Tensor.normal([77, 301], using: &random), Tensor.normal([301, 55], using: &random))
    let x = Tensor.normal([6, 17, 15, 17], using: &random).tracked()
    for (kernel, stride) in [(1, 1), (3, 1), (3, 2), (4, 1), (4, 2), (5, 1)] {
      let weights = Tensor.normal([18, 17, kernel, kernel], standardDeviation: 0.1, using: &random).tracked()
      let (one, two) = with1And2Threads {
        let y = x.convolved(with: weights, stride: [stride], padding: [1])
        return [y] + y.gradients(wrt: [x, weights]) + [matmul(a, b)]
      }
      for (first, second) in zip(one, two) { #expect(distance(second, first) < 1e-5, "\(kernel), \(stride)") }
    }
  }

  @Test(arguments: [1, 2]) func equalSeedsGiveEqualTraining(threads: Int) {
    let before = Compute.threads
    defer { Compute.threads = before }
    Compute.threads = threads
    func train() -> [[UInt32]] {
      var random = generator("training")
      var weights = [[24, 16, 4, 4], [24, 24, 3, 3], [24, 1]].map {
        Tensor.normal($0, standardDeviation: 0.1, using: &random)
      }
      var first = weights.map { Tensor.zeros($0.shape) }
      var second = first
      var losses: [Tensor] = []
      for step in 1...4 {
        let x = Tensor.normal([8, 14, 14, 16], using: &random)
        let leaves = weights.map { $0.tracked() }
        let y = x.convolved(with: leaves[0], stride: [2], padding: [1]).batchNormalized(slope: 0.2).output
          .convolved(with: leaves[1], padding: [1]).instanceNormalized().tanh()
        let loss = matmul(y.mean(axes: [1, 2]), leaves[2]).softplus().mean()
        losses.append(loss.detached())
        let settings = AdamSettings(
          beta1: 0.5, beta2: 0.9, step: 0.01 * Float(step), rootCorrection: 1, epsilon: 1e-8, decay: 0,
          decoupledDecay: 0)
        for (index, gradient) in loss.gradients(wrt: leaves).enumerated() {
          weights[index] = weights[index].adamStep(gradient, &first[index], &second[index], settings)
        }
      }
      return (losses + weights).map(\.bits)
    }
    #expect(train() == train())
  }
}
