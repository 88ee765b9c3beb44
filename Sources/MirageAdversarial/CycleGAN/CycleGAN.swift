import MirageNetworks
import MirageSupport
import MirageTensors

/// CycleGAN in training (Zhu et al. 2017): two generators that translate between the unpaired domains A and B, and a
/// discriminator for each domain.
///
/// All random numbers of a training come from its seed, the number of steps done and the pools, so a training that is
/// restored from a checkpoint repeats the same steps, bit for bit.
package final class CycleGAN {
  /// The networks' architecture and the images they are trained on.
  package let configuration: CycleGANConfiguration
  /// The settings of the training.
  package let recipe: CycleGANRecipe
  /// The generator from A to B; `G_A` in the CycleGAN repository and in checkpoints.
  package let generatorAB: any Layer
  /// The generator from B to A; `G_B` in the CycleGAN repository and in checkpoints.
  package let generatorBA: any Layer
  /// The discriminator of images in B, against which `generatorAB` plays; `D_A` in the CycleGAN repository.
  package let discriminatorB: any Layer
  /// The discriminator of images in A, against which `generatorBA` plays; `D_B` in the CycleGAN repository.
  package let discriminatorA: any Layer
  /// Number of steps done.
  package internal(set) var steps = 0
  var generatorOptimizer, discriminatorOptimizer: Adam
  var poolA, poolB: ImagePool
  let generatorParameters, discriminatorParameters: [Parameter]
  private let key: Random.Key

  /// Creates networks with random weights.
  ///
  /// - Throws: bad pipeline with `place` naming the setting, if a setting of the recipe is out of its range or does not fit
  ///   the images.
  package init(_ configuration: CycleGANConfiguration, _ recipe: CycleGANRecipe, seed: UInt64) throws {
    try recipe.check(for: configuration)
    (self.configuration, self.recipe) = (configuration, recipe)
    let key = Random.Key(seed: seed, path: "cyclegan")
    func random(_ name: String) -> Random { Random(key: key, sample: 0).derived(name) }
    var (weightsAB, weightsBA, weightsA, weightsB) = (random("G_A"), random("G_B"), random("D_B"), random("D_A"))
    generatorAB = configuration.generatorAB(using: &weightsAB)
    generatorBA = configuration.generatorBA(using: &weightsBA)
    discriminatorA = configuration.discriminator(configuration.channelsA, using: &weightsA)
    discriminatorB = configuration.discriminator(configuration.channelsB, using: &weightsB)
    generatorParameters = generatorAB.parameters + generatorBA.parameters
    discriminatorParameters = discriminatorB.parameters + discriminatorA.parameters
    generatorOptimizer = Adam(learningRate: Float(recipe.learningRate), betas: (0.5, 0.999))
    discriminatorOptimizer = generatorOptimizer
    poolA = ImagePool(size: recipe.poolSize, random: random("pool_A"))
    poolB = ImagePool(size: recipe.poolSize, random: random("pool_B"))
    self.key = key
  }

  /// Losses of a step, before its update of the weights. Images are in -1 ... 1; weights of losses are not included unless
  /// stated.
  package struct Measures: Sendable, Equatable {
    /// Loss that the generators minimize: all parts with their weights.
    package var generatorLoss: Float = 0
    /// Mean squared distance from 1 of the scores of translated images, for each direction.
    package var adversarialAB: Float = 0, adversarialBA: Float = 0
    /// Mean absolute difference of an image and its translation there and back, for each domain.
    package var cycleA: Float = 0, cycleB: Float = 0
    /// Mean absolute difference of an image and its translation by the generator into its own domain; nil without an
    /// identity loss.
    package var identityA: Float?, identityB: Float?
    /// Least-squares loss of each domain's discriminator.
    package var discriminatorA: Float = 0, discriminatorB: Float = 0
  }

  /// Trains both generators for one step, then both discriminators. Each fake is generated once.
  ///
  /// - Parameters:
  ///   - realA: Images of domain A, N × H × W × C in -1 ... 1.
  ///   - realB: Images of domain B. Their number may differ from that of `realA`.
  ///   - learningRateFactor: Factor of the learning rate, such as that of `Schedule.linearDecay`. Defaults to 1.
  package func step(_ realA: Tensor, _ realB: Tensor, learningRateFactor: Float = 1) -> Measures {
    check(realA, configuration.channelsA)
    check(realB, configuration.channelsB)
    generatorOptimizer.learningRate = Float(recipe.learningRate) * learningRateFactor
    discriminatorOptimizer.learningRate = generatorOptimizer.learningRate
    let random = Random(key: key, sample: UInt64(steps + 1))
    var measures = Measures()
    var fakes: (a: Tensor, b: Tensor) = (realA, realB)

    // The losses are differentiated as expressions: a variable would keep its graph in memory meanwhile.
    var gradients = generatorLoss(realA, realB, random.derived("generators"), &fakes, &measures)
      .gradients(wrt: generatorParameters.map(\.leaf))
    generatorOptimizer.step(generatorParameters, gradients)

    let own = random.derived("discriminators")
    gradients = discriminatorGradients(discriminatorB, realB, poolB.query(fakes.b), own, &measures.discriminatorB)
    gradients += discriminatorGradients(discriminatorA, realA, poolA.query(fakes.a), own, &measures.discriminatorA)
    discriminatorOptimizer.step(discriminatorParameters, gradients)
    steps += 1
    return measures
  }

  private func check(_ images: Tensor, _ channels: Int) {
    let shape = [configuration.height, configuration.width, channels]
    require(
      images.rank == 4 && images.shape[0] > 0 && Array(images.shape.dropFirst()) == shape,
      "CycleGAN: images of \(images.shape) and not of N x \(shape)")
  }

  private func generatorLoss(
    _ realA: Tensor, _ realB: Tensor, _ random: Random, _ fakes: inout (a: Tensor, b: Tensor),
    _ measures: inout Measures
  ) -> Tensor {
    func mode(_ name: String) -> Mode { .training(random.derived(name)) }
    let (fakeB, fakeA) = (generatorAB(realA, mode("fake_B")), generatorBA(realB, mode("fake_A")))
    fakes = (fakeA.detached(), fakeB.detached())

    let cycleA = Losses.l1(generatorBA(fakeB, mode("rec_A")), realA)
    let cycleB = Losses.l1(generatorAB(fakeA, mode("rec_B")), realB)
    let adversarialAB = Losses.meanSquaredError(
      discriminatorB(recipe.augment.applied(to: fakeB, random.derived("aug_B")), mode("D_A")), 1)
    let adversarialBA = Losses.meanSquaredError(
      discriminatorA(recipe.augment.applied(to: fakeA, random.derived("aug_A")), mode("D_B")), 1)
    var loss = adversarialAB + adversarialBA + (cycleA + cycleB) * Float(recipe.cycleWeight)
    if recipe.identityWeight > 0 {
      let identityB = Losses.l1(generatorAB(realB, mode("idt_A")), realB)
      let identityA = Losses.l1(generatorBA(realA, mode("idt_B")), realA)
      loss = loss + (identityA + identityB) * Float(recipe.cycleWeight * recipe.identityWeight)
      (measures.identityA, measures.identityB) = (identityA.scalar, identityB.scalar)
    }
    (measures.cycleA, measures.cycleB) = (cycleA.scalar, cycleB.scalar)
    (measures.adversarialAB, measures.adversarialBA) = (adversarialAB.scalar, adversarialBA.scalar)
    measures.generatorLoss = loss.scalar
    return loss
  }

  private func discriminatorGradients(
    _ discriminator: any Layer, _ real: Tensor, _ fake: Tensor, _ random: Random, _ measure: inout Float
  ) -> [Tensor] {
    let mode = Mode.training(random)
    let loss = AdversarialLoss.leastSquares.discriminator(
      real: discriminator(recipe.augment.applied(to: real, random.derived("aug_real")), mode.entering("real")),
      fake: discriminator(recipe.augment.applied(to: fake, random.derived("aug_fake")), mode.entering("fake")))
    measure = loss.scalar
    return discriminator.gradients(of: consume loss)
  }
}
