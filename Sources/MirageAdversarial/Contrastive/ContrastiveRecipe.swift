import MirageNetworks
import MirageStreams
import MirageSupport

/// Settings of the training of CUT and FastCUT. The defaults are the published ones of FastCUT, but for the number of
/// steps and the decay.
public struct ContrastiveRecipe: Sendable, Codable, Equatable {
  /// Variant of contrastive unpaired translation (Park et al. 2020).
  public enum Method: String, Sendable, Codable, CaseIterable {
    /// Without identity loss; half of the steps translate mirrored images, so that a translation does not depend on sides.
    case fastCut = "fast-cut"
    /// With a contrastive identity loss on images of the target domain; twice the work, for translations that change less.
    case cut
  }

  /// Number of steps. Defaults to 5,000.
  public var steps = 5000
  /// Number of images of each domain in a step. Defaults to 1.
  public var batch = 1
  /// Variant. Defaults to `fast-cut`.
  public var method = Method.fastCut
  /// Weight of the contrastive loss, at least 0. Defaults to 10 for `fast-cut` and 1 for `cut`.
  public var contrastWeight: Double?
  /// Temperature of the contrastive loss, 0.001 to 10. Defaults to 0.07.
  public var temperature = 0.07
  /// Maximum number of patches that are compared in each image and layer, 2 to 4096. Defaults to 256.
  public var patches = 256
  /// Learning rate of all networks, above 0. Defaults to 2e-4.
  public var learningRate = 2e-4
  /// Fraction of the steps after which the learning rate decays linearly to 0, 0 to 1; 1 for no decay. Defaults to 0.5.
  public var decayFrom = 0.5
  /// Augmentations of real and translated images before the discriminator, in this order. Defaults to none.
  public var augment: [DifferentiableAugmentation] = []

  public static let settings = Setting.list(
    of: ContrastiveRecipe(), .steps,
    Setting("batch", .integer(1...65_536), "Number of images of each domain in a step"),
    Setting("method", .choice(Method.self), "Variant: fast-cut without, cut with a contrastive identity loss"),
    Setting(
      "contrast-weight", .number(0...1e6), "Weight of the contrastive loss; 10 for fast-cut and 1 for cut if not given"
    ),
    Setting("temperature", .number(0.001...10), "Temperature of the contrastive loss"),
    Setting(
      "patches", .integer(2...4096), "Maximum number of patches that are compared in each image and layer"),
    .learningRate, .decayFrom, .augmentTranslations)

  /// The recipe of FastCUT.
  public init() {}

  /// Weight of the contrastive loss, the method's if it is not given.
  package var weight: Double { contrastWeight ?? (method == .cut ? 1 : 10) }

  /// Returns the factor of the learning rate for the step after `step` earlier steps.
  package func learningRateFactor(at step: Int) -> Float {
    Schedule.linearDecay(from: decayFrom, of: steps).factor(at: step)
  }

  /// Checks the settings.
  ///
  /// - Throws: bad pipeline with `place` naming the setting, if one is out of its range.
  func check() throws { try Self.settings.check(JSONValue(encoding: self, nonFiniteAsText: true), at: "train") }
}
