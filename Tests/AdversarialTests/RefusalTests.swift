import Adversarial
import Foundations
import Testing

/// Settings that exclude each other.
@Suite struct RefusalTests {
  @Test func batchNormalizationInAPenalizedCritic() {
    var (model, recipe) = (GANModel(), GANRecipe())
    model.normalization = .batch
    recipe.loss = .wassersteinPenalty
    let error = #expect(throws: MirageError.self) { try recipe.resolved(for: model) }
    #expect(error?.place == "model.normalization")
    #expect(error?.message.contains("batch") == true)
  }
}
