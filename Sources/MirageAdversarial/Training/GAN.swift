import MirageNetworks
import MirageSupport
import MirageTensors

/// A generator and a discriminator in training.
///
/// All random numbers of a step are drawn from the seed and the step's number, so a training that is resumed from a
/// checkpoint repeats the same steps.
package final class GAN {
  /// Networks, shape of the samples and classes.
  package let configuration: GANConfiguration
  /// Settings of the training, with all defaults filled in.
  package let recipe: GANRecipe.Resolved
  /// Generator with its current weights. Samples are generated with `average`.
  package let generator: any Generator
  /// Discriminator, or critic with the Wasserstein losses.
  package let discriminator: any Discriminator
  /// Moving average of the generator's weights and running statistics, which samples are generated with.
  package internal(set) var average: MovingAverage
  /// Number of steps done.
  package internal(set) var steps = 0
  var generatorOptimizer, discriminatorOptimizer: any Optimizer
  let generatorParameters, discriminatorParameters: [Parameter]
  private let auxiliaryLosses: [AuxiliaryLoss]
  private let key: Random.Key

  /// Real samples, N × the configuration's shape, with a label each.
  package typealias Real = (images: Tensor, labels: [Int])

  /// Creates networks with random weights. `seed` determines them and every random number of the training.
  /// - Throws: bad pipeline if settings exclude each other, with the reason.
  package init(_ configuration: GANConfiguration, _ recipe: GANRecipe, seed: UInt64) throws {
    let recipe = try recipe.resolved(for: configuration.model)
    (self.configuration, self.recipe) = (configuration, recipe)
    key = Random.Key(seed: seed, path: "gan")
    var random = Random(key: key, sample: 0).derived("weights")
    generator = configuration.generator(using: &random)
    discriminator = configuration.discriminator(using: &random)
    average = MovingAverage(of: generator, decay: Float(recipe.average), averagesBuffers: true)
    (generatorParameters, discriminatorParameters) = (generator.parameters, discriminator.parameters)
    generatorOptimizer = recipe.optimizer(learningRate: recipe.learningRate)
    discriminatorOptimizer = recipe.optimizer(learningRate: recipe.discriminatorLearningRate)
    auxiliaryLosses = configuration.auxiliaryLosses
  }

  /// Measures of a step. With several steps of the discriminator, its measures are those of the last one.
  package struct Measures: Sendable {
    /// Losses of both networks, penalties and auxiliary terms included.
    package var discriminatorLoss, generatorLoss: Float
    /// Auxiliary terms of the losses by name, such as `discriminator-classification`, in the order of their computation.
    package var auxiliary: [(name: String, value: Float)] = []
    /// Penalty in the discriminator's loss, weight included; nil without one.
    package var penalty: Float?
    /// Mean logits of real and of generated samples.
    package var realLogit, fakeLogit: Float
    /// Norms of the gradients of all parameters together; nil unless requested.
    package var discriminatorGradientNorm, generatorGradientNorm: Float?
  }

  /// Trains the discriminator, then the generator once.
  ///
  /// - Parameters:
  ///   - batches: Real samples for each step of the discriminator, as many as `recipe.discriminatorSteps`.
  ///   - measuresGradients: Whether the gradients' norms are computed.
  package func step(on batches: [Real], measuresGradients: Bool = false) -> Measures {
    check(batches)
    let factor = recipe.learningRateFactor(at: steps)
    discriminatorOptimizer.learningRate = Float(recipe.discriminatorLearningRate) * factor
    generatorOptimizer.learningRate = Float(recipe.learningRate) * factor
    var fake = Tensor.zeros([0])
    var measures = Measures(discriminatorLoss: 0, generatorLoss: 0, realLogit: 0, fakeLogit: 0)
    var random = Random(key: key, sample: UInt64(steps + 1))
    var condition = Condition.labels([])
    for (index, real) in batches.enumerated() {
      random = Random(key: key, sample: UInt64(steps + 1), epoch: index + 1)
      // Fakes have the real samples' classes, so that classes are equally frequent among both.
      condition = .labels(real.labels)
      let latents = configuration.latents(condition.count, using: &random)
      fake = generator(latents, condition, .training(random.derived("generator")))
      measures.auxiliary = []
      let gradients = discriminatorGradients(real.images, fake.detached(), condition, &random, &measures)
      if measuresGradients { measures.discriminatorGradientNorm = GradientRules.norm(gradients) }
      discriminatorOptimizer.step(discriminatorParameters, gradients)
      if case .clipping(let limit) = recipe.bound { Penalties.clip(discriminatorParameters, to: Float(limit)) }
    }
    let gradients = generatorLoss(fake, condition, &random, &measures)
      .gradients(wrt: generatorParameters.map(\.leaf))
    if measuresGradients { measures.generatorGradientNorm = GradientRules.norm(gradients) }
    generatorOptimizer.step(generatorParameters, gradients)
    average.update(with: generator)
    steps += 1
    return measures
  }

  private func check(_ batches: [Real]) {
    let steps = recipe.discriminatorSteps
    require(batches.count == steps, "GAN: \(batches.count) batches for \(steps) steps of the discriminator")
    for (images, labels) in batches {
      let shape = [labels.count] + configuration.shape
      require(images.shape == shape, "GAN: images of \(images.shape) where \(shape) are needed")
    }
  }

  private func discriminatorGradients(
    _ real: Tensor, _ fake: Tensor, _ condition: Condition, _ random: inout Random, _ measures: inout Measures
  ) -> [Tensor] {
    let mode = Mode.training(random.derived("discriminator"))
    var real = augmented(real, &random)
    let fake = augmented(fake, &random)
    if case .r1 = recipe.bound { real = real.tracked() }
    let (ofReal, ofFake) = predictions(real, fake, condition, mode)
    var loss = recipe.loss.discriminator(real: ofReal.logits, fake: ofFake.logits)
    for term in auxiliaryLosses {
      guard let value = term.discriminator(ofReal, ofFake, condition) else { continue }
      measures.auxiliary.append(("discriminator-" + term.name, value.scalar))
      loss = loss + value
    }
    var penalty: Tensor?
    switch recipe.bound {
    case .none, .clipping: break
    case .r1(let weight): penalty = Penalties.r1(ofReal.logits, at: real) * Float(weight)
    case .gradientPenalty(let weight):
      let slope = Penalties.gradientPenalty(real: real, fake: fake, using: &random) {
        discriminator($0, condition, mode).logits
      }
      penalty = slope * Float(weight)
    }
    if let penalty {
      measures.penalty = penalty.scalar
      loss = loss + penalty
    }
    measures.discriminatorLoss = loss.scalar
    measures.realLogit = ofReal.logits.mean().scalar
    measures.fakeLogit = ofFake.logits.mean().scalar
    return loss.gradients(wrt: discriminatorParameters.map(\.leaf))
  }

  /// Returns predictions for real and generated samples, in one pass unless batch statistics would mix them or the loss
  /// is differentiated with respect to the real ones.
  private func predictions(
    _ real: Tensor, _ fake: Tensor, _ condition: Condition, _ mode: Mode
  ) -> (real: Prediction, fake: Prediction) {
    var needsTwoPasses = configuration.model.normalization == .batch
    if case .r1 = recipe.bound { needsTwoPasses = true }
    if needsTwoPasses {
      return (discriminator(real, condition, mode), discriminator(fake, condition, mode))
    }
    let both = discriminator(concatenated([real, fake], axis: 0), condition.repeated, mode)
    let count = condition.count
    return (both.sliced(0..<count), both.sliced(count..<2 * count))
  }

  private func generatorLoss(
    _ fake: Tensor, _ condition: Condition, _ random: inout Random, _ measures: inout Measures
  ) -> Tensor {
    // The path determines the random numbers; another one would change every training with dropout.
    let mode = Mode.training(random.derived("judgement"))
    let prediction = discriminator(augmented(fake, &random), condition, mode)
    var loss = recipe.loss.generator(fake: prediction.logits)
    for term in auxiliaryLosses {
      guard let value = term.generator(prediction, condition) else { continue }
      measures.auxiliary.append(("generator-" + term.name, value.scalar))
      loss = loss + value
    }
    measures.generatorLoss = loss.scalar
    return loss
  }

  private func augmented(_ samples: Tensor, _ random: inout Random) -> Tensor {
    var samples = samples
    for augmentation in recipe.augment { samples = augmentation(samples, using: &random) }
    return samples
  }
}
