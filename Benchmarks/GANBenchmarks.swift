import Foundation
import Mirage

/// Training step of a GAN, or inference of a generator, against PyTorch by turns: seconds and peak memory, each in a
/// process of its own. Prints a profile of our side.
struct GANStep: Benchmark {
  let name: String
  let summary: String
  /// Arguments of the peer's script; each list is one peer.
  let peers: [[String]]

  static let all = [
    GANStep(
      name: "dcgan64-step", summary: "DCGAN 64 x 64 x 3, 64 filters, batch 64: D on real, D on fake, G; Adam",
      peers: [["--format", "channels-last"], ["--format", "channels-last", "--frozen"], []]),
    GANStep(
      name: "cyclegan128-step", summary: "CycleGAN 128 x 128, 6 blocks, batch 1: both generators, both discriminators",
      peers: [[], ["--format", "channels-last"]]),
    GANStep(
      name: "fastcut64-step", summary: "FastCUT 64 x 64, 4 blocks of 32 filters, batch 4: D, then G with heads",
      peers: [[], ["--format", "channels-last"], ["--separate"]]),
    GANStep(
      name: "pix2pix64-step", summary: "pix2pix 64 x 64, U-Net of 6 levels, 64 filters, batch 4: D, then G",
      peers: [[], ["--format", "channels-last"]]),
    GANStep(
      name: "resnet256-infer", summary: "the generator with 9 blocks on one 256 x 256 image",
      peers: [["--format", "channels-last"], [], ["--runtime", "onnx"]]),
    GANStep(
      name: "cgan28-step", summary: "conditional GAN 28 x 28, batch 128: D, G, moving average",
      peers: [["--format", "channels-last"], ["--format", "channels-last", "--frozen"], []]),
  ]

  func measure(rounds: Int) async throws -> [Row] {
    var ours: [StepResult] = []
    var theirs = [[StepResult]](repeating: [], count: peers.count)
    // The variable is set as the command line sets it, so that waiting threads do not keep processors busy for long.
    let own = ["env", "GOMP_SPINCOUNT=1000", CommandLine.arguments[0], "--step", name]
    let python = [".venv/bin/python", "Benchmarks/Peers/gan_steps.py", name, "--threads", "\(Compute.threads)"]
    for _ in 0..<rounds {
      ours.append(try StepResult(running: own))
      for (index, arguments) in peers.enumerated() {
        theirs[index].append(
          try StepResult(running: python + arguments))
      }
    }
    if let profile = ours.last?.profile { print(profile) }
    return theirs.flatMap { peer in
      [
        Row(
          name, unit: "s", ours: ours.map(\.seconds), peer: peer.map(\.seconds), peerName: peer[0].name,
          lessIsBetter: true),
        Row(
          name + "-memory", unit: "MB", ours: ours.map(\.peakMemory), peer: peer.map(\.peakMemory),
          peerName: peer[0].name, lessIsBetter: true),
      ]
    }
  }
}

/// Last line printed by a process that measured a step, and its peak memory according to the kernel.
private struct StepResult {
  let name: String
  let seconds, peakMemory: Double
  let profile: String

  init(running command: [String]) throws {
    struct Line: Decodable {
      var peer: String
      var seconds: Double
    }
    let usage = try run(command)
    var lines = usage.output.split(separator: "\n", omittingEmptySubsequences: true)
    guard let last = lines.popLast() else { throw MirageError(.ioError, "\(command[1]) printed nothing") }
    let line = try JSONDecoder().decode(Line.self, from: Data(last.utf8))
    (name, seconds, peakMemory) = (line.peer, line.seconds, usage.peakMemory)
    profile = lines.joined(separator: "\n")
  }
}

/// Measures our side of a step: the median of ten steps after two, then one more for the profile.
@TensorActor
func measureStep(_ name: String) throws {
  let step: () -> Void
  switch name {
  case "dcgan64-step":
    var network = DCGANStep()
    step = { network.step() }
  case "cyclegan128-step":
    let network = try CycleGANStep()
    step = { network.step() }
  case "fastcut64-step":
    let network = try FastCUTStep()
    step = { network.step() }
  case "pix2pix64-step":
    let network = try PixToPixStep()
    step = { network.step() }
  case "cgan28-step":
    var network = ConditionalGANStep()
    step = { network.step() }
  case "resnet256-infer":
    var random = benchmarkRandom(0)
    let generator = ResNetGenerator(blocks: 9, using: &random)
    let image = Tensor.uniform([1, 256, 256, 3], in: -1...1, using: &random)
    step = { _ = generator(image, .inference) }
  default: throw MirageError(.usage, "there is no step \(name)")
  }
  step()
  step()
  let seconds = (0..<10).map { _ in
    let start = ContinuousClock.now
    step()
    return start.duration(to: .now) / .seconds(1)
  }
  let start = ContinuousClock.now
  let profile = Profile.measuring(step)
  let whole = start.duration(to: .now) / .seconds(1)
  for (kernel, entry) in profile.sorted(by: { $0.value.seconds > $1.value.seconds }) where entry.seconds > 0.005 * whole
  {
    let share = String(format: "%5.1f %%  %4d calls", 100 * entry.seconds / whole, entry.calls)
    let rate =
      entry.operations > 0 ? String(format: "  %4.0f GFLOP/s", Double(entry.operations) / entry.seconds / 1e9) : ""
    print("  \(share)\(rate)  \(kernel)")
  }
  let rest = whole - profile.values.reduce(0) { $0 + $1.seconds }
  print(String(format: "  %5.1f %%  elsewhere", 100 * rest / whole))
  print(#"{"peer": "Mirage", "seconds": \#(median(seconds))}"#)
}
