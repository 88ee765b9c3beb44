import MirageNetworks

extension GAN {
  /// Stores everything that going on needs: both networks, both optimizers, the average and the number of steps.
  public func store(in checkpoint: inout Checkpoint) {
    checkpoint.store(generator, as: "generator")
    checkpoint.store(discriminator, as: "discriminator")
    checkpoint.store(optimizer: generatorOptimizer, as: "generator")
    checkpoint.store(optimizer: discriminatorOptimizer, as: "discriminator")
    checkpoint.store(average: average, as: "generator")
    checkpoint.store(step: steps)
  }

  /// Restores a stored training; the next step is the one that would have followed there.
  /// - Throws: bad data naming what is missing or belongs to another network; then this GAN must not be used.
  public func restore(from checkpoint: Checkpoint) throws {
    try checkpoint.restore(generator, from: "generator")
    try checkpoint.restore(discriminator, from: "discriminator")
    try checkpoint.restore(optimizer: &generatorOptimizer, for: generatorParameters, from: "generator")
    try checkpoint.restore(optimizer: &discriminatorOptimizer, for: discriminatorParameters, from: "discriminator")
    try checkpoint.restore(average: &average, from: "generator")
    steps = try checkpoint.step()
  }
}
