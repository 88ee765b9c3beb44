import MirageAdversarial
import MirageSynthesis

extension Registry {
  private static func names<Choice: CaseIterable & RawRepresentable<String>>(_ type: Choice.Type) -> [String] {
    type.allCases.map(\.rawValue)
  }

  private static let model: [Field] = [
    Field("network", .choice(names(GANModel.Network.self)), "dcgan", "the family of networks"),
    Field(
      "conditioning", .choice(names(GANModel.Conditioning.self)), "projection", "how the networks learn of the class"),
    Field("latent", .integer(1...4096), 64, "numbers in a latent"),
    Field("latents", .choice(names(GANModel.Latents.self)), "normal", "where latents come from"),
    Field("generator-width", .integer(1...1024), 32, "channels at the image's size, or of every residual block"),
    Field("discriminator-width", .integer(1...1024), 32, "channels of the first layer, or of every residual block"),
    Field("normalization", .choice(names(GANModel.Normalization.self)), "spectral", "of the discriminator"),
    Field(
      "output", .choice(names(GANModel.Output.self)), "convolution",
      "what makes a DCGAN's image: the last transposed convolution, or a 3 x 3 convolution behind it"),
  ]

  private static let train: [Field] = [
    Field("steps", .integer(1...100_000_000), 5000, "of the generator"),
    Field("batch", .integer(2...65_536), 64, "real images a step of the discriminator"),
    Field("loss", .choice(names(AdversarialLoss.self)), "hinge", "what both networks make small"),
    Field("discriminator-steps", .integer(1...100), .null, "before each of the generator; the loss's own if not given"),
    Field("optimizer", .choice(names(GANRecipe.Method.self)), .null, "the loss's own if not given"),
    Field("learning-rate", .number(1e-9...10), .null, "of the generator; the loss's own if not given"),
    Field("discriminator-learning-rate", .number(1e-9...10), .null, "the generator's if not given"),
    Field("betas", .numbers(0...0.999999, count: 2...2), .null, "Adam's; 0 and 0.9 if not given"),
    Field("decay-from", .number(0...1), 0.5, "after this part of the steps the learning rates go down to 0"),
    Field("gradient-penalty", .number(0...1e6), .null, "weight of wasserstein-gp's penalty; 10 if not given"),
    Field("clip", .number(1e-9...1e3), .null, "bound of wasserstein's weights; 0.01 if not given"),
    Field("r1", .number(0...1e6), 0, "weight of the R1 penalty; 0 for none"),
    Field(
      "augment", .choices(names(DifferentiableAugmentation.self)), [],
      "what real and fake images go through before the discriminator"),
    Field("average", .number(0...0.999999), 0.999, "the part of the generator's moving average that stays, each step"),
  ]

  private static let watch: [Field] = [
    Field(
      "metric", .choice(names(GANWatching.Metric.self)), .null,
      "chooses the best checkpoint; fid if the data has classes, else none"),
    Field("evaluate-every", .integer(1...100_000_000), 500, "steps between two evaluations"),
    Field("evaluate-count", .integer(2...1_000_000), 5000, "images on either side of an evaluation"),
    Field("grid-every", .integer(1...100_000_000), 500, "steps between two sample grids"),
    Field("checkpoint-every", .integer(1...100_000_000), 500, "steps between two checkpoints"),
  ]

  private static let emit: [Field] = [
    Field("per-class", .integer(0...1_000_000_000), .null, "so many samples of each class"),
    Field(
      "ratio", .number(0...1_000_000), .null, "so many for each real one, of classes as frequent; 1 if none is given"),
    Field("balance", .boolean, false, "as many as bring every class up to the largest"),
    Field("count", .integer(0...1_000_000_000), .null, "so many in all, of classes equally often"),
    Field("classes", .strings, [], "only these, by name or number; all if not given"),
    Field("synthetic-only", .boolean, false, "leave the real samples out"),
    Field("truncation", .number(0.01...10), 1, "spread of the latents: below 1 for usual samples with less variety"),
    Field(
      "threshold", .number(0...1), 0,
      "draw samples anew whose class the classifier gives a lower probability; 0 rejects none"),
    Field("classifier", .path, .null, "that rejects samples; the one the GAN was watched with if not given"),
    Field("attempts", .integer(1...10_000), 20, "draws before a sample counts as failed"),
  ]

  static let synthesis: [Entry] = [
    Entry(
      name: ConditionalGAN.name, kind: .stage, summary: "Trains a GAN on what flows in, then adds synthetic samples",
      fields: [
        Field("checkpoint", .path, "the file that keeps the training"), Field("model", .group(model), "the networks"),
        Field("train", .group(train), "the training"), Field("watch", .group(watch), "what is looked at meanwhile"),
        Field("emit", .group(emit), "which samples are added"),
      ], primary: nil
    ) { settings, _ in
      let own = try settings.decoded(as: ConditionalGAN.self)
      return try ConditionalGAN(
        checkpoint: own.checkpoint, model: own.model, train: own.train, watch: own.watch, emit: own.emit)
    },
    Entry(
      name: GANEmit.name, kind: .stage, summary: "Adds synthetic samples of a trained GAN", fields: emitting,
      primary: nil
    ) { settings, _ in
      let own = try settings.decoded(as: GANEmit.self)
      return try GANEmit(checkpoint: own.checkpoint, emit: own.emit)
    },
  ]

  static let synthesisSources: [Entry] = [
    Entry(
      name: GANSource.name, kind: .source, summary: "Synthetic samples of a trained GAN, and no others",
      fields: emitting, primary: nil
    ) { settings, _ in
      let own = try settings.decoded(as: GANSource.self)
      return try GANSource(checkpoint: own.checkpoint, emit: own.emit)
    }
  ]

  private static let emitting: [Field] = [
    Field("checkpoint", .path, "a GAN's checkpoint"), Field("emit", .group(emit), "which samples are made"),
  ]
}
