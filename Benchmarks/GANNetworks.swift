import Mirage

// These networks and steps are those of Peers/gan_steps.py, layer for layer.

/// DCGAN at 64 × 64 (Radford et al. 2016): the discriminator on real and on fake images, then the generator.
struct DCGANStep {
  let generator, discriminator: Sequential
  private var generatorAdam = Adam(learningRate: 2e-4, betas: (0.5, 0.999))
  private var discriminatorAdam = Adam(learningRate: 2e-4, betas: (0.5, 0.999))
  private let real: Tensor
  private var random = benchmarkRandom(1)

  init() {
    var random = benchmarkRandom(0)
    func up(_ inputs: Int, _ outputs: Int, stride: Int = 2, padding: Int = 1) -> [any Layer] {
      let convolution = ConvTranspose2D(
        inputs, outputs, kernel: [4], stride: [stride], padding: [padding], hasBias: false, initialized: .normal(),
        using: &random)
      return [convolution, BatchNorm(outputs), Activation.relu]
    }
    func down(_ inputs: Int, _ outputs: Int, stride: Int = 2, padding: Int = 1) -> Conv2D {
      Conv2D(
        inputs, outputs, kernel: [4], stride: [stride], padding: [padding], hasBias: false, initialized: .normal(),
        using: &random)
    }
    let rectifier = Activation.leakyReLU(0.2)
    generator = Sequential(
      up(100, 512, stride: 1, padding: 0) + up(512, 256) + up(256, 128) + up(128, 64) + [up(64, 3)[0], Activation.tanh])
    discriminator = Sequential([
      down(3, 64), rectifier, down(64, 128), BatchNorm(128), rectifier, down(128, 256), BatchNorm(256), rectifier,
      down(256, 512), BatchNorm(512), rectifier, down(512, 1, stride: 1, padding: 0),
    ])
    real = .uniform([64, 64, 64, 3], in: -1...1, using: &random)
  }

  mutating func step() {
    let mode = Mode.training(random)
    let fake = generator(.normal([64, 1, 1, 100], using: &random), mode)
    var gradients = discriminatorGradients(real, target: 1, mode)
    gradients = zip(gradients, discriminatorGradients(fake.detached(), target: 0, mode)).map { $0 + $1 }
    discriminatorAdam.step(discriminator.parameters, gradients)
    generatorAdam.step(
      generator.parameters,
      generator.gradients(of: Losses.binaryCrossEntropy(logits: discriminator(fake, mode), target: 1)))
  }

  private func discriminatorGradients(_ images: Tensor, target: Float, _ mode: Mode) -> [Tensor] {
    discriminator.gradients(of: Losses.binaryCrossEntropy(logits: discriminator(images, mode), target: target))
  }
}

func benchmarkRandom(_ sample: UInt64) -> Random { Random(key: Random.Key(seed: 7, path: "benchmark"), sample: sample) }

/// CycleGAN at 128 × 128, 6 blocks, batch 1: both generators, then both discriminators.
struct CycleGANStep {
  private let gan: CycleGAN
  private let realA, realB: Tensor

  init() throws {
    var model = CycleGANModel()
    model.blocks = 6
    gan = try CycleGAN(CycleGANConfiguration(model, height: 128, width: 128), CycleGANRecipe(), seed: 7)
    var random = benchmarkRandom(0)
    realA = .uniform([1, 128, 128, 3], in: -1...1, using: &random)
    realB = .uniform([1, 128, 128, 3], in: -1...1, using: &random)
  }

  func step() { _ = gan.step(realA, realB) }
}

/// FastCUT at 64 × 64, batch 4: a generator of 4 blocks and 32 filters. Half of the measured steps are mirrored.
struct FastCUTStep {
  private let gan: ContrastiveGAN
  private let realA, realB: Tensor

  init() throws {
    var model = ContrastiveModel()
    (model.blocks, model.filters, model.discriminatorFilters) = (4, 32, 64)
    gan = try ContrastiveGAN(ContrastiveConfiguration(model, height: 64, width: 64), ContrastiveRecipe(), seed: 5)
    var random = benchmarkRandom(0)
    realA = .uniform([4, 64, 64, 3], in: -1...1, using: &random)
    realB = .uniform([4, 64, 64, 3], in: -1...1, using: &random)
  }

  func step() { _ = gan.step(realA, realB) }
}

/// pix2pix at 64 × 64, batch 4: a U-Net of 6 levels and 64 filters.
struct PixToPixStep {
  private let gan: PixToPix
  private let inputs, targets: Tensor

  init() throws {
    gan = try PixToPix(PixToPixConfiguration(PixToPixModel(), height: 64, width: 64), PixToPixRecipe(), seed: 7)
    var random = benchmarkRandom(0)
    inputs = .uniform([4, 64, 64, 3], in: -1...1, using: &random)
    targets = .uniform([4, 64, 64, 3], in: -1...1, using: &random)
  }

  func step() { _ = gan.step(inputs, targets) }
}

/// The small conditional GAN at 28 × 28: conditional batch normalization, projection discriminator, spectral
/// normalization, hinge losses; with a moving average of the generator.
struct ConditionalGANStep {
  private let generator = ConditionalGenerator()
  private let discriminator = ProjectionDiscriminator()
  private var generatorAdam = Adam(learningRate: 4e-4, betas: (0.5, 0.999))
  private var discriminatorAdam = Adam(learningRate: 4e-4, betas: (0.5, 0.999))
  private var average: MovingAverage
  private let real: Tensor
  private let labels: [Int]
  private var random = benchmarkRandom(1)

  init() {
    var random = benchmarkRandom(0)
    real = .uniform([128, 28, 28, 1], in: -1...1, using: &random)
    labels = (0..<128).map { _ in random.integer(in: 0...9) }
    average = MovingAverage(of: generator, decay: 0.999, rampUp: 0)
    precondition(generator.parameterCount == 576_385 && discriminator.parameterCount == 108_641)
  }

  mutating func step() {
    let mode = Mode.training(random)
    let fakeLabels = (0..<128).map { _ in random.integer(in: 0...9) }
    let fake = generator(.normal([128, 64], using: &random), fakeLabels, mode)
    let loss = Losses.hingeDiscriminator(
      real: discriminator(real, labels, mode), fake: discriminator(fake.detached(), fakeLabels, mode))
    discriminatorAdam.step(discriminator.parameters, discriminator.gradients(of: loss))
    let fooled = Losses.hingeGenerator(fake: discriminator(fake, fakeLabels, mode))
    generatorAdam.step(generator.parameters, generator.gradients(of: fooled))
    average.update(with: generator)
  }

  private final class ConditionalGenerator: Module {
    private let project: Linear
    private let norms: [ConditionalBatchNorm]
    private let up: [ConvTranspose2D]
    private let out: Conv2D

    init() {
      var random = benchmarkRandom(2)
      project = Linear(64, 7 * 7 * 128, using: &random)
      norms = [128, 64, 32].map { ConditionalBatchNorm($0, classes: 10) }
      up = [(128, 64), (64, 32)].map {
        ConvTranspose2D($0, $1, kernel: [4], stride: [2], padding: [1], using: &random)
      }
      out = Conv2D(32, 1, kernel: [3], padding: [1], using: &random)
    }

    func callAsFunction(_ z: Tensor, _ labels: [Int], _ mode: Mode) -> Tensor {
      var x = Unflatten(channels: 128, sizes: [7, 7])(project(z, mode), mode)
      x = norms[0](x, labels, mode, slope: 0)
      x = norms[1](up[0](x, mode), labels, mode, slope: 0)
      x = norms[2](up[1](x, mode), labels, mode, slope: 0)
      return out(x, mode).tanh()
    }

    func visit(_ visitor: inout some StateVisitor) {
      visitor.visit(project, "project")
      for (index, norm) in norms.enumerated() { visitor.visit(norm, "norms.\(index)") }
      for (index, layer) in up.enumerated() { visitor.visit(layer, "up\(index + 1)") }
      visitor.visit(out, "out")
    }
  }

  private final class ProjectionDiscriminator: Module {
    private let convolutions: [Conv2D]
    private let linear: Linear
    private let embedding: Embedding

    init() {
      var random = benchmarkRandom(3)
      convolutions = [
        Conv2D(1, 32, kernel: [4], stride: [2], padding: [1], isSpectral: true, using: &random),
        Conv2D(32, 64, kernel: [4], stride: [2], padding: [1], isSpectral: true, using: &random),
        Conv2D(64, 128, kernel: [3], padding: [1], isSpectral: true, using: &random),
      ]
      linear = Linear(128, 1, isSpectral: true, using: &random)
      embedding = Embedding(10, 128, isSpectral: true, using: &random)
    }

    func callAsFunction(_ x: Tensor, _ labels: [Int], _ mode: Mode) -> Tensor {
      var x = x
      for convolution in convolutions { x = convolution(x, mode).leakyReLU(0.1) }
      let features = x.sum(axes: [1, 2])
      return linear(features, mode).reshaped([-1]) + (features * embedding(labels, mode)).sum(axes: [1])
    }

    func visit(_ visitor: inout some StateVisitor) {
      for (index, layer) in convolutions.enumerated() { visitor.visit(layer, "\(index)") }
      visitor.visit(linear, "linear")
      visitor.visit(embedding, "embedding")
    }
  }
}
