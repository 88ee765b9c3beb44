import MirageStreams

/// Settings of a GAN's training: everything that determines its weights besides the networks, the data and the seed.
/// Settings that are nil have defaults that depend on the loss, from its paper or from experiments.
public struct GANRecipe: Sendable, Codable, Equatable {
  /// Optimizer of the weights.
  public enum Method: String, Sendable, Codable, CaseIterable { case adam, rmsprop }

  /// Number of steps of the generator. Defaults to 5000.
  public var steps = 5000
  /// Number of real images in a step of the discriminator, at least 2. Defaults to 64.
  public var batch = 64
  /// Loss of both networks. Defaults to `hinge`.
  public var loss = AdversarialLoss.hinge
  /// Number of steps of the discriminator before each of the generator. Defaults to 1 (5 for the Wasserstein losses).
  public var discriminatorSteps: Int?
  /// Optimizer of both networks. Defaults to Adam (RMSProp for `wasserstein`).
  public var optimizer: Method?
  /// Learning rate of the generator. Defaults to 4e-4 (5e-5 for `wasserstein`, 1e-4 for `wasserstein-gp`).
  public var learningRate: Double?
  /// Learning rate of the discriminator. Defaults to the generator's.
  public var discriminatorLearningRate: Double?
  /// Two decay rates of Adam's means, from 0 to below 1. Default to 0 and 0.9; only for Adam.
  ///
  /// With the hinge loss and spectral normalization on Fashion-MNIST, 1,000 steps with the defaults reach the quality of 2,000
  /// steps with 0.5 and 0.999; with `non-saturating` and `least-squares` the gain is larger.
  public var betas: [Double]?
  /// Fraction of the steps after which the learning rates decay linearly to 0, 0 to 1; 1 for no decay. Defaults to 0.5.
  public var decayFrom = 0.5
  /// Weight of the gradient penalty, for `wasserstein-gp` only. Defaults to 10.
  public var gradientPenalty: Double?
  /// Limit of the critic's weights on either side of 0, for `wasserstein` only. Defaults to 0.01.
  public var clip: Double?
  /// Weight γ of the R1 penalty, for losses other than the Wasserstein ones. Defaults to 0, no penalty.
  public var r1 = 0.0
  /// Augmentations of real and generated images before the discriminator, in this order. Defaults to none.
  public var augment: [DifferentiableAugmentation] = []
  /// Fraction of the generator's moving average that stays in each step, 0 to below 1. Defaults to 0.999.
  public var average = 0.999

  public static let settings = Setting.list(
    of: GANRecipe(), Setting("steps", .integer(1...100_000_000), "Number of steps of the generator"),
    Setting("batch", .integer(2...65_536), "Number of real images in a step of the discriminator"),
    Setting("loss", .choice(AdversarialLoss.self), "Loss that both networks minimize"),
    Setting(
      "discriminator-steps", .integer(1...100),
      "Number of steps of the discriminator before each of the generator; the loss's own if not given"),
    Setting("optimizer", .choice(Method.self), "Optimizer of both networks; the loss's own if not given"),
    Setting("learning-rate", .number(1e-9...10), "Learning rate of the generator; the loss's own if not given"),
    Setting(
      "discriminator-learning-rate", .number(1e-9...10),
      "Learning rate of the discriminator; the generator's if not given"),
    Setting(
      "betas", .numbers(0...0.999999, count: 2...2), "Decay rates of the means that adam keeps; 0 and 0.9 if not given"),
    Setting("decay-from", .number(0...1), "Fraction of the steps after which the learning rates go down to 0"),
    Setting("gradient-penalty", .number(0...1e6), "Weight of the penalty of wasserstein-gp; 10 if not given"),
    Setting("clip", .number(1e-9...1e3), "Bound of the weights of wasserstein; 0.01 if not given"),
    Setting("r1", .number(0...1e6), "Weight of the R1 penalty; 0 for none"),
    Setting(
      "augment", .choices(DifferentiableAugmentation.self),
      "Augmentations of real and fake images before the discriminator"),
    Setting("average", .number(0...0.999999), "Fraction of the generator's moving average that stays in each step"))

  /// Creates the default recipe: the hinge loss with Adam.
  public init() {}
}
