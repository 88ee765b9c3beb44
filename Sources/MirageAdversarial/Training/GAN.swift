import MirageSupport
import MirageNetworks
import MirageTensors

/// A generator and a discriminator in training: one `step` after the other makes them better.
///
/// Everything random in a step is drawn from the seed and the step's number, so a training that goes on from a checkpoint
/// makes the same steps.
public final class GAN {
  /// What the networks are for.
  public let configuration: GANConfiguration
  /// How they are trained, with nothing left out.
  public let recipe: GANRecipe
  /// As it is in training; samples are made with `average`.
  public let generator: any Generator
  /// Or critic, with the Wasserstein losses.
  public let discriminator: any Discriminator
  /// Of the generator's weights and running statistics: what samples are made with.
  public private(set) var average: MovingAverage
  /// Steps done.
  public private(set) var steps = 0
  private var generatorOptimizer, discriminatorOptimizer: any Optimizer
  private let key: Random.Key
  private let generatorParameters, discriminatorParameters: [Parameter]

  /// Real images, N × H × W × C in -1 ... 1, with a class each.
  public typealias Real = (images: Tensor, labels: [Int])

  /// Networks with random weights.
  ///
  /// - Throws: bad pipeline where settings exclude each other, with the reason.
  public init(_ configuration: GANConfiguration, _ recipe: GANRecipe, seed: UInt64) throws {
    self.configuration = configuration
    self.recipe = try recipe.resolved(for: configuration.model)
    key = Random.Key(seed: seed, path: "gan")
    var random = Random(key: key, sample: 0).derived("weights")
    (generator, discriminator) = configuration.networks(using: &random)
    average = MovingAverage(of: generator, decay: Float(recipe.average), averagesBuffers: true)
    (generatorParameters, discriminatorParameters) = (generator.parameters, discriminator.parameters)
    generatorOptimizer = self.recipe.optimizer(learningRate: self.recipe.learningRate!)
    discriminatorOptimizer = self.recipe.optimizer(learningRate: self.recipe.discriminatorLearningRate!)
  }

  /// What a step measured.
  public struct Measures: Sendable {
    /// Of both networks, penalties included.
    public var discriminatorLoss, generatorLoss: Float
    /// The penalty's part, where there is one.
    public var penalty: Float?
    /// The mean logits of real and of fake images.
    public var realLogit, fakeLogit: Float
    /// Of all parameters together; where they were asked for.
    public var discriminatorGradientNorm, generatorGradientNorm: Float?
  }

  /// One step of the generator after the discriminator's.
  ///
  /// - Parameters:
  ///   - batches: as many as `recipe.discriminatorSteps`, each for one step of the discriminator.
  ///   - measuresGradients: whether the gradients' norms are computed.
  public func step(on batches: [Real], measuresGradients: Bool = false) -> Measures {
    check(batches)
    let factor = recipe.learningRateFactor(at: steps)
    discriminatorOptimizer.learningRate = Float(recipe.discriminatorLearningRate!) * factor
    generatorOptimizer.learningRate = Float(recipe.learningRate!) * factor
    var fake = Tensor.zeros([0])
    var measures = Measures(discriminatorLoss: 0, generatorLoss: 0, realLogit: 0, fakeLogit: 0)
    var random = Random(key: key, sample: UInt64(steps + 1))
    var labels: [Int] = []
    for (index, real) in batches.enumerated() {
      random = Random(key: key, sample: UInt64(steps + 1), epoch: index + 1)
      // Fakes are of the real images' classes, so that both have them equally often.
      labels = real.labels
      let latents = configuration.latents(labels.count, using: &random)
      fake = generator(latents, labels, .training(random.derived("generator")))
      let gradients = discriminatorGradients(real, fake.detached(), &random, &measures)
      if measuresGradients { measures.discriminatorGradientNorm = GradientRules.norm(gradients) }
      discriminatorOptimizer.step(discriminatorParameters, gradients)
      if let clip = recipe.clip { Penalties.clip(discriminatorParameters, to: Float(clip)) }
    }
    let gradients = generatorLoss(fake, labels, &random, &measures)
      .gradients(wrt: generatorParameters.map(\.leaf))
    if measuresGradients { measures.generatorGradientNorm = GradientRules.norm(gradients) }
    generatorOptimizer.step(generatorParameters, gradients)
    average.update(with: generator)
    steps += 1
    return measures
  }

  private func check(_ batches: [Real]) {
    let steps = recipe.discriminatorSteps!
    require(batches.count == steps, "GAN: \(batches.count) batches for \(steps) steps of the discriminator")
    for (images, labels) in batches {
      let shape = [labels.count, configuration.height, configuration.width, configuration.channels]
      require(images.shape == shape, "GAN: images of \(images.shape) where \(shape) are needed")
    }
  }

  private func discriminatorGradients(
    _ real: Real, _ fake: Tensor, _ random: inout Random, _ measures: inout Measures
  ) -> [Tensor] {
    let mode = Mode.training(random.derived("discriminator"))
    var images = augmented(real.images, &random)
    let fake = augmented(fake, &random)
    if recipe.r1 > 0 { images = images.tracked() }
    let (realVerdict, fakeLogits) = verdicts(images, fake, real.labels, mode)
    var loss = recipe.loss.discriminator(real: realVerdict.logits, fake: fakeLogits)
    if let classLogits = realVerdict.classLogits {
      loss = loss + Losses.crossEntropy(logits: classLogits, labels: real.labels)
    }
    var penalty: Tensor?
    if recipe.r1 > 0 { penalty = Penalties.r1(realVerdict.logits, at: images) * Float(recipe.r1) }
    if let weight = recipe.gradientPenalty {
      let slope = Penalties.gradientPenalty(real: images, fake: fake, using: &random) {
        discriminator($0, real.labels, mode).logits
      }
      penalty = slope * Float(weight)
    }
    if let penalty {
      measures.penalty = penalty.scalar
      loss = loss + penalty
    }
    measures.discriminatorLoss = loss.scalar
    measures.realLogit = realVerdict.logits.mean().scalar
    measures.fakeLogit = fakeLogits.mean().scalar
    return loss.gradients(wrt: discriminatorParameters.map(\.leaf))
  }

  /// Real and fake images in one pass, unless the batch's statistics would mix them or the real ones are differentiated.
  private func verdicts(
    _ real: Tensor, _ fake: Tensor, _ labels: [Int], _ mode: Mode
  ) -> (real: Verdict, fakeLogits: Tensor) {
    if configuration.model.normalization == .batch || recipe.r1 > 0 {
      return (discriminator(real, labels, mode), discriminator(fake, labels, mode).logits)
    }
    let both = discriminator(concatenated([real, fake], axis: 0), labels + labels, mode)
    let count = labels.count
    return (
      Verdict(
        logits: both.logits.sliced(axis: 0, 0..<count),
        classLogits: both.classLogits.map { $0.sliced(axis: 0, 0..<count) }),
      both.logits.sliced(axis: 0, count..<2 * count)
    )
  }

  private func generatorLoss(
    _ fake: Tensor, _ labels: [Int], _ random: inout Random, _ measures: inout Measures
  ) -> Tensor {
    let verdict = discriminator(augmented(fake, &random), labels, .training(random.derived("judgement")))
    var loss = recipe.loss.generator(fake: verdict.logits)
    if let classLogits = verdict.classLogits {
      loss = loss + Losses.crossEntropy(logits: classLogits, labels: labels)
    }
    measures.generatorLoss = loss.scalar
    return loss
  }

  private func augmented(_ images: Tensor, _ random: inout Random) -> Tensor {
    var images = images
    for augmentation in recipe.augment { images = augmentation(images, using: &random) }
    return images
  }
}

// MARK: Checkpoints

extension GAN {
  /// Everything that going on needs: both networks, both optimizers, the average and the number of steps.
  public func store(in checkpoint: inout Checkpoint) {
    checkpoint.store(generator, as: "generator")
    checkpoint.store(discriminator, as: "discriminator")
    checkpoint.store(optimizer: generatorOptimizer, as: "generator")
    checkpoint.store(optimizer: discriminatorOptimizer, as: "discriminator")
    checkpoint.store(average: average, as: "generator")
    checkpoint.store(step: steps)
  }

  /// Goes on where the stored training was.
  /// - Throws: bad data naming what is missing or belongs to another network; then this GAN is not to be used.
  public func restore(from checkpoint: Checkpoint) throws {
    try checkpoint.restore(generator, from: "generator")
    try checkpoint.restore(discriminator, from: "discriminator")
    try checkpoint.restore(optimizer: &generatorOptimizer, for: generatorParameters, from: "generator")
    try checkpoint.restore(optimizer: &discriminatorOptimizer, for: discriminatorParameters, from: "discriminator")
    try checkpoint.restore(average: &average, from: "generator")
    steps = try checkpoint.step()
  }
}
