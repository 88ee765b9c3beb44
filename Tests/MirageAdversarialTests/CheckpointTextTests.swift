import MirageAdversarial
import MirageSupport
import Testing

/// Texts that checkpoints hold, and are compared by: they never change. Recorded before recipes had a resolved type.
@Suite struct CheckpointTextTests {
  @Test(arguments: AdversarialLoss.allCases, Variant.allCases)
  func resolvedRecipesKeepTheirText(_ loss: AdversarialLoss, _ variant: Variant) throws {
    var (model, recipe) = (GANModel(), GANRecipe())
    (model.normalization, recipe.loss) = (.layer, loss)
    variant.change(&recipe)
    let resolved = try recipe.resolved(for: model)
    #expect(try JSONValue(encoding: resolved).text == Self.recipes["\(loss.rawValue) \(variant)"])
    #expect(try JSONValue(encoding: resolved.recipe).text == Self.recipes["\(loss.rawValue) \(variant)"])
    #expect(try resolved.recipe.resolved(for: model) == resolved)
  }

  @Test(arguments: GANModel.Network.allCases, GANModel.Conditioning.allCases)
  func configurationsKeepTheirText(_ network: GANModel.Network, _ conditioning: GANModel.Conditioning) throws {
    var model = GANModel()
    (model.network, model.conditioning) = (network, conditioning)
    let configuration = try GANConfiguration(model, shape: [32, 64, 3], classes: ["ant", "bee"])
    let classes = conditioning == .none ? "" : #""ant","bee""#
    let text =
      #"{"channels": 3, "classes": [\#(classes)], "height": 32, "model": {"conditioning": "\#(conditioning.rawValue)", "#
      + #""discriminator-width": 32, "generator-width": 32, "latent": 64, "latents": "normal", "#
      + #""network": "\#(network)", "normalization": "spectral", "output": "convolution"}, "width": 64}"#
    #expect(try JSONValue(encoding: configuration).text == text)
    #expect(try JSONValue(parsing: text.utf8).decoded(as: GANConfiguration.self) == configuration)
  }

  /// Settings that are given.
  enum Variant: String, CaseIterable, Sendable {
    case none, adam, rmsprop, given, rates, discriminator

    func change(_ recipe: inout GANRecipe) {
      switch self {
      case .none: break
      case .adam: recipe.optimizer = .adam
      case .rmsprop: recipe.optimizer = .rmsprop
      case .rates: (recipe.learningRate, recipe.discriminatorLearningRate) = (2e-4, 1e-5)
      case .discriminator: recipe.discriminatorLearningRate = 0.01
      case .given:
        (recipe.steps, recipe.batch, recipe.discriminatorSteps) = (12, 8, 3)
        (recipe.optimizer, recipe.betas, recipe.learningRate) = (.adam, [0.5, 0.999], 1e-3)
        (recipe.decayFrom, recipe.average, recipe.augment) = (1, 0, [.color, .translation, .cutout])
        switch recipe.loss {
        case .wasserstein: recipe.clip = 0.25
        case .wassersteinPenalty: recipe.gradientPenalty = 0
        case .hinge, .nonSaturating, .leastSquares: recipe.r1 = 0.1
        }
      }
    }
  }

  private static let recipes = [
    "non-saturating none":
      #"{"augment": [], "average": 0.999, "batch": 64, "betas": [0,0.9], "#
      + #""decay-from": 0.5, "discriminator-learning-rate": 0.0004, "discriminator-steps": 1, "#
      + #""learning-rate": 0.0004, "loss": "non-saturating", "optimizer": "adam", "r1": 0, "steps": 5000}"#,
    "non-saturating adam":
      #"{"augment": [], "average": 0.999, "batch": 64, "betas": [0,0.9], "#
      + #""decay-from": 0.5, "discriminator-learning-rate": 0.0004, "discriminator-steps": 1, "#
      + #""learning-rate": 0.0004, "loss": "non-saturating", "optimizer": "adam", "r1": 0, "steps": 5000}"#,
    "non-saturating rmsprop":
      #"{"augment": [], "average": 0.999, "batch": 64, "#
      + #""decay-from": 0.5, "discriminator-learning-rate": 0.0004, "discriminator-steps": 1, "#
      + #""learning-rate": 0.0004, "loss": "non-saturating", "optimizer": "rmsprop", "r1": 0, "steps": 5000}"#,
    "non-saturating given":
      #"{"augment": ["color","translation","cutout"], "average": 0, "batch": 8, "betas": [0.5,0.999], "#
      + #""decay-from": 1, "discriminator-learning-rate": 0.001, "discriminator-steps": 3, "#
      + #""learning-rate": 0.001, "loss": "non-saturating", "optimizer": "adam", "r1": 0.1, "steps": 12}"#,
    "non-saturating rates":
      #"{"augment": [], "average": 0.999, "batch": 64, "betas": [0,0.9], "#
      + #""decay-from": 0.5, "discriminator-learning-rate": 1e-05, "discriminator-steps": 1, "#
      + #""learning-rate": 0.0002, "loss": "non-saturating", "optimizer": "adam", "r1": 0, "steps": 5000}"#,
    "non-saturating discriminator":
      #"{"augment": [], "average": 0.999, "batch": 64, "betas": [0,0.9], "#
      + #""decay-from": 0.5, "discriminator-learning-rate": 0.01, "discriminator-steps": 1, "#
      + #""learning-rate": 0.0004, "loss": "non-saturating", "optimizer": "adam", "r1": 0, "steps": 5000}"#,
    "least-squares none":
      #"{"augment": [], "average": 0.999, "batch": 64, "betas": [0,0.9], "#
      + #""decay-from": 0.5, "discriminator-learning-rate": 0.0004, "discriminator-steps": 1, "#
      + #""learning-rate": 0.0004, "loss": "least-squares", "optimizer": "adam", "r1": 0, "steps": 5000}"#,
    "least-squares adam":
      #"{"augment": [], "average": 0.999, "batch": 64, "betas": [0,0.9], "#
      + #""decay-from": 0.5, "discriminator-learning-rate": 0.0004, "discriminator-steps": 1, "#
      + #""learning-rate": 0.0004, "loss": "least-squares", "optimizer": "adam", "r1": 0, "steps": 5000}"#,
    "least-squares rmsprop":
      #"{"augment": [], "average": 0.999, "batch": 64, "#
      + #""decay-from": 0.5, "discriminator-learning-rate": 0.0004, "discriminator-steps": 1, "#
      + #""learning-rate": 0.0004, "loss": "least-squares", "optimizer": "rmsprop", "r1": 0, "steps": 5000}"#,
    "least-squares given":
      #"{"augment": ["color","translation","cutout"], "average": 0, "batch": 8, "betas": [0.5,0.999], "#
      + #""decay-from": 1, "discriminator-learning-rate": 0.001, "discriminator-steps": 3, "#
      + #""learning-rate": 0.001, "loss": "least-squares", "optimizer": "adam", "r1": 0.1, "steps": 12}"#,
    "least-squares rates":
      #"{"augment": [], "average": 0.999, "batch": 64, "betas": [0,0.9], "#
      + #""decay-from": 0.5, "discriminator-learning-rate": 1e-05, "discriminator-steps": 1, "#
      + #""learning-rate": 0.0002, "loss": "least-squares", "optimizer": "adam", "r1": 0, "steps": 5000}"#,
    "least-squares discriminator":
      #"{"augment": [], "average": 0.999, "batch": 64, "betas": [0,0.9], "#
      + #""decay-from": 0.5, "discriminator-learning-rate": 0.01, "discriminator-steps": 1, "#
      + #""learning-rate": 0.0004, "loss": "least-squares", "optimizer": "adam", "r1": 0, "steps": 5000}"#,
    "wasserstein none":
      #"{"augment": [], "average": 0.999, "batch": 64, "clip": 0.01, "#
      + #""decay-from": 0.5, "discriminator-learning-rate": 5e-05, "discriminator-steps": 5, "#
      + #""learning-rate": 5e-05, "loss": "wasserstein", "optimizer": "rmsprop", "r1": 0, "steps": 5000}"#,
    "wasserstein adam":
      #"{"augment": [], "average": 0.999, "batch": 64, "betas": [0,0.9], "clip": 0.01, "#
      + #""decay-from": 0.5, "discriminator-learning-rate": 5e-05, "discriminator-steps": 5, "#
      + #""learning-rate": 5e-05, "loss": "wasserstein", "optimizer": "adam", "r1": 0, "steps": 5000}"#,
    "wasserstein rmsprop":
      #"{"augment": [], "average": 0.999, "batch": 64, "clip": 0.01, "#
      + #""decay-from": 0.5, "discriminator-learning-rate": 5e-05, "discriminator-steps": 5, "#
      + #""learning-rate": 5e-05, "loss": "wasserstein", "optimizer": "rmsprop", "r1": 0, "steps": 5000}"#,
    "wasserstein given":
      #"{"augment": ["color","translation","cutout"], "average": 0, "batch": 8, "betas": [0.5,0.999], "clip": 0.25, "#
      + #""decay-from": 1, "discriminator-learning-rate": 0.001, "discriminator-steps": 3, "#
      + #""learning-rate": 0.001, "loss": "wasserstein", "optimizer": "adam", "r1": 0, "steps": 12}"#,
    "wasserstein rates":
      #"{"augment": [], "average": 0.999, "batch": 64, "clip": 0.01, "#
      + #""decay-from": 0.5, "discriminator-learning-rate": 1e-05, "discriminator-steps": 5, "#
      + #""learning-rate": 0.0002, "loss": "wasserstein", "optimizer": "rmsprop", "r1": 0, "steps": 5000}"#,
    "wasserstein discriminator":
      #"{"augment": [], "average": 0.999, "batch": 64, "clip": 0.01, "#
      + #""decay-from": 0.5, "discriminator-learning-rate": 0.01, "discriminator-steps": 5, "#
      + #""learning-rate": 5e-05, "loss": "wasserstein", "optimizer": "rmsprop", "r1": 0, "steps": 5000}"#,
    "wasserstein-gp none":
      #"{"augment": [], "average": 0.999, "batch": 64, "betas": [0,0.9], "#
      + #""decay-from": 0.5, "discriminator-learning-rate": 0.0001, "discriminator-steps": 5, "gradient-penalty": 10, "#
      + #""learning-rate": 0.0001, "loss": "wasserstein-gp", "optimizer": "adam", "r1": 0, "steps": 5000}"#,
    "wasserstein-gp adam":
      #"{"augment": [], "average": 0.999, "batch": 64, "betas": [0,0.9], "#
      + #""decay-from": 0.5, "discriminator-learning-rate": 0.0001, "discriminator-steps": 5, "gradient-penalty": 10, "#
      + #""learning-rate": 0.0001, "loss": "wasserstein-gp", "optimizer": "adam", "r1": 0, "steps": 5000}"#,
    "wasserstein-gp rmsprop":
      #"{"augment": [], "average": 0.999, "batch": 64, "#
      + #""decay-from": 0.5, "discriminator-learning-rate": 0.0001, "discriminator-steps": 5, "gradient-penalty": 10, "#
      + #""learning-rate": 0.0001, "loss": "wasserstein-gp", "optimizer": "rmsprop", "r1": 0, "steps": 5000}"#,
    "wasserstein-gp given":
      #"{"augment": ["color","translation","cutout"], "average": 0, "batch": 8, "betas": [0.5,0.999], "#
      + #""decay-from": 1, "discriminator-learning-rate": 0.001, "discriminator-steps": 3, "gradient-penalty": 0, "#
      + #""learning-rate": 0.001, "loss": "wasserstein-gp", "optimizer": "adam", "r1": 0, "steps": 12}"#,
    "wasserstein-gp rates":
      #"{"augment": [], "average": 0.999, "batch": 64, "betas": [0,0.9], "#
      + #""decay-from": 0.5, "discriminator-learning-rate": 1e-05, "discriminator-steps": 5, "gradient-penalty": 10, "#
      + #""learning-rate": 0.0002, "loss": "wasserstein-gp", "optimizer": "adam", "r1": 0, "steps": 5000}"#,
    "wasserstein-gp discriminator":
      #"{"augment": [], "average": 0.999, "batch": 64, "betas": [0,0.9], "#
      + #""decay-from": 0.5, "discriminator-learning-rate": 0.01, "discriminator-steps": 5, "gradient-penalty": 10, "#
      + #""learning-rate": 0.0001, "loss": "wasserstein-gp", "optimizer": "adam", "r1": 0, "steps": 5000}"#,
    "hinge none":
      #"{"augment": [], "average": 0.999, "batch": 64, "betas": [0,0.9], "#
      + #""decay-from": 0.5, "discriminator-learning-rate": 0.0004, "discriminator-steps": 1, "#
      + #""learning-rate": 0.0004, "loss": "hinge", "optimizer": "adam", "r1": 0, "steps": 5000}"#,
    "hinge adam":
      #"{"augment": [], "average": 0.999, "batch": 64, "betas": [0,0.9], "#
      + #""decay-from": 0.5, "discriminator-learning-rate": 0.0004, "discriminator-steps": 1, "#
      + #""learning-rate": 0.0004, "loss": "hinge", "optimizer": "adam", "r1": 0, "steps": 5000}"#,
    "hinge rmsprop":
      #"{"augment": [], "average": 0.999, "batch": 64, "#
      + #""decay-from": 0.5, "discriminator-learning-rate": 0.0004, "discriminator-steps": 1, "#
      + #""learning-rate": 0.0004, "loss": "hinge", "optimizer": "rmsprop", "r1": 0, "steps": 5000}"#,
    "hinge given":
      #"{"augment": ["color","translation","cutout"], "average": 0, "batch": 8, "betas": [0.5,0.999], "#
      + #""decay-from": 1, "discriminator-learning-rate": 0.001, "discriminator-steps": 3, "#
      + #""learning-rate": 0.001, "loss": "hinge", "optimizer": "adam", "r1": 0.1, "steps": 12}"#,
    "hinge rates":
      #"{"augment": [], "average": 0.999, "batch": 64, "betas": [0,0.9], "#
      + #""decay-from": 0.5, "discriminator-learning-rate": 1e-05, "discriminator-steps": 1, "#
      + #""learning-rate": 0.0002, "loss": "hinge", "optimizer": "adam", "r1": 0, "steps": 5000}"#,
    "hinge discriminator":
      #"{"augment": [], "average": 0.999, "batch": 64, "betas": [0,0.9], "#
      + #""decay-from": 0.5, "discriminator-learning-rate": 0.01, "discriminator-steps": 1, "#
      + #""learning-rate": 0.0004, "loss": "hinge", "optimizer": "adam", "r1": 0, "steps": 5000}"#,
  ]
}
