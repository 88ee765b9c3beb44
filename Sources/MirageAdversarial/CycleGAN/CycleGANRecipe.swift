import MirageSupport

/// Settings of CycleGAN's training. The defaults are the published ones.
public struct CycleGANRecipe: Sendable, Codable, Equatable {
  /// Weight of the cycle loss, at least 0. Defaults to 10.
  public var cycleWeight = 10.0
  /// Weight of the identity loss as a fraction of `cycleWeight`, at least 0. Defaults to 0.5. With 0 the identity loss is
  /// not computed, which saves a third of the work.
  public var identityWeight = 0.5
  /// Learning rate of all networks, above 0. Defaults to 2e-4.
  public var learningRate = 2e-4
  /// Maximum number of earlier fakes that each discriminator's pool keeps, 0 to 10,000. Defaults to 50; 0 for no pool.
  public var poolSize = 50

  /// Creates the published recipe.
  public init() {}

  /// - Throws: bad pipeline with `place` naming the setting, if one is out of its range or does not fit the images.
  func check(for configuration: CycleGANConfiguration) throws {
    func check(_ name: String, _ number: Double, _ isRight: Bool, _ remedy: String) throws {
      if !number.isFinite || !isRight {
        let shown = number.isFinite ? JSONValue.number(number).text : "\(number)"
        throw MirageError(.badPipeline, "\(name) is \(shown)", place: "train.\(name)", remedy: remedy)
      }
    }
    try check("cycle-weight", cycleWeight, cycleWeight >= 0, "Set it to 0 or above.")
    try check("identity-weight", identityWeight, identityWeight >= 0, "Set it to 0 or above.")
    try check("learning-rate", learningRate, learningRate > 0, "Set it above 0.")
    try check("pool-size", Double(poolSize), (0...10_000).contains(poolSize), "Set it from 0 to 10000.")
    if identityWeight > 0 && configuration.channelsA != configuration.channelsB {
      throw MirageError(
        .badPipeline,
        "an identity loss between images of \(configuration.channelsA) and of \(configuration.channelsB) channels",
        place: "train.identity-weight", remedy: "Set identity-weight to 0, or give both domains the same channels.")
    }
  }
}
