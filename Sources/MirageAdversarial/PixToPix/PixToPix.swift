import MirageNetworks
import MirageSupport
import MirageTensors

/// pix2pix in training (Isola et al. 2017): a generator that translates inputs to their paired targets, and a discriminator
/// that tells pairs with a translation from pairs with the target.
///
/// All random numbers of a training come from its seed and the number of steps done, so a training that is restored from a
/// checkpoint repeats the same steps, bit for bit.
package final class PixToPix {
  /// The networks' architecture and the images they are trained on.
  package let configuration: PixToPixConfiguration
  /// The settings of the training.
  package let recipe: PixToPixRecipe
  /// The generator; `G` in the pix2pix repository and in checkpoints.
  package let generator: any Layer
  /// The discriminator of pairs; `D` in the pix2pix repository and in checkpoints.
  package let discriminator: any Layer
  /// Number of steps done.
  package private(set) var steps = 0
  private var generatorOptimizer, discriminatorOptimizer: Adam
  private let generatorParameters, discriminatorParameters: [Parameter]
  private let key: Random.Key

  /// Creates networks with random weights.
  ///
  /// - Throws: bad pipeline with `place` naming the setting, if a setting of the recipe is out of its range.
  package init(_ configuration: PixToPixConfiguration, _ recipe: PixToPixRecipe, seed: UInt64) throws {
    try recipe.check()
    (self.configuration, self.recipe) = (configuration, recipe)
    let key = Random.Key(seed: seed, path: "pix-to-pix")
    func random(_ name: String) -> Random { Random(key: key, sample: 0).derived(name) }
    var (weightsG, weightsD) = (random("G"), random("D"))
    generator = configuration.generator(using: &weightsG)
    discriminator = configuration.discriminator(using: &weightsD)
    (generatorParameters, discriminatorParameters) = (generator.parameters, discriminator.parameters)
    generatorOptimizer = Adam(learningRate: Float(recipe.learningRate), betas: (0.5, 0.999))
    discriminatorOptimizer = generatorOptimizer
    self.key = key
  }

  /// Losses of a step; the discriminator's before its update of the weights, the generator's after that. Weights of losses
  /// are not included unless stated.
  package struct Measures: Sendable, Equatable {
    /// Loss that the generator minimizes: all parts with their weights.
    package var generatorLoss: Float = 0
    /// Loss of the scores of pairs with a translation, as if it were the target.
    package var adversarial: Float = 0
    /// Mean absolute difference of translations and targets, with images in -1 ... 1.
    package var l1: Float = 0
    /// Loss of the discriminator, the mean of both kinds of pairs.
    package var discriminator: Float = 0
  }

  /// Trains the discriminator for one step, then the generator. Each input is translated once.
  ///
  /// - Parameters:
  ///   - inputs: N × H × W × C images in -1 ... 1.
  ///   - targets: As many images, each the translation of the input at its place.
  ///   - learningRateFactor: Factor of the learning rate, such as that of `Schedule.linearDecay`. Defaults to 1.
  package func step(_ inputs: Tensor, _ targets: Tensor, learningRateFactor: Float = 1) -> Measures {
    check(inputs, configuration.channelsA)
    check(targets, configuration.channelsB)
    require(
      inputs.shape[0] == targets.shape[0], "PixToPix: \(inputs.shape[0]) inputs and \(targets.shape[0]) targets")
    generatorOptimizer.learningRate = Float(recipe.learningRate) * learningRateFactor
    discriminatorOptimizer.learningRate = generatorOptimizer.learningRate
    let random = Random(key: key, sample: UInt64(steps + 1))
    var measures = Measures()
    let fakes = generator(inputs, .training(random.derived("fake")))

    discriminatorOptimizer.step(
      discriminatorParameters,
      discriminatorGradients(inputs, targets, fakes.detached(), random.derived("discriminator"), &measures))
    // The graph of the fakes is freed while their loss is differentiated.
    generatorOptimizer.step(
      generatorParameters,
      generatorLoss(inputs, targets, consume fakes, random.derived("generator"), &measures)
        .gradients(wrt: generatorParameters.map(\.leaf)))
    steps += 1
    return measures
  }

  private func check(_ images: Tensor, _ channels: Int) {
    let shape = [configuration.height, configuration.width, channels]
    require(
      images.rank == 4 && images.shape[0] > 0 && Array(images.shape.dropFirst()) == shape,
      "PixToPix: images of \(images.shape) and not of N x \(shape)")
  }

  private func discriminatorGradients(
    _ inputs: Tensor, _ targets: Tensor, _ fakes: Tensor, _ random: Random, _ measures: inout Measures
  ) -> [Tensor] {
    let real = scores(inputs, targets, random.derived("real"))
    let fake = scores(inputs, fakes, random.derived("fake"))
    let loss = (recipe.loss(real, 1) + recipe.loss(fake, 0)) * 0.5
    measures.discriminator = loss.scalar
    return discriminator.gradients(of: consume loss)
  }

  private func generatorLoss(
    _ inputs: Tensor, _ targets: Tensor, _ fakes: consuming Tensor, _ random: Random, _ measures: inout Measures
  ) -> Tensor {
    let adversarial = recipe.loss(scores(inputs, fakes, random), 1)
    let l1 = Losses.l1(fakes, targets)
    let loss = adversarial + l1 * Float(recipe.l1Weight)
    (measures.adversarial, measures.l1, measures.generatorLoss) = (adversarial.scalar, l1.scalar, loss.scalar)
    return loss
  }

  /// Returns the discriminator's scores of pairs, whose images are augmented alike.
  private func scores(_ inputs: Tensor, _ outputs: Tensor, _ random: Random) -> Tensor {
    let images = [inputs, outputs].map { recipe.augment.applied(to: $0, random.derived("augment")) }
    return discriminator(concatenated(images, axis: 3), .training(random.derived("D")))
  }
}

// MARK: Checkpoints

extension PixToPix {
  /// Stores everything that later steps depend on: the networks and the optimizers under the pix2pix repository's names
  /// (`G`, `D`), and the number of steps.
  package func store(in checkpoint: inout Checkpoint) {
    for (name, network) in networks { checkpoint.store(network, as: name) }
    checkpoint.store(optimizer: generatorOptimizer, as: "G")
    checkpoint.store(optimizer: discriminatorOptimizer, as: "D")
    checkpoint.store(step: steps)
  }

  /// Resumes a stored training.
  ///
  /// - Throws: bad data naming the entry that is missing or does not fit. The object is not usable after that.
  package func restore(from checkpoint: Checkpoint) throws {
    for (name, network) in networks { try checkpoint.restore(network, from: name) }
    try checkpoint.restore(optimizer: &generatorOptimizer, for: generatorParameters, from: "G")
    try checkpoint.restore(optimizer: &discriminatorOptimizer, for: discriminatorParameters, from: "D")
    steps = try checkpoint.step()
  }

  private var networks: [(name: String, network: any Layer)] { [("G", generator), ("D", discriminator)] }
}
