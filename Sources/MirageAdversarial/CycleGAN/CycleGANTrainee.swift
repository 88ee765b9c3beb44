import MirageLearning
import MirageMedia
import MirageNetworks
import MirageSupport
import MirageTensors

/// A CycleGAN in a training loop: takes a batch of each domain for a step, and shows grids of images that are translated
/// and translated back.
package final class CycleGANTrainee: Trainee {
  package let gan: CycleGAN
  private let domains: (a: Domain, b: Domain)

  package typealias Domain = TranslationDomain

  /// Creates networks with random weights.
  ///
  /// - Throws: bad pipeline if settings are out of range or do not fit the images.
  package init(
    _ configuration: CycleGANConfiguration, _ recipe: CycleGANRecipe, a: Domain, b: Domain,
    classifier: (any Layer)? = nil, seed: UInt64
  ) throws {
    gan = try CycleGAN(configuration, recipe, classifier: classifier, seed: seed)
    domains = (a, b)
  }

  package var steps: Int { gan.steps }

  package func step(on batches: [Batch], isRecorded: Bool) throws -> [TrainingMeasure] {
    let (a, b) = try batches.ofBothDomains()
    let factor = gan.recipe.learningRateFactor(at: gan.steps)
    let found = gan.step(a.images, b.images, labels: a.labels, learningRateFactor: factor)
    var measures = [
      TrainingMeasure("loss/generators", Double(found.generatorLoss), label: "G loss"),
      TrainingMeasure("loss/adversarial-ab", Double(found.adversarialAB)),
      TrainingMeasure("loss/adversarial-ba", Double(found.adversarialBA)),
      TrainingMeasure("loss/discriminator-a", Double(found.discriminatorA), label: "D loss A"),
      TrainingMeasure("loss/discriminator-b", Double(found.discriminatorB), label: "D loss B"),
    ]
    for (name, value, label) in [
      ("loss/cycle-a", found.cycleA, "cycle A"), ("loss/cycle-b", found.cycleB, "cycle B"),
      ("loss/identity-a", found.identityA, nil), ("loss/identity-b", found.identityB, nil),
      ("loss/classifier-real", found.classifierReal, nil), ("loss/classifier-fake", found.classifierFake, "C loss"),
      ("loss/diversity", found.diversity, nil),
    ] {
      if let value { measures.append(TrainingMeasure(name, Double(value), label: label)) }
    }
    measures.append(TrainingMeasure("learning-rate", gan.recipe.learningRate * Double(factor)))
    return measures
  }

  package func exhibits() -> TrainingExhibits {
    var exhibits = TrainingExhibits()
    var variations: [Double] = []
    // The same noise each time, so that grids show what the training changes.
    var noise = Random(key: Random.Key(seed: 0, path: "grid"), sample: 0)
    func show(
      _ from: Domain, _ to: Domain, _ name: String, _ there: (Tensor) -> Tensor, _ back: (Tensor) -> Tensor
    ) {
      let translated = there(from.images)
      let returned = back(translated)
      let cells =
        from.coding.images(from.images) + to.coding.images(translated) + from.coding.images(returned)
      exhibits.grids.append(
        .init(
          ImageGrid(cells, columns: from.images.shape[0]), name: name,
          caption: "\(from.name); translated to \(to.name); translated back"))
      variations.append(Double(translated.variance(axes: [0]).mean().scalar.squareRoot()))
    }
    let (toB, toA) = ({ [gan] in gan.translatedToB($0, using: &noise) }, gan.translatedToA)
    show(domains.a, domains.b, "a-to-b", toB, toA)
    show(domains.b, domains.a, "b-to-a", toA, toB)
    // A single image says nothing about how much translations vary.
    exhibits.variation = min(domains.a.images.shape[0], domains.b.images.shape[0]) > 1 ? variations.min() : nil
    exhibits.weights = [
      ("weights/generator-ab", gan.generatorAB.parameters), ("weights/generator-ba", gan.generatorBA.parameters),
    ]
    return exhibits
  }

  package func store(in checkpoint: inout Checkpoint) { gan.store(in: &checkpoint) }

  package func storeResult(in checkpoint: inout Checkpoint) {
    checkpoint.store(gan.generatorAB, as: "G_A")
    checkpoint.store(gan.generatorBA, as: "G_B")
    checkpoint.store(step: gan.steps)
  }

  package func restore(from checkpoint: Checkpoint) throws { try gan.restore(from: checkpoint) }

  package var remedies: TrainingRemedies {
    TrainingRemedies(
      divergence: "Train again with --retrain and a lower train.learning-rate.",
      collapse: "Train again with --retrain and a higher train.cycle-weight, train.augment, or another seed.")
  }
}
