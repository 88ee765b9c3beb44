import MirageLearning
import MirageMedia
import MirageNetworks
import MirageSupport
import MirageTensors

/// pix2pix in a training loop: takes a batch of inputs and one of their targets for a step, and shows a grid of inputs,
/// translations and targets.
package final class PixToPixTrainee: Trainee {
  package let gan: PixToPix
  private let domains: (a: TranslationDomain, b: TranslationDomain)

  /// Creates networks with random weights.
  ///
  /// - Parameters:
  ///   - a: Domain of the inputs.
  ///   - b: Domain of the targets; its images are those of `a` translated, in the same order.
  /// - Throws: bad pipeline if settings are out of range.
  package init(
    _ configuration: PixToPixConfiguration, _ recipe: PixToPixRecipe, a: TranslationDomain, b: TranslationDomain,
    seed: UInt64
  ) throws {
    gan = try PixToPix(configuration, recipe, seed: seed)
    domains = (a, b)
  }

  package var steps: Int { gan.steps }

  /// Trains for one step on a batch of inputs and one of their targets, in the same order.
  package func step(on batches: [Batch], isRecorded: Bool) throws -> [TrainingMeasure] {
    let pairs = try batches.ofBothDomains()
    let (inputs, targets) = (pairs.a.images, pairs.b.images)
    guard inputs.shape[0] == targets.shape[0] else {
      throw MirageError.badData(
        "a batch has \(inputs.shape[0]) inputs and \(targets.shape[0]) targets",
        remedy: "Put filters before the stage, so that both images of a pair are left out.")
    }
    let factor = gan.recipe.learningRateFactor(at: gan.steps)
    let found = gan.step(inputs, targets, learningRateFactor: factor)
    return [
      TrainingMeasure("loss/generator", Double(found.generatorLoss), label: "G loss"),
      TrainingMeasure("loss/l1", Double(found.l1), label: "L1"),
      TrainingMeasure("loss/adversarial", Double(found.adversarial)),
      TrainingMeasure("loss/discriminator", Double(found.discriminator), label: "D loss"),
      TrainingMeasure("learning-rate", gan.recipe.learningRate * Double(factor)),
    ]
  }

  package func exhibits() -> TrainingExhibits {
    var exhibits = TrainingExhibits()
    let (inputs, generator) = (domains.a.images, gan.generator)
    let translated = generator(inputs, .inference)
    let cells =
      domains.a.coding.images(inputs) + domains.b.coding.images(translated)
      + domains.b.coding.images(domains.b.images)
    exhibits.grids = [
      .init(
        ImageGrid(cells, columns: inputs.shape[0]), name: "a-to-b",
        caption: "\(domains.a.name); translated to \(domains.b.name); the truth")
    ]
    // A single image says nothing about how much translations vary.
    exhibits.variation =
      inputs.shape[0] > 1 ? Double(translated.variance(axes: [0]).mean().scalar.squareRoot()) : nil
    exhibits.weights = [("weights/generator", gan.generator.parameters)]
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
      collapse: "Train again with --retrain and a higher train.l1-weight, or another seed.")
  }
}
