import MirageSupport
import MirageNetworks
import MirageTensors
import Testing

/// A small convolutional GAN, trained for some steps. The counts are of the whole process: these tests run alone
/// (`--no-parallel`).
@Suite(.serialized) struct TrainingTests {
  private struct GAN {
    let generator, discriminator: Sequential
    var generatorSteps = Adam(learningRate: 2e-3, betas: (0.5, 0.999))
    var discriminatorSteps = Adam(learningRate: 2e-3, betas: (0.5, 0.999))
    var average: MovingAverage
    var random: Random

    init(_ name: String) {
      var random = MirageNetworksTests.generator(name)
      generator = Sequential([
        Unflatten(channels: 8, sizes: [1, 1]),
        ConvTranspose2D(8, 16, kernel: [4], hasBias: false, initialized: .normal(), using: &random), BatchNorm(16),
        Activation.relu,
        ConvTranspose2D(16, 1, kernel: [4], stride: [2], padding: [1], initialized: .normal(), using: &random),
        Activation.tanh,
      ])
      discriminator = Sequential([
        Conv2D(1, 16, kernel: [4], stride: [2], padding: [1], initialized: .normal(), using: &random),
        Activation.leakyReLU(0.2), Conv2D(16, 16, kernel: [3], padding: [1], hasBias: false, using: &random),
        BatchNorm(16), Activation.leakyReLU(0.2), Dropout(0.2), Flatten(),
        Linear(256, 1, isSpectral: true, using: &random),
      ])
      average = MovingAverage(of: generator)
      self.random = random
    }

    /// - Returns: the losses of discriminator and generator.
    mutating func step() -> [Float] {
      let real = Tensor.uniform([8, 8, 8, 1], in: -1...1, using: &random).sign() * 0.5
      let mode = Mode.training(random.derived("mode"))
      let fake = generator(.normal([8, 8], using: &random), mode)
      let loss =
        Losses.binaryCrossEntropy(logits: discriminator(real, mode), target: 1)
        + Losses.binaryCrossEntropy(logits: discriminator(fake.detached(), mode), target: 0)
      var losses = [loss.scalar]
      discriminatorSteps.step(discriminator.parameters, discriminator.gradients(of: loss))
      let fooled = Losses.binaryCrossEntropy(logits: discriminator(fake, mode), target: 1)
      losses.append(fooled.scalar)
      generatorSteps.step(generator.parameters, generator.gradients(of: fooled))
      average.update(with: generator)
      return losses
    }

    var bits: [String: [UInt32]] {
      generator.state.merging(discriminator.state.map { ("d." + $0.key, $0.value) }) { $1 }
        .merging(average.state.map { ("average." + $0.key, $0.value) }) { $1 }.mapValues(\.bits)
    }
  }

  @Test func aHundredStepsLeaveNoNodeAndTakeNoMemory() {
    var gan = GAN("leak")
    for _ in 0..<5 { _ = gan.step() }
    let (nodes, memory) = (recordedOperations, Pool.statistics)
    for _ in 0..<100 { #expect(gan.step().allSatisfy { $0.isFinite }) }
    #expect(recordedOperations == nodes)
    #expect(Pool.statistics.systemAllocations == memory.systemAllocations)
    #expect(Pool.statistics.bytesAllocated == memory.bytesAllocated)
    #expect(Pool.statistics.bytesUnused == memory.bytesUnused)
  }

  @Test(arguments: [1, 2]) func equalSeedsAndThreadsGiveEqualBits(threads: Int) {
    let before = Compute.threads
    defer { Compute.threads = before }
    Compute.threads = threads
    var (one, other) = (GAN("same"), GAN("same"))
    #expect((0..<5).map { _ in one.step() } == (0..<5).map { _ in other.step() })
    #expect(one.bits == other.bits)
    var third = GAN("another")
    #expect(third.step() != one.step())
  }

  @Test func aGeneratorsStepComputesNoWeightGradientOfTheDiscriminator() {
    let gan = GAN("profile")
    var random = generator("profile")
    let fake = gan.generator(.normal([8, 8], using: &random), training())
    let loss = Losses.binaryCrossEntropy(logits: gan.discriminator(fake, training()), target: 1)
    func calls(_ pass: String, _ module: some Module) -> Int {
      Profile.measuring { _ = module.gradients(of: loss) }.filter { $0.key.contains(pass) }.reduce(0) {
        $0 + $1.value.calls
      }
    }
    // Two transposed convolutions have a weight gradient each; the discriminator's two have none.
    #expect(calls("weight gradient", gan.generator) == 2)
    #expect(calls("weight gradient", gan.discriminator) == 2)
    // Through both of the discriminator; a transposed convolution's is a forward pass, and the first needs none.
    #expect(calls("input gradient", gan.generator) == 2 && calls("forward", gan.generator) == 1)
    #expect(calls("input gradient", gan.discriminator) == 1 && calls("forward", gan.discriminator) == 0)
  }

  @Test func gradientsFreeTheGraphOfALoss() {
    let gan = GAN("free")
    var random = generator("free")
    let before = recordedOperations
    let loss = gan.generator(.normal([8, 8], using: &random), training()).square().mean()
    #expect(recordedOperations > before)
    let gradients = gan.generator.gradients(of: consume loss)
    #expect(recordedOperations == before && gradients.count == gan.generator.parameters.count)
  }
}
