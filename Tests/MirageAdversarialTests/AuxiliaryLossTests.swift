import MirageAdversarial
import MirageNetworks
import MirageTensors
import Testing

@Suite struct AuxiliaryLossTests {
  private let labels = [1, 0]

  /// The classifier learns from real samples, the generator from the prediction for its own.
  @Test func classificationIsACrossEntropy() {
    let (real, fake) = (
      prediction(Tensor([0, 2, 0, 1, -1, 0], shape: [2, 3])), prediction(Tensor([5, 0, 0, 0, 5, 0], shape: [2, 3]))
    )
    let term = AuxiliaryLoss.classification
    func expected(_ prediction: Prediction) -> Float {
      Losses.crossEntropy(logits: prediction.classLogits!, labels: labels).scalar
    }
    #expect(term.discriminator(real, fake, .labels(labels))?.scalar == expected(real))
    #expect(term.generator(fake, .labels(labels))?.scalar == expected(fake))
    #expect(expected(real) != expected(fake) && term.name == "classification")
  }

  @Test func withoutAClassifierThereIsNoTerm() {
    let plain = Prediction(logits: .zeros([2]))
    #expect(AuxiliaryLoss.classification.discriminator(plain, plain, .labels(labels)) == nil)
    #expect(AuxiliaryLoss.classification.generator(plain, .labels(labels)) == nil)
  }

  /// The measures hold the terms, and the losses contain them.
  @Test func measuresNameTheTerms() throws {
    let gan = try Bars().gan { model, recipe in
      (model.conditioning, recipe.loss, recipe.discriminatorSteps) = (.auxiliaryClassifier, .wasserstein, 2)
      model.normalization = .none
    }
    let measures = gan.train(1)[0]
    #expect(measures.auxiliary.map(\.name) == ["discriminator-classification", "generator-classification"])
    let (ofDiscriminator, ofGenerator) = (measures.auxiliary[0].value, measures.auxiliary[1].value)
    let critic = measures.fakeLogit - measures.realLogit
    #expect(abs(measures.discriminatorLoss - critic - ofDiscriminator) < 1e-4)
    #expect(ofDiscriminator > 0.5 && ofGenerator > 0.5)
  }

  private func prediction(_ classLogits: Tensor) -> Prediction {
    Prediction(logits: .zeros([2]), classLogits: classLogits)
  }
}
