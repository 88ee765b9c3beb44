import MirageLearning
import MirageMedia
import MirageNetworks
import MirageSupport
import MirageTensors

/// A GAN in a training loop, which shows grids of samples from the averaged generator.
package final class GANTrainee: Trainee {
  package let gan: GAN
  private let coding: ImageCoding
  private let latents: Tensor
  private let labels: [Int]
  private let columns: Int
  /// Number of rows of the grid; each column has samples of one class from different latents.
  private static let rows = 8

  /// - Parameters:
  ///   - coding: Conversion of samples to rows of tensors and back.
  ///   - seed: Seed of the training; the grid always shows samples of the same latents.
  /// - Throws: bad pipeline if settings exclude each other, with the reason.
  package init(_ configuration: GANConfiguration, _ recipe: GANRecipe, coding: ImageCoding, seed: UInt64) throws {
    gan = try GAN(configuration, recipe, seed: seed)
    self.coding = coding
    columns = min(16, max(10, configuration.classes.count))
    var random = Random(key: Random.Key(seed: seed, path: "grid"), sample: 0)
    latents = configuration.latents(Self.rows * columns, using: &random)
    let shown = columns
    labels = (0..<Self.rows * shown).map { $0 % shown % max(1, configuration.classes.count) }
  }

  package var steps: Int { gan.steps }

  package func step(on batches: [Batch], isRecorded: Bool) -> [TrainingMeasure] {
    let (recipe, factor) = (gan.recipe, Double(gan.recipe.learningRateFactor(at: gan.steps)))
    let found = gan.step(on: batches.map { ($0.images, $0.labels) }, measuresGradients: isRecorded)
    var measures = [
      TrainingMeasure("loss/discriminator", Double(found.discriminatorLoss), label: "D loss"),
      TrainingMeasure("loss/generator", Double(found.generatorLoss), label: "G loss"),
    ]
    func add(_ name: String, _ value: Float?) {
      if let value { measures.append(TrainingMeasure(name, Double(value))) }
    }
    for (name, value) in found.auxiliary { add("loss/" + name, value) }
    add("loss/penalty", found.penalty)
    add("logits/real", found.realLogit)
    add("logits/fake", found.fakeLogit)
    add("gradient-norm/discriminator", found.discriminatorGradientNorm)
    add("gradient-norm/generator", found.generatorGradientNorm)
    measures.append(TrainingMeasure("learning-rate/generator", recipe.learningRate * factor))
    measures.append(TrainingMeasure("learning-rate/discriminator", recipe.discriminatorLearningRate * factor))
    return measures
  }

  /// Returns a generator with the average of the weights, which samples are generated with.
  package func averagedGenerator() throws -> any Generator {
    var random = Random(key: Random.Key(seed: 0, path: "average"), sample: 0)
    let generator = gan.configuration.generator(using: &random)
    try generator.load(gan.average.state)
    return generator
  }

  package func exhibits() throws -> TrainingExhibits {
    let generator = try averagedGenerator()
    let samples = generator(latents, labels, .inference)
    var exhibits = TrainingExhibits()
    let caption = gan.configuration.classes.prefix(columns).joined(separator: ", ")
    exhibits.grids = [.init(ImageGrid(coding.images(samples), columns: columns), caption: caption)]
    exhibits.variation = Double(
      samples.reshaped([Self.rows, columns, -1]).variance(axes: [0]).mean().scalar.squareRoot())
    exhibits.weights = [
      ("weights/generator", gan.generator.parameters), ("weights/discriminator", gan.discriminator.parameters),
    ]
    return exhibits
  }

  package func store(in checkpoint: inout Checkpoint) { gan.store(in: &checkpoint) }

  package func storeResult(in checkpoint: inout Checkpoint) {
    checkpoint.store(average: gan.average, as: "generator")
    checkpoint.store(step: gan.steps)
  }

  package func restore(from checkpoint: Checkpoint) throws { try gan.restore(from: checkpoint) }

  package var remedies: TrainingRemedies {
    TrainingRemedies(
      divergence: "Train again with --retrain and a lower train.learning-rate, normalization: spectral, or train.r1.",
      collapse: "Train again with --retrain and another train.loss, a lower train.learning-rate, or train.r1.")
  }
}
