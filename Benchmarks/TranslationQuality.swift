import Foundation
import Mirage

/// Sneakers and ankle boots translated into each other after a fixed time of training, by Mirage and by PyTorch with the
/// recipe of the CycleGAN repository and the same networks. One classifier judges both.
struct TranslationQuality: Benchmark {
  let name = "translation-quality"
  let summary = "sneaker to boot and back: ten minutes of Mirage's CycleGAN, then PyTorch's for as long (25 minutes)"
  let runsByNameOnly = true
  /// Duration of each training in seconds.
  let seconds: Double

  private static let folder = "out/translation-quality"
  private static let training = folder + "/training"
  private static let model = training + "/sneaker-boot.safetensors"
  private static let classes = ["Sneaker", "Ankle boot"]

  func measure(rounds: Int) async throws -> [Row] {
    try makeDirectories(Self.folder)
    let classifier = Self.folder + "/classifier.safetensors"
    if FileKind(classifier) == .missing {
      _ = try run([tool, "train-classifier", fashionDirectory, "--output", classifier, "--quiet"])
    }
    // Reading the data and starting take as long for any number of steps.
    let (short, long) = (try train(steps: 10), try train(steps: 50))
    let step = max(1e-3, (long - short) / 40)
    let steps = max(1, Int((seconds - short) / step) + 10)
    let elapsed = try train(steps: steps)
    print("  Mirage: \(steps) steps in \(Int(elapsed)) s")
    // The peer's waiting threads give way as soon as Mirage's do: on a busy machine it would do a tenth of the steps.
    let output = try run([
      "env", "GOMP_SPINCOUNT=1000", ".venv/bin/python", "Benchmarks/Peers/translation_quality.py", "--data",
      fashionDirectory, "--seconds", "\(elapsed)", "--output", Self.folder + "/peer", "--threads",
      "\(Compute.threads)",
    ]).output
    guard let line = output.split(separator: "\n").last else { throw MirageError(.ioError, "the peer printed nothing") }
    let peer = try JSONDecoder().decode(Peer.self, from: Data(line.utf8))
    print("  \(peer.peer): \(peer.steps) steps in \(Int(peer.seconds)) s")
    return try await rows(Checkpoint(reading: classifier), peer, "\(peer.peer), \(Int(elapsed)) s of training")
  }

  /// Last line of the peer's script.
  private struct Peer: Decodable {
    var peer: String
    var seconds: Double
    var steps: Int
    /// Mean absolute cycle error of the test images from each class, by the direction.
    var cycle: [String: Double]
  }

  /// Trains for a number of steps, as a user does, and returns the seconds that it took.
  private func train(steps: Int) throws -> Double {
    try removeTree(Self.training)
    let settings = [
      "checkpoint=../" + Self.model, "train.steps=\(steps)", "watch.metric=none", "watch.evaluate-every=100000000",
    ]
    let changes = settings.flatMap { ["--set", "stages.1.cycle-gan." + $0] }
    return try run([tool, "train", "Pipelines/sneaker-boot.yaml", "--quiet"] + changes).seconds
  }

  private func rows(_ classifier: Checkpoint, _ peer: Peer, _ peerName: String) async throws -> [Row] {
    var rows: [Row] = []
    for direction in TranslationDirection.allCases {
      let names = direction == .forward ? Self.classes : Self.classes.reversed()
      let title = "\(name), \(names[0]) to \(names[1])"
      let source = MNIST(directory: fashionDirectory, split: .test)
      let originals = try await Pipeline(source: source, stages: [Filter(classes: [names[0]])]).samples()
      let translate = Translate(checkpoint: Self.model, direction: direction, label: names[1])
      let own = try await Pipeline(source: source, stages: [Filter(classes: [names[0]]), translate]).samples()
      let other = try await MNIST(directory: "\(Self.folder)/peer/\(direction.rawValue)").flow()
      var report = EvaluationReport()
      try await TranslationEvaluation(originals: originals, translations: own, model: (Self.model, direction))
        .add(to: &report)
      func recognized(_ flow: Flow<Sample>) async throws -> [Double] {
        [100 * (try await ClassifierTraining.accuracy(of: classifier, on: Batches(flow, size: 256)))]
      }
      rows.append(
        Row(title, unit: "%", ours: try await recognized(own), peer: try await recognized(other), peerName: peerName))
      rows.append(
        Row(
          title + ", cycle error", unit: "", ours: [report["cycle error"] ?? .nan],
          peer: [peer.cycle[direction.rawValue] ?? .nan], peerName: peerName, lessIsBetter: true))
      print("  \(title): silhouette overlap \(report["silhouette overlap"] ?? .nan)")
    }
    return rows
  }
}
