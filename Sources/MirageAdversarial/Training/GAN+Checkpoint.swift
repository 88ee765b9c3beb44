import MirageNetworks

extension GAN {
  /// Stores everything needed to resume: both networks, both optimizers, the average and the number of steps.
  package func store(in checkpoint: inout Checkpoint) {
    checkpoint.store(generator, as: "generator")
    checkpoint.store(discriminator, as: "discriminator")
    checkpoint.store(optimizer: generatorOptimizer, as: "generator")
    checkpoint.store(optimizer: discriminatorOptimizer, as: "discriminator")
    checkpoint.store(average: average, as: "generator")
    checkpoint.store(step: steps)
  }

  /// Restores a stored training; the next step is the one that would have followed in it.
  /// - Throws: bad data naming an entry that is missing or does not fit; the GAN must not be used after that.
  package func restore(from checkpoint: Checkpoint) throws {
    try checkpoint.restore(generator, from: "generator")
    try checkpoint.restore(discriminator, from: "discriminator")
    try checkpoint.restore(optimizer: &generatorOptimizer, for: generatorParameters, from: "generator")
    try checkpoint.restore(optimizer: &discriminatorOptimizer, for: discriminatorParameters, from: "discriminator")
    try checkpoint.restore(average: &average, from: "generator")
    steps = try checkpoint.step()
  }
}
