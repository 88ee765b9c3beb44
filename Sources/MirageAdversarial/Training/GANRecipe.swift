import MirageSupport
import MirageNetworks

/// How a GAN is trained: all that decides its weights, beside its networks, the data and the seed. What is nil is as the
/// loss's paper has it, or as was found good.
public struct GANRecipe: Sendable, Codable, Equatable {
  /// What moves the weights.
  public enum Method: String, Sendable, Codable, CaseIterable { case adam, rmsprop }

  /// Steps of the generator.
  public var steps = 5000
  /// Real images a step of the discriminator.
  public var batch = 64
  /// Of both networks.
  public var loss = AdversarialLoss.hinge
  /// Steps of the discriminator before each of the generator: 5 for the Wasserstein losses, 1 for the others.
  public var discriminatorSteps: Int?
  /// RMSProp for `wasserstein`, Adam for the others.
  public var optimizer: Method?
  /// Of the generator: 5e-5 for `wasserstein`, 1e-4 for `wasserstein-gp`, 4e-4 for the others.
  public var learningRate: Double?
  /// The generator's where left out.
  public var discriminatorLearningRate: Double?
  /// Adam's: 0 and 0.9.
  ///
  /// With the hinge loss and spectral normalization, on Fashion-MNIST, they came as far in 1,000 steps as 0.5 and 0.999 in
  /// 2,000, and the gain is larger still with `non-saturating` and `least-squares`.
  public var betas: [Double]?
  /// After this part of the steps the learning rates go down to 0 in equal parts; 1 for never.
  public var decayFrom = 0.5
  /// The weight of `wasserstein-gp`'s penalty: 10.
  public var gradientPenalty: Double?
  /// How far from 0 `wasserstein`'s weights may be: 0.01.
  public var clip: Double?
  /// The weight γ of the R1 penalty, for losses other than the Wasserstein ones; 0 for none.
  public var r1 = 0.0
  /// What both real and fake images go through before the discriminator.
  public var augment: [DifferentiableAugmentation] = []
  /// The part of the generator's moving average that stays, each step.
  public var average = 0.999

  /// The hinge loss with Adam.
  public init() {}

  /// The recipe with nothing left out.
  ///
  /// - Throws: bad pipeline with `place` naming the setting, where settings exclude each other, with the reason.
  public func resolved(for model: GANModel) throws -> GANRecipe {
    try check(model)
    var recipe = self
    let isWasserstein = loss == .wasserstein || loss == .wassersteinPenalty
    recipe.discriminatorSteps = discriminatorSteps ?? (isWasserstein ? 5 : 1)
    recipe.optimizer = optimizer ?? (loss == .wasserstein ? .rmsprop : .adam)
    let ownRate =
      switch loss {
      case .wasserstein: 5e-5
      case .wassersteinPenalty: 1e-4
      case .hinge, .nonSaturating, .leastSquares: 4e-4
      }
    recipe.learningRate = learningRate ?? ownRate
    recipe.discriminatorLearningRate = discriminatorLearningRate ?? recipe.learningRate
    recipe.betas = recipe.optimizer == .rmsprop ? nil : betas ?? [0, 0.9]
    recipe.gradientPenalty = loss == .wassersteinPenalty ? gradientPenalty ?? 10 : nil
    recipe.clip = loss == .wasserstein ? clip ?? 0.01 : nil
    return recipe
  }

  private func check(_ model: GANModel) throws {
    func refuse(_ message: String, _ place: String, _ remedy: String) throws -> Never {
      throw MirageError(.badPipeline, message, place: place, remedy: remedy)
    }
    func check(_ name: String, _ number: Double?, _ isRight: (Double) -> Bool, _ remedy: String) throws {
      if let number, !number.isFinite || !isRight(number) {
        let shown = number.isFinite ? JSONValue.number(number).text : "\(number)"
        try refuse("\(name) is \(shown)", "train.\(name)", remedy)
      }
    }
    let (positive, notNegative) = ("Set it above 0.", "Set it to 0 or above.")
    try check("steps", Double(steps), { $0 > 0 }, positive)
    try check("batch", Double(batch), { $0 > 1 }, "Set it to 2 or above: the generator compares the images of a batch.")
    try check("discriminator-steps", discriminatorSteps.map { Double($0) }, { $0 > 0 }, positive)
    try check("learning-rate", learningRate, { $0 > 0 }, positive)
    try check("discriminator-learning-rate", discriminatorLearningRate, { $0 > 0 }, positive)
    try check("decay-from", decayFrom, { (0...1).contains($0) }, "Set it from 0 to 1.")
    try check("gradient-penalty", gradientPenalty, { $0 >= 0 }, notNegative)
    try check("clip", clip, { $0 > 0 }, positive)
    try check("r1", r1, { $0 >= 0 }, notNegative)
    try check("average", average, { (0..<1).contains($0) }, "Set it from 0 to below 1.")
    let isBatch = model.normalization == .batch
    if loss == .wassersteinPenalty && isBatch {
      try refuse(
        "batch normalization in a wasserstein-gp critic: the penalty is on each image's own gradient, and the batch's "
          + "statistics tie the images together", "model.normalization", "Use layer, spectral or none.")
    }
    if r1 > 0 && isBatch {
      try refuse(
        "batch normalization in the discriminator with an R1 penalty: the penalty is on each image's own gradient, and "
          + "the batch's statistics tie the images together", "train.r1", "Use layer, spectral or none, or r1: 0.")
    }
    if loss == .wasserstein && model.normalization == .spectral {
      try refuse(
        "weights that are clipped and spectrally normalized: the normalization undoes the clipping",
        "model.normalization", "Use batch, layer or none with wasserstein, or the hinge loss with spectral.")
    }
    if loss == .wasserstein && r1 > 0 {
      try refuse(
        "an R1 penalty beside clipped weights: two bounds on the same slope", "train.r1",
        "Leave r1 out, or use another loss.")
    }
    if loss == .wassersteinPenalty && r1 > 0 {
      try refuse(
        "an R1 penalty beside wasserstein-gp's: one draws the slope to 0, the other to 1", "train.r1",
        "Leave r1 out, or use another loss.")
    }
    if gradientPenalty != nil && loss != .wassersteinPenalty {
      try refuse(
        "gradient-penalty belongs to the loss wasserstein-gp, not to \(loss.rawValue)", "train.gradient-penalty",
        "Use r1 for a penalty with other losses.")
    }
    if clip != nil && loss != .wasserstein {
      try refuse("clip belongs to the loss wasserstein, not to \(loss.rawValue)", "train.clip", "Leave it out.")
    }
    if betas != nil && (optimizer ?? (loss == .wasserstein ? .rmsprop : .adam)) == .rmsprop {
      try refuse("betas belong to adam, and the optimizer is rmsprop", "train.betas", "Leave them out.")
    }
    if let betas, betas.count != 2 || !betas.allSatisfy({ (0..<1).contains($0) }) {
      try refuse("betas are two numbers from 0 to below 1", "train.betas", "Such as [0.5, 0.999].")
    }
  }

  /// An optimizer of the recipe, which is resolved.
  func optimizer(learningRate: Double) -> any Optimizer {
    switch optimizer! {
    case .adam: Adam(learningRate: Float(learningRate), betas: (Float(betas![0]), Float(betas![1])))
    case .rmsprop: RMSProp(learningRate: Float(learningRate))
    }
  }

  /// What the learning rates are multiplied by for the step after `step` earlier ones.
  public func learningRateFactor(at step: Int) -> Float {
    let start = Int(Double(steps) * decayFrom)
    return Schedule.linearDecay(after: start, over: steps - start).factor(at: step)
  }
}
