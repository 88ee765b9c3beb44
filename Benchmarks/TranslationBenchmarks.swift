import Foundation
import Mirage

/// Translation of Fashion-MNIST by a stage of a pipeline, against the same network alone.
struct TranslateFashion: Benchmark {
  let name = "translate-fashion"
  let summary = "12,800 Fashion-MNIST images through the stage translate, 3 blocks of 32 filters; drained"
  private static let checkpoint = "out/bench-translate/sneaker-boot.safetensors"
  private static let count = 12_800

  func measure(rounds: Int) async throws -> [Row] {
    try await Self.train()
    let pipeline = Pipeline(
      source: MNIST(directory: fashionDirectory), stages: [Take(Self.count), Translate(checkpoint: Self.checkpoint)])
    var (ours, network): ([Double], [Double]) = ([], [])
    for _ in 0..<rounds {
      ours.append(try await drainingRate(pipeline, epochs: 1))
      network.append(try await Self.networkRate())
    }
    return [
      Row(name, unit: "images/s", ours: ours, peer: network, peerName: "the network alone, batches of 64 in memory")
    ]
  }

  /// Writes a checkpoint, of a training of one step: the speed does not depend on the weights.
  private static func train() async throws {
    var stage = CycleTranslation(checkpoint: checkpoint, from: ["Sneaker"], to: ["Ankle boot"])
    (stage.model.blocks, stage.model.filters) = (3, 32)
    (stage.model.discriminatorLayers, stage.model.discriminatorFilters) = (2, 32)
    (stage.train.steps, stage.train.batch, stage.watch.metric) = (1, 16, .last)
    _ = try await Pipeline(source: MNIST(directory: fashionDirectory), stages: [stage]).fitted()
  }

  /// Measures images per second that the generator translates.
  @TensorActor private static func networkRate() throws -> Double {
    var random = benchmarkRandom(0)
    let generator = ResNetGenerator(blocks: 3, filters: 32, inputs: 1, outputs: 1, using: &random)
    try Checkpoint(reading: checkpoint).restore(generator, from: "G_A")
    let images = Tensor.uniform([64, 28, 28, 1], in: -1...1, using: &random)
    let start = ContinuousClock.now
    for _ in 0..<count / 64 { _ = generator(images, .inference) }
    return Double(count) / (start.duration(to: .now) / .seconds(1))
  }
}
