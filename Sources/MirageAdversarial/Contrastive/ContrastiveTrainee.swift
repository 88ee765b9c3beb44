import MirageLearning
import MirageMedia
import MirageNetworks
import MirageSupport
import MirageTensors

/// CUT or FastCUT in a training loop: takes a batch of each domain for a step, and shows a grid of translated images.
package final class ContrastiveTrainee: Trainee {
  package let gan: ContrastiveGAN
  private let domains: (a: TranslationDomain, b: TranslationDomain)

  /// Creates networks with random weights.
  ///
  /// - Throws: bad pipeline if settings are out of range.
  package init(
    _ configuration: ContrastiveConfiguration, _ recipe: ContrastiveRecipe, a: TranslationDomain, b: TranslationDomain,
    seed: UInt64
  ) throws {
    gan = try ContrastiveGAN(configuration, recipe, seed: seed)
    domains = (a, b)
  }

  package var steps: Int { gan.steps }

  package func step(on batches: [Batch], isRecorded: Bool) throws -> [TrainingMeasure] {
    let (a, b) = try batches.ofBothDomains()
    let factor = gan.recipe.learningRateFactor(at: gan.steps)
    let found = gan.step(a.images, b.images, learningRateFactor: factor)
    var measures = [
      TrainingMeasure("loss/generator", Double(found.generatorLoss), label: "G loss"),
      TrainingMeasure("loss/contrast", Double(found.contrast), label: "contrast"),
      TrainingMeasure("loss/adversarial", Double(found.adversarial)),
      TrainingMeasure("loss/discriminator", Double(found.discriminator), label: "D loss"),
    ]
    if let identity = found.identityContrast {
      measures.append(TrainingMeasure("loss/identity-contrast", Double(identity)))
    }
    measures.append(TrainingMeasure("learning-rate", gan.recipe.learningRate * Double(factor)))
    return measures
  }

  package func exhibits() -> TrainingExhibits {
    var exhibits = TrainingExhibits()
    let images = domains.a.images
    let translated = gan.generator(images, .inference)
    exhibits.grids = [
      .init(
        ImageGrid(
          domains.a.coding.images(images) + domains.b.coding.images(translated), columns: images.shape[0]),
        name: "a-to-b", caption: "\(domains.a.name); translated to \(domains.b.name)")
    ]
    // A single image says nothing about how much translations vary.
    exhibits.variation =
      images.shape[0] > 1 ? Double(translated.variance(axes: [0]).mean().scalar.squareRoot()) : nil
    exhibits.weights = [("weights/generator", gan.generator.parameters), ("weights/heads", gan.heads.parameters)]
    return exhibits
  }

  package func store(in checkpoint: inout Checkpoint) { gan.store(in: &checkpoint) }

  package func storeResult(in checkpoint: inout Checkpoint) {
    checkpoint.store(gan.generator, as: "G")
    checkpoint.store(step: gan.steps)
  }

  package func restore(from checkpoint: Checkpoint) throws { try gan.restore(from: checkpoint) }

  package var remedies: TrainingRemedies {
    TrainingRemedies(
      divergence: "Train again with --retrain and a lower train.learning-rate.",
      collapse: "Train again with --retrain and a higher train.contrast-weight, train.augment, or another seed.")
  }
}
