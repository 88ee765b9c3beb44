import Foundation
import Mirage

/// Training speed of each family of networks, and speed of sample generation, on all threads and on one, each in a
/// process of its own.
struct GANRates: Benchmark {
  let name = "gan-rates"
  let summary = "real samples a second in training, batch 64, and samples a second that a generator makes"

  /// Measured networks, by name.
  fileprivate static let cases: [(name: String, model: GANModel, side: Int, channels: Int)] = {
    func model(_ network: GANModel.Network, width: Int = 32) -> GANModel {
      var model = GANModel()
      (model.network, model.generatorWidth, model.discriminatorWidth) = (network, width, width)
      return model
    }
    return [
      ("fully-connected-28", model(.fullyConnected), 28, 1), ("dcgan-28", model(.dcgan), 28, 1),
      ("dcgan-32", model(.dcgan), 32, 3), ("dcgan-64", model(.dcgan), 64, 3),
      ("dcgan-128", model(.dcgan, width: 16), 128, 3),
      ("residual-32", model(.residual, width: 64), 32, 3),
    ]
  }()

  func measure(rounds: Int) async throws -> [Row] {
    var rows: [Row] = []
    for one in Self.cases {
      for work in ["train", "emit"] {
        func rates(threads: Int) throws -> [Double] {
          try (0..<rounds).map { _ in
            let usage = try run([
              "env", "GOMP_SPINCOUNT=1000", CommandLine.arguments[0], "--gan", one.name, "--work", work, "--threads",
              "\(threads)",
            ])
            return Double(usage.output.trimmingCharacters(in: .whitespacesAndNewlines)) ?? .nan
          }
        }
        rows.append(
          Row(
            "\(work) \(one.name)", unit: "samples/s", ours: try rates(threads: Compute.threads),
            peer: try rates(threads: 1), peerName: "on one thread"))
      }
    }
    return rows
  }
}

/// Measures our side of `gan-rates`: prints samples per second, the median of ten steps after two.
@TensorActor
func measureGAN(_ name: String, work: String) throws {
  guard let one = GANRates.cases.first(where: { $0.name == name }) else {
    throw MirageError(.usage, "there is no GAN \(name)")
  }
  let classes = (0..<10).map(String.init)
  let configuration = try GANConfiguration(one.model, shape: [one.side, one.side, one.channels], classes: classes)
  let gan = try GAN(configuration, GANRecipe(), seed: 1)
  var random = benchmarkRandom(0)
  let labels = (0..<64).map { $0 % 10 }
  let real = Tensor.uniform([64, one.side, one.side, one.channels], in: -1...1, using: &random)
  func step() {
    if work == "train" {
      _ = gan.step(on: [(real, labels)])
    } else {
      _ = gan.generator(configuration.latents(64, using: &random), labels, .inference)
    }
  }
  step()
  step()
  let seconds = (0..<10).map { _ in
    let start = ContinuousClock.now
    step()
    return start.duration(to: .now) / .seconds(1)
  }
  print(64 / median(seconds))
}
