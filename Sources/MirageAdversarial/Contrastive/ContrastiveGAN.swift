import MirageNetworks
import MirageSupport
import MirageTensors

/// CUT or FastCUT in training (contrastive unpaired translation; Park et al. 2020): a generator that translates images of
/// domain A to the unpaired domain B, and a discriminator of images in B. In place of a way back, features of each patch of a
/// translation must recognize the patch of the original at the same place.
///
/// All random numbers of a training come from its seed and the number of steps done, so a training that is restored from a
/// checkpoint repeats the same steps, bit for bit.
package final class ContrastiveGAN {
  /// The networks' architecture and the images they are trained on.
  package let configuration: ContrastiveConfiguration
  /// The settings of the training.
  package let recipe: ContrastiveRecipe
  /// The generator from A to B; `G` in the CUT repository and in checkpoints.
  package let generator: ResNetGenerator
  /// The heads that project the generator's features; `F` in the CUT repository and in checkpoints.
  package let heads: ProjectionHeads
  /// The discriminator of images in B; `D` in the CUT repository and in checkpoints.
  package let discriminator: any Layer
  /// Number of steps done.
  package private(set) var steps = 0
  private var generatorOptimizer, discriminatorOptimizer: Adam
  private let generatorParameters, discriminatorParameters: [Parameter]
  private let key: Random.Key

  /// Creates networks with random weights.
  ///
  /// - Throws: bad pipeline with `place` naming the setting, if a setting of the recipe is out of its range.
  package init(_ configuration: ContrastiveConfiguration, _ recipe: ContrastiveRecipe, seed: UInt64) throws {
    try recipe.check()
    (self.configuration, self.recipe) = (configuration, recipe)
    let key = Random.Key(seed: seed, path: "contrastive-gan")
    func random(_ name: String) -> Random { Random(key: key, sample: 0).derived(name) }
    var (weightsG, weightsF, weightsD) = (random("G"), random("F"), random("D"))
    generator = configuration.generator(using: &weightsG)
    heads = configuration.heads(using: &weightsF)
    discriminator = configuration.discriminator(using: &weightsD)
    generatorParameters = generator.parameters + heads.parameters
    discriminatorParameters = discriminator.parameters
    generatorOptimizer = Adam(learningRate: Float(recipe.learningRate), betas: (0.5, 0.999))
    discriminatorOptimizer = generatorOptimizer
    self.key = key
  }

  /// Losses of a step; the discriminator's before its update of the weights, the generator's after that. Weights of losses
  /// are not included unless stated.
  package struct Measures: Sendable, Equatable {
    /// Loss that the generator and the heads minimize: all parts with their weights.
    package var generatorLoss: Float = 0
    /// Mean squared distance from 1 of the scores of translated images.
    package var adversarial: Float = 0
    /// Contrastive loss between images of A and their translations.
    package var contrast: Float = 0
    /// Contrastive loss between images of B and what the generator makes of them; nil for FastCUT.
    package var identityContrast: Float?
    /// Least-squares loss of the discriminator.
    package var discriminator: Float = 0
  }

  /// Trains the discriminator for one step, then the generator and the heads. Each fake is generated once, and the features
  /// of a real image come from the same pass, unless the fake is that of the mirrored image.
  ///
  /// - Parameters:
  ///   - realA: Images of domain A, N × H × W × C in -1 ... 1.
  ///   - realB: Images of domain B. Their number may differ from that of `realA`.
  ///   - learningRateFactor: Factor of the learning rate, such as that of `Schedule.linearDecay`. Defaults to 1.
  package func step(_ realA: Tensor, _ realB: Tensor, learningRateFactor: Float = 1) -> Measures {
    check(realA)
    check(realB)
    generatorOptimizer.learningRate = Float(recipe.learningRate) * learningRateFactor
    discriminatorOptimizer.learningRate = generatorOptimizer.learningRate
    let random = Random(key: key, sample: UInt64(steps + 1))
    var coin = random.derived("mirror")
    let isMirrored = recipe.method == .fastCut && coin.chance(0.5)
    var measures = Measures()
    let (fake, original) = translation(of: realA, isMirrored: isMirrored, random.derived("fake"))

    discriminatorOptimizer.step(
      discriminatorParameters,
      discriminatorGradients(realB, fake.detached(), random.derived("discriminator"), &measures.discriminator))
    // The graph of the fake is freed while its loss is differentiated.
    generatorOptimizer.step(
      generatorParameters,
      generatorLoss(consume fake, original, realB, random.derived("generator"), &measures)
        .gradients(wrt: generatorParameters.map(\.leaf)))
    steps += 1
    return measures
  }

  private func check(_ images: Tensor) {
    let shape = [configuration.height, configuration.width, configuration.channels]
    require(
      images.rank == 4 && images.shape[0] > 0 && Array(images.shape.dropFirst()) == shape,
      "ContrastiveGAN: images of \(images.shape) and not of N x \(shape)")
  }

  /// Translates images, mirrored or not, and takes the patches of the images as they are.
  private func translation(of images: Tensor, isMirrored: Bool, _ random: Random) -> (Tensor, Patches) {
    var patches = Patches(isMirrored: isMirrored)
    var places = random.derived("places")
    func take(_ layer: Int, _ map: Tensor) {
      let chosen = PatchPlaces(recipe.patches, in: map.shape, using: &places)
      patches.places.append(chosen)
      patches.keys.append(heads(chosen.features(of: map.detached()), layer: layer, .inference))
    }
    let (mode, layers) = (Mode.training(random), configuration.featureLayers)
    guard isMirrored else { return (generator(images, mode, observing: layers, take), patches) }
    generator.encode(images, .inference, observing: layers, take)
    return (generator(images.flipped(axis: 2), mode), patches)
  }

  /// Places in each feature layer, and projected features of originals there.
  private struct Patches {
    var isMirrored: Bool
    var places: [PatchPlaces] = []
    var keys: [Tensor] = []
  }

  private func generatorLoss(
    _ fake: consuming Tensor, _ original: Patches, _ realB: Tensor, _ random: Random, _ measures: inout Measures
  ) -> Tensor {
    let scores = discriminator(
      recipe.augment.applied(to: fake, random.derived("augment")), .training(random.derived("D")))
    let adversarial = Losses.meanSquaredError(scores, 1)
    measures.adversarial = adversarial.scalar
    guard recipe.weight > 0 else {
      measures.generatorLoss = adversarial.scalar
      return adversarial
    }
    var contrast = self.contrast(fake, original, random)
    measures.contrast = contrast.scalar
    if recipe.method == .cut {
      let (same, target) = translation(of: realB, isMirrored: false, random.derived("identity"))
      let identity = self.contrast(same, target, random.derived("identity"))
      measures.identityContrast = identity.scalar
      contrast = (contrast + identity) * 0.5
    }
    let loss = adversarial + contrast * Float(recipe.weight)
    measures.generatorLoss = loss.scalar
    return loss
  }

  /// Returns the contrastive loss of translated images, averaged over the layers.
  private func contrast(_ translated: Tensor, _ original: Patches, _ random: Random) -> Tensor {
    let mode = Mode.training(random.derived("encode"))
    var losses: [Tensor] = []
    generator.encode(translated, mode, observing: configuration.featureLayers) { layer, map in
      let places = original.places[layer]
      let queries = heads(places.features(of: map, isMirrored: original.isMirrored), layer: layer, mode)
      losses.append(places.loss(queries, original.keys[layer], temperature: Float(recipe.temperature)))
    }
    return losses.dropFirst().reduce(losses[0], +) * (1 / Float(losses.count))
  }

  private func discriminatorGradients(
    _ real: Tensor, _ fake: Tensor, _ random: Random, _ measure: inout Float
  ) -> [Tensor] {
    let mode = Mode.training(random)
    let loss = AdversarialLoss.leastSquares.discriminator(
      real: discriminator(recipe.augment.applied(to: real, random.derived("augment_real")), mode.entering("real")),
      fake: discriminator(recipe.augment.applied(to: fake, random.derived("augment_fake")), mode.entering("fake")))
    measure = loss.scalar
    return discriminator.gradients(of: consume loss)
  }
}

// MARK: Checkpoints

extension ContrastiveGAN {
  /// Stores everything that later steps depend on: the networks under the CUT repository's names (`G`, `F`, `D`), the
  /// optimizers `G` (of the generator and the heads) and `D`, and the number of steps.
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

  private var networks: [(name: String, network: any Module)] {
    [("G", generator), ("F", heads), ("D", discriminator)]
  }
}
