import MirageNetworks
import MirageStreams
import MirageSupport
import MirageTensors

/// Settings of pix2pix's training. The defaults are the published ones, but for the number of steps and the decay.
public struct PixToPixRecipe: Sendable, Codable, Equatable {
  /// Loss of the scores of pairs.
  public enum Loss: String, Sendable, Codable, CaseIterable {
    /// Cross-entropy, as published (Goodfellow et al. 2014).
    case original
    /// Squared distance from 1 and 0 (LSGAN; Mao et al. 2017).
    case leastSquares = "least-squares"

    /// Returns the mean loss of scores whose target is 0 or 1.
    func callAsFunction(_ scores: Tensor, _ target: Float) -> Tensor {
      switch self {
      case .original: Losses.binaryCrossEntropy(logits: scores, target: target)
      case .leastSquares: Losses.meanSquaredError(scores, target)
      }
    }
  }

  /// Number of steps. Defaults to 5,000.
  public var steps = 5000
  /// Number of pairs in a step. Defaults to 1.
  public var batch = 1
  /// Loss of the scores of pairs. Defaults to `original`.
  public var loss = Loss.original
  /// Weight of the mean absolute difference from the target, at least 0. Defaults to 100.
  public var l1Weight = 100.0
  /// Learning rate of both networks, above 0. Defaults to 2e-4.
  public var learningRate = 2e-4
  /// Fraction of the steps after which the learning rate decays linearly to 0, 0 to 1; 1 for no decay. Defaults to 0.5.
  public var decayFrom = 0.5
  /// Augmentations of pairs before the discriminator, in this order, the same for both images of a pair. Defaults to none.
  public var augment: [DifferentiableAugmentation] = []

  public static let settings = Setting.list(
    of: PixToPixRecipe(), .steps,
    Setting("batch", .integer(1...65_536), "Number of pairs in a step"),
    Setting("loss", .choice(Loss.self), "Loss of the discriminator's scores"),
    Setting("l1-weight", .number(0...1e6), "Weight of the mean absolute difference from the target"),
    .learningRate, .decayFrom, .augmentTranslations)

  /// The published recipe.
  public init() {}

  /// Returns the factor of the learning rate for the step after `step` earlier steps.
  package func learningRateFactor(at step: Int) -> Float {
    Schedule.linearDecay(from: decayFrom, of: steps).factor(at: step)
  }

  /// Checks the settings.
  ///
  /// - Throws: bad pipeline with `place` naming the setting, if one is out of its range.
  func check() throws { try Self.settings.check(JSONValue(encoding: self, nonFiniteAsText: true), at: "train") }
}
