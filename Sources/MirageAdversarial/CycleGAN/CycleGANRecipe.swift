import MirageNetworks
import MirageStreams
import MirageSupport

/// Settings of CycleGAN's training. The defaults are the published ones, but for the number of steps.
public struct CycleGANRecipe: Sendable, Codable, Equatable {
  /// Treatment of the classes of domain A.
  public enum Labels: String, Sendable, Codable, CaseIterable {
    /// Classes play no part.
    case ignored
    /// A classifier is trained along on images of A and on their translations, and the generator is trained not to change
    /// what it recognizes (semantic consistency).
    case kept
  }

  /// Loss that the networks play for. Defaults to `least-squares`.
  public var loss = Loss.leastSquares
  /// Number of steps. Defaults to 5,000.
  public var steps = 5000
  /// Number of images of each domain in a step. Defaults to 1.
  public var batch = 1
  /// Weight of the cycle loss, at least 0. With 0 it is not computed. Defaults to 10.
  public var cycleWeight = 10.0
  /// Weight of domain B's cycle loss, from B to A and back, at least 0. With 0 it is not computed, nor is the identity loss
  /// of B, which suits a domain B that A does not determine. Defaults to `cycleWeight`.
  public var cycleWeightBack: Double?
  /// Weight of the identity loss as a fraction of the domain's cycle weight, at least 0. Defaults to 0.5. With 0 the
  /// identity loss is not computed, which saves a third of the work.
  public var identityWeight = 0.5
  /// Fraction of the steps after which the identity loss is not computed, 0 to 1. Defaults to 1. It mostly keeps generators
  /// from inverting brightness, which the first steps decide.
  public var identityUntil = 1.0
  /// Treatment of the classes of domain A. Defaults to `ignored`.
  public var labels = Labels.ignored
  /// Weight of the classifier's loss where labels are kept, above 0. Defaults to 1.
  public var labelWeight = 1.0
  /// Weight of the loss for translations that noise hardly changes, at least 0 (mode seeking; Mao et al. 2019). It costs a
  /// further translation. Defaults to 0, with which it is not computed.
  public var diversityWeight = 0.0
  /// Learning rate of all networks, above 0. Defaults to 2e-4.
  public var learningRate = 2e-4
  /// Fraction of the steps after which the learning rate decays linearly to 0, 0 to 1; 1 for no decay. Defaults to 0.5.
  public var decayFrom = 0.5
  /// Maximum number of earlier fakes that each discriminator's pool keeps, 0 to 10,000. Defaults to 50; 0 for no pool.
  public var poolSize = 50
  /// Augmentations of real and translated images before the discriminators, in this order. Defaults to none.
  public var augment: [DifferentiableAugmentation] = []

  public static let settings = Setting.list(
    of: CycleGANRecipe(), Setting("loss", .choice(Loss.self), "Loss that the networks play for"), .steps,
    Setting("batch", .integer(1...65_536), "Number of images of each domain in a step"),
    Setting("cycle-weight", .number(0...1e6), "Weight of the cycle loss"),
    Setting(
      "cycle-weight-back", .number(0...1e6),
      "Weight of the second domain's cycle loss; that of the first if not given, 0 for none"),
    Setting(
      "identity-weight", .number(0...1e6), "Weight of the identity loss as a fraction of the cycle loss's; 0 for none"),
    Setting(
      "identity-until", .number(0...1), "Fraction of the steps after which the identity loss is not computed"),
    Setting(
      "labels", .choice(Labels.self), "Whether a classifier that is trained along keeps the classes of the first domain"
    ),
    Setting("label-weight", .number(1e-6...1e6), "Weight of the classifier's loss where labels are kept"),
    Setting(
      "diversity-weight", .number(0...1e6),
      "Weight of the loss for translations that noise hardly changes; 0 for none, 1 as published"),
    .learningRate, .decayFrom,
    Setting(
      "pool-size", .integer(0...10_000), "Maximum number of earlier fakes that each discriminator's pool keeps"),
    .augmentTranslations)

  /// The published recipe.
  public init() {}

  /// Returns the factor of the learning rate for the step after `step` earlier steps.
  package func learningRateFactor(at step: Int) -> Float {
    Schedule.linearDecay(from: decayFrom, of: steps).factor(at: step)
  }

  /// Returns the weight of the identity loss, as a fraction of the domain's cycle weight, in the step after `step` earlier
  /// steps; 0 if it is not computed.
  func identityWeight(at step: Int) -> Double {
    step < Int((Double(steps) * identityUntil).rounded()) ? identityWeight : 0
  }

  /// Checks the settings.
  ///
  /// - Throws: bad pipeline with `place` naming the setting, if one is out of its range or does not fit the images.
  func check(for configuration: CycleGANConfiguration) throws {
    try Self.settings.check(JSONValue(encoding: self, nonFiniteAsText: true), at: "train")
    if diversityWeight > 0 && configuration.model.noise == 0 {
      throw MirageError(
        .badPipeline, "a generator without noise has one translation of an image", place: "train.diversity-weight",
        remedy: "Set diversity-weight to 0, or give model.noise some channels.")
    }
    if identityWeight > 0 && configuration.channelsA != configuration.channelsB {
      throw MirageError(
        .badPipeline,
        "an identity loss between images of \(configuration.channelsA) and of \(configuration.channelsB) channels",
        place: "train.identity-weight", remedy: "Set identity-weight to 0, or give both domains the same channels.")
    }
  }
}
