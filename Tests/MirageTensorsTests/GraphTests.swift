import MirageSupport
import MirageTensors
import Testing

/// What is recorded, what of it is computed, and when it is freed. Counts are of the whole process: these tests run alone
/// (`--no-parallel`).
@Suite(.serialized) struct GraphTests {
  private func draw(_ shapes: [Int]...) -> [Tensor] {
    var random = generator("graph")
    return shapes.map { .uniform($0, in: -1...1, using: &random) }
  }

  @Test func untrackedOperationsRecordNothing() {
    let before = recordedOperations
    let x = draw([2, 5, 5, 3], [4, 3, 3, 3])
    let y = x[0].convolved(with: x[1], padding: [1]).batchNormalized(slope: 0.2).output.tanh() * 2 + 1
    #expect(!y.isTracked && recordedOperations == before)
  }

  @Test func aGraphDiesWithItsLastTensor() {
    let before = recordedOperations
    do {
      let x = draw([3, 4])[0].tracked()
      let y = (x.exp() + x * x).sum()
      #expect(recordedOperations == before + 5)
      withExtendedLifetime((x, y)) {}
    }
    #expect(recordedOperations == before)
  }

  @Test func gradientsFreeTheGraphOfATensorThatIsGivenAway() {
    let x = draw([3, 4])[0].tracked()
    let before = recordedOperations
    let y = (x.exp() + x).tanh().sum()
    let gradient = (consume y).gradients(wrt: [x])[0]
    #expect(recordedOperations == before && !gradient.isTracked)
  }

  @Test func aGraphOfADifferentiableGradientDiesToo() {
    let before = recordedOperations
    do {
      let x = draw([2, 4, 4, 3], [3, 3, 3, 3]).map { $0.tracked() }
      let y = x[0].convolved(with: x[1], padding: [1]).batchNormalized(slope: 0.2).output.square().sum()
      let gradient = y.gradients(wrt: x, differentiable: true)
      #expect(gradient.allSatisfy { $0.isTracked })
      let second = gradient[0].square().sum().gradients(wrt: x)
      #expect(second.allSatisfy { !$0.isTracked })
    }
    #expect(recordedOperations == before)
  }

  @Test func twoHundredThousandOperationsAreDifferentiatedAndFreed() {
    let before = recordedOperations
    do {
      let x = Tensor(0.5).tracked()
      var y = x
      for step in 0..<200_000 { y = step % 2 == 0 ? y + x : y * 0.5 }
      #expect(abs(y.gradients(wrt: [x])[0].scalar - 1) < 1e-5)  // y ← (y + x) / 2 tends to x
      let gradient = y.gradients(wrt: [x], differentiable: true)[0]
      #expect(abs(gradient.scalar - 1) < 1e-5)
    }
    do {  // freed without having been differentiated
      var y = Tensor(1).tracked()
      for _ in 0..<200_000 { y = y.square() }
      #expect(y.scalar == 1)
    }
    #expect(recordedOperations == before)
  }

  @Test func aTensorUsedInManyPathsIsDifferentiatedOnce() {
    let x = Tensor(1).tracked()
    var y = x
    for _ in 0..<100 { y = y + y }  // 2¹⁰⁰ paths
    #expect(y.gradients(wrt: [x])[0].scalar == 0x1p100)
    #expect(y.gradients(wrt: [x], differentiable: true)[0].scalar == 0x1p100)
  }

  @Test func theGradientOfWhatIsNotDependedOnIsZero() {
    let (x, other) = (draw([2, 3])[0].tracked(), Tensor.ones([4, 1]).tracked())
    let found = x.square().gradients(wrt: [other, x])
    #expect(found[0].shape == [4, 1] && found[0].values.allSatisfy { $0 == 0 } && distance(found[1], x * 2) == 0)
    #expect(Tensor(1).gradients(wrt: [other])[0].values == [0, 0, 0, 0])  // of a tensor without history
    #expect(x.sign().gradients(wrt: [x])[0].values.allSatisfy { $0 == 0 })
  }

  @Test func theGradientWithRespectToItselfIsTheSeed() {
    let x = draw([2, 3]).map { $0.tracked() }[0]
    let y = x.exp()
    #expect(y.gradients(wrt: [y])[0].values == [1, 1, 1, 1, 1, 1])
    let both = y.gradients(wrt: [y, x], seed: x.detached())
    #expect(both[0].bits == x.bits && distance(both[1], x * y) < 1e-6)
  }

  @Test func resultsOnTheWayMayBeTargets() {
    let x = draw([2, 3])[0].tracked()
    let middle = x.exp()
    let found = (middle * middle).sum().gradients(wrt: [middle, x, middle])
    #expect(distance(found[0], middle * 2) < 1e-6 && distance(found[1], middle * middle * 2) < 1e-6)
    #expect(found[2].bits == found[0].bits)
  }

  @Test(arguments: [false, true]) func usesOfOneTensorAddUp(differentiable: Bool) {
    let x = draw([2, 3])[0].tracked()
    func gradient(_ y: Tensor) -> Tensor { y.gradients(wrt: [x], differentiable: differentiable)[0] }
    #expect(distance(gradient(x * x), x * 2) < 1e-6)
    #expect(distance(gradient(x + x), .full([2, 3], 2)) < 1e-6)
    #expect(distance(gradient(x - x), .zeros([2, 3])) < 1e-6)
    #expect(distance(gradient(x / x), .zeros([2, 3])) < 1e-5)
    #expect(distance(gradient(maximum(x, x)), .ones([2, 3])) < 1e-6)
    #expect(distance(gradient(concatenated([x, x], axis: 0)), .full([2, 3], 2)) < 1e-6)
    #expect(distance(gradient(select(x, x, x)), .ones([2, 3])) < 1e-6)
    #expect(distance(gradient(matmul(x, x, transposeB: true)), x.sum(axes: [0]) * 2 + .zeros([2, 3])) < 1e-5)
  }

  /// x is the input, and the scale and offset of each sample's channels: as far as it is the one, the other is constant.
  @Test(arguments: [false, true]) func aTensorMayNormaliseItself(differentiable: Bool) {
    let x = draw([5, 3])[0].tracked()
    let weights = draw([1], [5, 3])[1]
    let together = x.batchNormalized(scale: x, offset: x).output
      .gradients(wrt: [x], seed: weights, differentiable: differentiable)[0]
    let apart = (0..<3).map { _ in x.detached().tracked() }
    let parts = apart[0].batchNormalized(scale: apart[1], offset: apart[2]).output.gradients(wrt: apart, seed: weights)
    #expect(distance(together, parts[0] + parts[1] + parts[2]) < 1e-5)
  }

  @Test func detachedCutsTheHistory() {
    let x = draw([2, 3])[0].tracked()
    #expect(!x.exp().detached().isTracked)
    #expect(distance((x * x.detached()).gradients(wrt: [x])[0], x.detached()) == 0)
    #expect(x.detached().square().gradients(wrt: [x])[0].values.allSatisfy { $0 == 0 })
  }

  @Test func onlyWhatLeadsToATargetIsComputed() {
    var random = generator("leading")
    func weights(_ shape: [Int]) -> Tensor { Tensor.normal(shape, standardDeviation: 0.1, using: &random).tracked() }
    let generator = [weights([8, 8, 3, 3]), weights([3, 8, 3, 3])]
    let discriminator = [weights([8, 3, 3, 3]), weights([1, 8, 3, 3])]
    let z = Tensor.normal([2, 8, 8, 8], using: &random)
    func network(_ x: Tensor, _ weights: [Tensor]) -> Tensor {
      x.convolved(with: weights[0], padding: [1]).leakyReLU(0.2).convolved(with: weights[1], padding: [1])
    }
    let fake = network(z, generator).tanh()
    func passes(_ targets: [Tensor], of loss: Tensor) -> [String: Int] {
      let entries = Profile.measuring { _ = loss.gradients(wrt: targets) }
      return Dictionary(
        entries.filter { $0.key.hasPrefix("convolution") }
          .map { key, entry in (String(key.split(separator: ",")[1].dropFirst()), entry.calls) }, uniquingKeysWith: +)
    }
    let loss = network(fake, discriminator).sum()
    // Generator's weights: through both layers of the discriminator and one of the generator.
    #expect(passes(generator, of: loss) == ["input gradient": 3, "weight gradient": 2])
    // Discriminator's weights: through its second layer; the generator is not touched.
    #expect(passes(discriminator, of: loss) == ["input gradient": 1, "weight gradient": 2])
    #expect(passes([discriminator[1]], of: loss) == ["weight gradient": 1])
    #expect(passes([fake], of: loss) == ["input gradient": 2])
    #expect(passes(generator, of: network(fake.detached(), discriminator).sum()) == [:])
  }

  @Test func gradientsAreNotRecordedUnlessAsked() {
    let x = draw([2, 3])[0].tracked()
    let y = (x.exp() * x).sum()
    #expect(!y.gradients(wrt: [x])[0].isTracked && y.gradients(wrt: [x], differentiable: true)[0].isTracked)
    // A tracked seed does not leak into gradients that are not differentiable.
    #expect(!x.exp().gradients(wrt: [x], seed: x)[0].isTracked)
  }
}
