import MirageAdversarial
import MirageSupport
import MirageNetworks
import MirageTensors

/// Images of which a GAN has something to learn in seconds: a bar of three pixels' width, its place by the class, give or
/// take a pixel, its brightness by chance.
struct Bars {
  let side: Int
  let channels: Int
  let classes = ["left", "middle", "right"]

  init(side: Int = 16, channels: Int = 1) { (self.side, self.channels) = (side, channels) }

  func batch(_ count: Int, using random: inout Random, only label: Int? = nil) -> GAN.Real {
    let labels = (0..<count).map { label ?? $0 % classes.count }
    var values: [Float] = []
    values.reserveCapacity(count * side * side * channels)
    for label in labels {
      let center = side * (2 * label + 1) / (2 * classes.count) + random.integer(in: -1...1)
      let light = Float(random.uniform(in: 0.5...1))
      for _ in 0..<side {
        for x in 0..<side {
          for _ in 0..<channels { values.append(abs(x - center) <= 1 ? light : -0.8) }
        }
      }
    }
    return (Tensor(values, shape: [count, side, side, channels]), labels)
  }

  /// The batches of a step: those of each are the same in every run.
  func batches(of gan: GAN, step: Int) -> [GAN.Real] {
    (0..<gan.recipe.discriminatorSteps).map { index in
      var random = randomNumbers("bars/\(step)/\(index)")
      return batch(gan.recipe.batch, using: &random)
    }
  }

  /// A GAN of such images.
  func gan(seed: UInt64 = 1, _ change: (inout GANModel, inout GANRecipe) -> Void = { _, _ in }) throws -> GAN {
    var (model, recipe) = (GANModel(), GANRecipe())
    (model.latent, model.generatorWidth, model.discriminatorWidth, recipe.batch) = (8, 4, 4, 6)
    change(&model, &recipe)
    return try GAN(GANConfiguration(model, shape: [side, side, channels], classes: classes), recipe, seed: seed)
  }
}

extension GAN {
  /// Everything that is stored.
  var checkpoint: Checkpoint {
    var checkpoint = Checkpoint()
    store(in: &checkpoint)
    return checkpoint
  }

  /// So many steps on bars.
  @discardableResult
  func train(_ count: Int, on bars: Bars = Bars()) -> [Measures] {
    (0..<count).map { _ in step(on: bars.batches(of: self, step: steps)) }
  }
}

extension GAN.Measures {
  /// What was measured, by name.
  var byName: [String: Float] {
    let all: [String: Float?] = [
      "discriminator-loss": discriminatorLoss, "generator-loss": generatorLoss, "penalty": penalty,
      "real-logit": realLogit, "fake-logit": fakeLogit, "discriminator-gradient-norm": discriminatorGradientNorm,
      "generator-gradient-norm": generatorGradientNorm,
    ]
    return all.compactMapValues { $0 }
  }
}
