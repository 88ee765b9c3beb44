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
  /// The classifier that is trained along on images of A and their translations; nil if labels are ignored.
  package let classifier: (any Layer)?
  /// Number of steps done.
  package internal(set) var steps = 0
  var generatorOptimizer, discriminatorOptimizer: Adam
  var poolA, poolB: ImagePool
  let generatorParameters, discriminatorParameters: [Parameter]
  private let key: Random.Key

  /// Creates networks with random weights.
  ///
  /// - Parameter classifier: Network of images of B to logits, which is trained along; nil if labels are ignored.
  /// - Throws: bad pipeline with `place` naming the setting, if a setting of the recipe is out of its range or does not fit
  ///   the images.
  package init(
    _ configuration: CycleGANConfiguration, _ recipe: CycleGANRecipe, classifier: (any Layer)? = nil, seed: UInt64
  ) throws {
    try recipe.check(for: configuration)
    (self.configuration, self.recipe, self.classifier) = (configuration, recipe, classifier)
    let key = Random.Key(seed: seed, path: "cyclegan")
    func random(_ name: String) -> Random { Random(key: key, sample: 0).derived(name) }
    var (weightsAB, weightsBA, weightsA, weightsB) = (random("G_A"), random("G_B"), random("D_B"), random("D_A"))
    generatorAB = configuration.generatorAB(using: &weightsAB)
    generatorBA = configuration.generatorBA(using: &weightsBA)
    discriminatorA = configuration.discriminator(configuration.channelsA, using: &weightsA)
    discriminatorB = configuration.discriminator(configuration.channelsB, using: &weightsB)
    generatorParameters = generatorAB.parameters + generatorBA.parameters + (classifier?.parameters ?? [])
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
    /// Loss of the generator against the scores of its translations, for each direction.
    package var adversarialAB: Float = 0, adversarialBA: Float = 0
    /// Mean absolute difference of an image and its translation there and back, for each domain; nil if its weight is 0.
    package var cycleA: Float?, cycleB: Float?
    /// Mean absolute difference of an image and its translation by the generator into its own domain; nil if its weight is
    /// 0.
    package var identityA: Float?, identityB: Float?
    /// Mean absolute difference of two translations of an image with different noise; nil if its weight is 0.
    package var diversity: Float?
    /// Cross-entropy of the classifier on images of A and on their translations; nil if labels are ignored.
    package var classifierReal: Float?, classifierFake: Float?
    /// Loss of each domain's discriminator, with its gradient penalty if there is one.
    package var discriminatorA: Float = 0, discriminatorB: Float = 0
  }

  /// Trains both generators for one step, then both discriminators. Each fake is generated once.
  ///
  /// - Parameters:
  ///   - realA: Images of domain A, N × H × W × C in -1 ... 1.
  ///   - realB: Images of domain B. Their number may differ from that of `realA`.
  ///   - labels: Classes of `realA`, for the classifier; empty if there is none.
  ///   - learningRateFactor: Factor of the learning rate, such as that of `Schedule.linearDecay`. Defaults to 1.
  package func step(
    _ realA: Tensor, _ realB: Tensor, labels: [Int] = [], learningRateFactor: Float = 1
  ) -> Measures {
    check(realA, configuration.channelsA)
    check(realB, configuration.channelsB)
    generatorOptimizer.learningRate = Float(recipe.learningRate) * learningRateFactor
    discriminatorOptimizer.learningRate = generatorOptimizer.learningRate
    let random = Random(key: key, sample: UInt64(steps + 1))
    var measures = Measures()
    var fakes: (a: Tensor, b: Tensor) = (realA, realB)

    // The losses are differentiated as expressions: a variable would keep its graph in memory meanwhile.
    var gradients = generatorLoss(realA, realB, labels, random.derived("generators"), &fakes, &measures)
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
    _ realA: Tensor, _ realB: Tensor, _ labels: [Int], _ random: Random, _ fakes: inout (a: Tensor, b: Tensor),
    _ measures: inout Measures
  ) -> Tensor {
    func mode(_ name: String) -> Mode { .training(random.derived(name)) }
    func withNoise(_ images: Tensor, _ name: String) -> Tensor {
      var own = random.derived("noise").derived(name)
      return configuration.withNoise(images, using: &own)
    }
    let (weightA, weightB) = (recipe.cycleWeight, recipe.cycleWeightBack ?? recipe.cycleWeight)
    // The repository's order, since the running statistics of batch normalization depend on it.
    let fakeB = generatorAB(withNoise(realA, "fake_B"), mode("fake_B"))
    let returnedA = weightA > 0 ? generatorBA(fakeB, mode("rec_A")) : nil
    let fakeA = generatorBA(realB, mode("fake_A"))
    let returnedB = weightB > 0 ? generatorAB(withNoise(fakeA, "rec_B"), mode("rec_B")) : nil
    fakes = (fakeA.detached(), fakeB.detached())
    let identity = recipe.identityWeight(at: steps)
    let sameB = identity * weightB > 0 ? generatorAB(withNoise(realB, "idt_A"), mode("idt_A")) : nil
    let sameA = identity * weightA > 0 ? generatorBA(realA, mode("idt_B")) : nil

    let adversarialAB = recipe.loss.generator(
      fake: discriminatorB(recipe.augment.applied(to: fakeB, random.derived("aug_B")), mode("D_A")))
    let adversarialBA = recipe.loss.generator(
      fake: discriminatorA(recipe.augment.applied(to: fakeA, random.derived("aug_A")), mode("D_B")))
    (measures.adversarialAB, measures.adversarialBA) = (adversarialAB.scalar, adversarialBA.scalar)
    var loss = adversarialAB + adversarialBA
    func add(_ found: Tensor?, _ real: Tensor, _ weight: Double, _ measure: inout Float?) {
      guard let found else { return }
      let difference = Losses.l1(found, real)
      measure = difference.scalar
      loss = loss + difference * Float(weight)
    }
    add(returnedA, realA, weightA, &measures.cycleA)
    add(returnedB, realB, weightB, &measures.cycleB)
    add(sameA, realA, identity * weightA, &measures.identityA)
    add(sameB, realB, identity * weightB, &measures.identityB)
    if let classifier {
      // Trained on both domains at once, as in PixelDA (Bousmalis et al. 2017); it keeps the generator from changing classes.
      func learn(_ images: Tensor, _ name: String, _ measure: inout Float?) {
        let entropy = Losses.crossEntropy(logits: classifier(images, mode(name)), labels: labels)
        measure = entropy.scalar
        loss = loss + entropy * Float(recipe.labelWeight)
      }
      if configuration.channelsA == configuration.channelsB { learn(realA, "class_real", &measures.classifierReal) }
      learn(fakeB, "class_fake", &measures.classifierFake)
    }
    if recipe.diversityWeight > 0 {
      // The noise differs equally much on average, so that its distance is not divided by.
      let other = generatorAB(withNoise(realA, "other_B"), mode("other_B"))
      let diversity = Losses.l1(other, fakeB)
      measures.diversity = diversity.scalar
      loss = loss + Float(recipe.diversityWeight) / (diversity + 1e-2)
    }
    measures.generatorLoss = loss.scalar
    return loss
  }

  private func discriminatorGradients(
    _ discriminator: any Layer, _ real: Tensor, _ fake: Tensor, _ random: Random, _ measure: inout Float
  ) -> [Tensor] {
    let mode = Mode.training(random)
    let real = recipe.augment.applied(to: real, random.derived("aug_real"))
    let fake = recipe.augment.applied(to: fake, random.derived("aug_fake"))
    var loss = recipe.loss.discriminator(
      real: discriminator(real, mode.entering("real")), fake: discriminator(fake, mode.entering("fake")))
    if let weight = recipe.loss.penaltyWeight {
      var own = random.derived("penalty")
      // Batches of the two domains may differ in size: as many pairs as there are.
      let count = min(real.shape[0], fake.shape[0])
      let penalty = Penalties.gradientPenalty(
        real: real.sliced(axis: 0, 0..<count), fake: fake.sliced(axis: 0, 0..<count), using: &own
      ) { discriminator($0, mode.entering("penalty")) }
      loss = loss + penalty * weight
    }
    measure = loss.scalar
    return discriminator.gradients(of: consume loss)
  }

  /// Returns translations of images of A to B, in inference.
  /// - Parameter random: Source of the noise, if the generator takes some.
  package func translatedToB(_ images: Tensor, using random: inout Random) -> Tensor {
    generatorAB(configuration.withNoise(images, using: &random), .inference)
  }

  /// Returns translations of images of B to A, in inference.
  package func translatedToA(_ images: Tensor) -> Tensor { generatorBA(images, .inference) }
}
