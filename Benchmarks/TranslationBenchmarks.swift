import Foundation
import Mirage

/// Translation of Fashion-MNIST by a stage of a pipeline, against the same network alone.
struct TranslateFashion: Benchmark {
  let name = "translate-fashion"
  let summary = "3,200 Fashion-MNIST images through the stage translate, 3 blocks of 32 filters; drained"
  private static let checkpoint = "out/bench-translate/sneaker-boot.safetensors"
  private static let count = 3200

  func measure(rounds: Int) async throws -> [Row] {
    try await Self.train()
    var (ours, network): ([Double], [Double]) = ([], [])
    // One process for both sides of a round, in which waiting threads do not keep processors busy for long.
    for _ in 0..<rounds {
      let output = try run(["env", "GOMP_SPINCOUNT=1000", CommandLine.arguments[0], "--translate"]).output
      let rates = output.split(whereSeparator: \.isWhitespace).compactMap { Double($0) }
      guard rates.count == 2 else { throw MirageError(.ioError, "\(name) printed \(output)") }
      ours.append(rates[0])
      network.append(rates[1])
    }
    return [
      Row(name, unit: "images/s", ours: ours, peer: network, peerName: "the network alone, batches of 64 in memory")
    ]
  }

  /// Prints the rates of the stage and of the network, medians of five that are measured by turns after a first one.
  static func printRates() async throws {
    let pipeline = Pipeline(
      source: MNIST(directory: fashionDirectory), stages: [Take(count), Translate(checkpoint: checkpoint)])
    var (stage, network): ([Double], [Double]) = ([], [])
    for _ in 0..<6 {
      stage.append(try await drainingRate(pipeline, epochs: 1))
      network.append(try await networkRate())
    }
    print(median(Array(stage.dropFirst())), median(Array(network.dropFirst())))
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
