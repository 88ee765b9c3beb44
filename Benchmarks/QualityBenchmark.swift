import Foundation
import Mirage

/// Training with the ten-minute preset, followed by PyTorch for the same time on the same machine, both evaluated with
/// `mirage evaluate`.
struct GANQuality: Benchmark {
  let name = "cgan28-quality"
  let summary =
    "conditional GANs on Fashion-MNIST after the ten-minute preset, and PyTorch's after as long (25 minutes)"
  let runsByNameOnly = true
  private let data = "/usr/share/datasets/fashion-mnist"
  private let metrics = ["fid", "label-agreement", "cas"]
  private let folder = "out/quality"

  func measure(rounds: Int) async throws -> [Row] {
    let mirage = ".build/release/mirage"
    let model = folder + "/fashion-gan.safetensors"
    let stage = "stages.0.conditional-gan"
    let ours = try run([
      mirage, "train", "Pipelines/fashion-mnist-gan.yaml", "--retrain", "--quiet", "--set",
      "\(stage).checkpoint=../\(model)",
    ])
    print("  Mirage trained for \(Int(ours.seconds)) s")
    let peer = try run([
      ".venv/bin/python", "Benchmarks/Peers/gan_quality.py", "--data", data, "--seconds", "\(ours.seconds)", "--output",
      folder + "/peer", "--threads", "\(Compute.threads)",
    ])
    print("  " + peer.output.trimmingCharacters(in: .whitespacesAndNewlines))
    let own = try evaluate(mirage, folder + "/fashion-gan.best.safetensors")
    let theirs = try evaluate(mirage, folder + "/peer")
    return own.keys.sorted().map { metric in
      let isDistance = metric == "FID"
      let factor = isDistance ? 1.0 : 100
      return Row(
        "\(name), \(metric)", unit: isDistance ? "" : "%", ours: [own[metric]! * factor],
        peer: [(theirs[metric] ?? .nan) * factor], peerName: "PyTorch, \(Int(ours.seconds)) s of training",
        lessIsBetter: isDistance)
    }
  }

  private func evaluate(_ mirage: String, _ generated: String) throws -> [String: Double] {
    let usage = try run([mirage, "evaluate", data, generated, "--json"] + metrics.flatMap { ["--metric", $0] })
    let value = try JSONValue(parsing: usage.output.utf8)
    guard case .array(let rows)? = value["metrics"] else { return [:] }
    var found: [String: Double] = [:]
    for row in rows { if case .string(let name)? = row["name"] { found[name] = row["value"]?.double } }
    return found
  }
}
