import MirageSupport
import MirageNetworks
import MirageTensors

/// Makes 8 × 12 images of two channels for labels.
final class SmallGenerator: Module {
  private let project: Linear
  private let normalization = ConditionalBatchNorm(8, classes: 3)
  private let body: Sequential

  init(_ random: inout Random, channels: Int = 6) {
    project = Linear(5, 8 * 2 * 3, using: &random)
    body = Sequential([
      ConvTranspose2D(8, channels, kernel: [4], stride: [2], padding: [1], isSpectral: true, using: &random),
      BatchNorm(channels), Activation.relu, Dropout(0.3),
      ConvTranspose2D(channels, 2, kernel: [3], stride: [2], padding: [1], outputPadding: [1], using: &random),
      Activation.tanh,
    ])
  }

  func callAsFunction(_ latent: Tensor, _ labels: [Int], _ mode: Mode) -> Tensor {
    let image = Unflatten(channels: 8, sizes: [2, 3])(project(latent, mode.entering("project")), mode)
    return body(normalization(image, labels, mode.entering("normalization"), slope: 0), mode.entering("body"))
  }

  func visit(_ visitor: inout some StateVisitor) {
    visitor.visit(project, "project")
    visitor.visit(normalization, "normalization")
    visitor.visit(body, "body")
  }
}

func smallDiscriminator(_ random: inout Random, channels: Int = 6) -> Sequential {
  Sequential([
    Conv2D(2, channels, kernel: [3], stride: [2], padding: [1], isSpectral: true, using: &random), BatchNorm(channels),
    Activation.leakyReLU(0.2), Dropout(0.2), Flatten(),
    Linear(channels * 4 * 6, 1, isSpectral: true, using: &random),
  ])
}

/// Every kind of optimizer, with what can be in its state.
enum Method: CaseIterable {
  case sgd, momentum, nesterov, adam, adamW, rmsProp, rmsPropWithMomentum

  func optimizer() -> any Optimizer {
    switch self {
    case .sgd: SGD(learningRate: 0)
    case .momentum: SGD(learningRate: 0, momentum: 0.9, weightDecay: 1e-3)
    case .nesterov: SGD(learningRate: 0, momentum: 0.9, isNesterov: true)
    case .adam: Adam(learningRate: 0, betas: (0.5, 0.999))
    case .adamW: Adam(learningRate: 0, weightDecay: 0.01, isDecoupled: true)
    case .rmsProp: RMSProp(learningRate: 0)
    case .rmsPropWithMomentum: RMSProp(learningRate: 0, momentum: 0.9)
    }
  }
}

/// Trains both on noise.
struct SmallTraining {
  let generator: SmallGenerator
  let discriminator: Sequential
  var generatorOptimizer, discriminatorOptimizer: any Optimizer
  var average: MovingAverage
  var random: Random
  var step = 0
  private let schedule = Schedule.warmUp(steps: 3, then: .cosine(steps: 12, minimum: 0.1))

  init(_ method: Method, seed: UInt64) {
    random = Random(key: Random.Key(seed: seed, path: "training"), sample: 0)
    generator = SmallGenerator(&random)
    discriminator = smallDiscriminator(&random)
    (generatorOptimizer, discriminatorOptimizer) = (method.optimizer(), method.optimizer())
    average = MovingAverage(of: generator)
  }

  /// Returns the losses, two a step.
  mutating func train(_ steps: Int) -> [Float] {
    var losses: [Float] = []
    for _ in 0..<steps {
      let rate = 0.02 * schedule.factor(at: step)
      (generatorOptimizer.learningRate, discriminatorOptimizer.learningRate) = (rate, rate)
      let latent = Tensor.normal([4, 5], using: &random)
      let labels = (0..<4).map { _ in random.integer(in: 0...2) }
      let real = Tensor.uniform([4, 8, 12, 2], in: -1...1, using: &random)
      _ = random.nextWord()  // stops within a block of the generator
      let mode = Mode.training(random)

      let fake = generator(latent, labels, mode.entering("generator"))
      let judged = discriminator(concatenated([real, fake.detached()], axis: 0), mode.entering("discriminator"))
      let targets = Tensor([1, 1, 1, 1, 0, 0, 0, 0], shape: [8, 1])
      let discriminatorLoss = Losses.binaryCrossEntropy(logits: judged, targets: targets)
      losses.append(discriminatorLoss.scalar)
      discriminatorOptimizer.step(discriminator.parameters, discriminator.gradients(of: discriminatorLoss))

      let generatorLoss = Losses.binaryCrossEntropy(
        logits: discriminator(fake, mode.entering("again")), target: 1)
      losses.append(generatorLoss.scalar)
      generatorOptimizer.step(generator.parameters, generator.gradients(of: generatorLoss))
      average.update(with: generator)
      step += 1
    }
    return losses
  }

  func checkpoint() -> Checkpoint {
    var checkpoint = Checkpoint()
    checkpoint.store(generator, as: "generator")
    checkpoint.store(discriminator, as: "discriminator")
    checkpoint.store(optimizer: generatorOptimizer, as: "generator")
    checkpoint.store(optimizer: discriminatorOptimizer, as: "discriminator")
    checkpoint.store(average: average, as: "generator")
    checkpoint.store(random: random, as: "training")
    checkpoint.store(step: step)
    return checkpoint
  }

  /// What a checkpoint can restore.
  enum Part: CaseIterable {
    case generator, discriminator, generatorOptimizer, discriminatorOptimizer, average, random, step
  }

  mutating func restore(_ checkpoint: Checkpoint, without omitted: Part? = nil) throws {
    for part in Part.allCases where part != omitted {
      switch part {
      case .generator: try checkpoint.restore(generator, from: "generator")
      case .discriminator: try checkpoint.restore(discriminator, from: "discriminator")
      case .generatorOptimizer:
        try checkpoint.restore(optimizer: &generatorOptimizer, for: generator.parameters, from: "generator")
      case .discriminatorOptimizer:
        try checkpoint.restore(optimizer: &discriminatorOptimizer, for: discriminator.parameters, from: "discriminator")
      case .average: try checkpoint.restore(average: &average, from: "generator")
      case .random: random = try checkpoint.random(from: "training")
      case .step: step = try checkpoint.step()
      }
    }
  }
}

/// A tensor's shape and bits.
struct Bits: Equatable {
  let shape: [Int]
  let patterns: [UInt32]

  init(_ tensor: Tensor) { (shape, patterns) = (tensor.shape, tensor.values.map(\.bitPattern)) }
}

extension [String: Tensor] {
  var bits: [String: Bits] { mapValues(Bits.init) }
}
