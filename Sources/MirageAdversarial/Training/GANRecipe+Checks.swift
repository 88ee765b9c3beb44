import MirageSupport

extension GANRecipe {
  /// Checks that the settings are in range and do not exclude each other.
  func check(_ model: GANModel) throws {
    try Self.settings.check(JSONValue(encoding: self, nonFiniteAsText: true), at: "train")
    try checkBounds(model)
    try checkOwners()
  }

  private func refuse(_ message: String, _ place: String, _ remedy: String) throws -> Never {
    throw MirageError(.badPipeline, message, place: place, remedy: remedy)
  }

  /// Checks for bounds on the discriminator's gradient that contradict its normalization or each other.
  private func checkBounds(_ model: GANModel) throws {
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
  }

  /// Checks for settings that belong to another loss or optimizer.
  private func checkOwners() throws {
    if gradientPenalty != nil && loss != .wassersteinPenalty {
      try refuse(
        "gradient-penalty belongs to the loss wasserstein-gp, not to \(loss.rawValue)", "train.gradient-penalty",
        "Use r1 for a penalty with other losses.")
    }
    if clip != nil && loss != .wasserstein {
      try refuse("clip belongs to the loss wasserstein, not to \(loss.rawValue)", "train.clip", "Leave it out.")
    }
    if betas != nil && method == .rmsprop {
      try refuse("betas belong to adam, and the optimizer is rmsprop", "train.betas", "Leave them out.")
    }
  }
}
