import MirageNetworks
import MirageSupport
import MirageTensors

extension CycleGAN {
  /// Stores everything that later steps depend on: the four networks under the CycleGAN repository's names (`G_A`, `G_B`,
  /// `D_A`, `D_B`), the classifier `C`, the optimizers `G` and `D`, the pools `A` and `B` with their random numbers, and the number of steps.
  package func store(in checkpoint: inout Checkpoint) {
    for (name, network) in networks { checkpoint.store(network, as: name) }
    checkpoint.store(optimizer: generatorOptimizer, as: "G")
    checkpoint.store(optimizer: discriminatorOptimizer, as: "D")
    poolA.store(in: &checkpoint, as: "A")
    poolB.store(in: &checkpoint, as: "B")
    checkpoint.store(step: steps)
  }

  /// Resumes a stored training.
  ///
  /// - Throws: bad data naming the entry that is missing or does not fit. The object is not usable after that.
  package func restore(from checkpoint: Checkpoint) throws {
    for (name, network) in networks { try checkpoint.restore(network, from: name) }
    try checkpoint.restore(optimizer: &generatorOptimizer, for: generatorParameters, from: "G")
    try checkpoint.restore(optimizer: &discriminatorOptimizer, for: discriminatorParameters, from: "D")
    let size = [configuration.height, configuration.width]
    try poolA.restore(from: checkpoint, as: "A", of: size + [configuration.channelsA])
    try poolB.restore(from: checkpoint, as: "B", of: size + [configuration.channelsB])
    steps = try checkpoint.step()
  }

  private var networks: [(name: String, network: any Layer)] {
    [("G_A", generatorAB), ("G_B", generatorBA), ("D_A", discriminatorB), ("D_B", discriminatorA)]
      + (classifier.map { [("C", $0)] } ?? [])
  }
}

extension Checkpoint {
  /// Restores a network from weights that the CycleGAN repository saved or published, all or none, such as
  /// `latest_net_G_A.pth`. `name` is the text before the names of the weights, such as `G_A`; empty for a file of a
  /// single network.
  ///
  /// Two differences from today's state dicts are accepted. Names may have `module.` or `_orig_mod.` before them, of
  /// networks that were saved inside a wrapper. Files of 2017 and 2018 hold running statistics of instance
  /// normalization, which the repository uses neither in training nor in inference; they are ignored.
  /// - Throws: bad data naming the first entry that is missing, has another shape, or is not in the network.
  package func restore(published network: some Module, from name: String = "") throws {
    var current = self
    current.tensors = [:]
    for (name, tensor) in tensors where !isIdleStatistic(name) {
      let parts = name.split(separator: ".").filter { $0 != "module" && $0 != "_orig_mod" }
      current.tensors[parts.joined(separator: ".")] = tensor
    }
    try current.restore(network, from: name)
  }

  /// Returns whether an entry is a running statistic of instance normalization: one without a scale, which batch
  /// normalization has.
  private func isIdleStatistic(_ name: String) -> Bool {
    guard let last = name.split(separator: ".").last,
      ["running_mean", "running_var", "num_batches_tracked"].contains(last)
    else { return false }
    return tensors[name.dropLast(last.count) + "weight"] == nil
  }
}
