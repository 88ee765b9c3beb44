import Foundation
import Mirage

/// Benchmarks of this package and its peers on the same work, by turns: `mirage-bench [--only NAME] [--rounds N]`;
/// `--seconds N` sets the training time of `translation-quality`.
/// `--profile stream-fashion` or `--profile stream-jpeg` runs ours alone, for a profiler; `--step dcgan64-step` and the
/// like run our side of a step, `--gan dcgan-28` that of a GAN's, `--translate` one round of `translate-fashion`.
@main
struct Benchmarks {
  static func main() async throws {
    keepFreedMemory()
    let arguments = CommandLine.arguments
    func option(_ name: String) -> String? {
      arguments.firstIndex(of: name).flatMap { $0 + 1 < arguments.count ? arguments[$0 + 1] : nil }
    }
    if let name = option("--profile") { return try await profile(name) }
    if let name = option("--step") { return try await measureStep(name) }
    if arguments.contains("--translate") { return try await TranslateFashion.printRates() }
    if let name = option("--gan") {
      Compute.threads = option("--threads").flatMap(Int.init) ?? Compute.threads
      return try await measureGAN(name, work: option("--work") ?? "train")
    }
    let only = option("--only")
    let rounds = option("--rounds").flatMap(Int.init) ?? 3
    let all: [any Benchmark] =
      [
        StreamFashion(), StreamJPEG(), WritePNG(), WriteWebDataset(), PeakMemory(), FirstOutput(), GANRates(),
        GANQuality(), TranslateFashion(),
        TranslationQuality(seconds: option("--seconds").flatMap(Double.init) ?? 600),
      ] + GANStep.all
    let chosen = all.filter { only == nil || only == "" ? !$0.runsByNameOnly : $0.name == only }
    if chosen.isEmpty {
      print("There is no benchmark \(only!). There is: \(all.map(\.name).joined(separator: ", ")).")
      exit(64)
    }
    var rows = Row.saved()
    for benchmark in chosen {
      print("\(benchmark.name): \(benchmark.summary)")
      let found = try await benchmark.measure(rounds: rounds)
      for row in found { print("  \(row.text)") }
      rows.removeAll { old in found.contains { $0.name == old.name && $0.peerName == old.peerName } }
      rows += found
      try Row.save(rows)
    }
    print("written to \(Row.path)")
  }
}

/// Runs our side alone, for a profiler.
private func profile(_ name: String) async throws {
  let isJPEG = name == "stream-jpeg"
  let rate = try await drainingRate(isJPEG ? StreamJPEG.pipeline : StreamFashion.pipeline, epochs: isJPEG ? 5 : 30)
  print("\(name): \(Int(rate)) images/s")
}

protocol Benchmark: Sendable {
  var name: String { get }
  /// Description of the work, in one line.
  var summary: String { get }
  /// True if it takes so long that it runs only if it is named. False by default.
  var runsByNameOnly: Bool { get }
  /// Runs our side and the peers by turns, `rounds` times.
  func measure(rounds: Int) async throws -> [Row]
}

extension Benchmark { var runsByNameOnly: Bool { false } }

/// One comparison; a ratio above 1 means ours is better.
struct Row: Codable {
  var name, unit: String
  var ours, peer: Double
  var peerName: String
  var ratio: Double

  static let path = "Benchmarks/results.json"

  /// Creates a comparison from the medians of the rounds, with the median of their ratios.
  init(_ name: String, unit: String, ours: [Double], peer: [Double], peerName: String, lessIsBetter: Bool = false) {
    self.name = name
    self.unit = unit
    self.peerName = peerName
    self.ours = median(ours)
    self.peer = median(peer)
    ratio = median(zip(ours, peer).map { lessIsBetter ? $1 / $0 : $0 / $1 })
  }

  var text: String {
    func short(_ value: Double) -> String {
      value >= 100 && value.isFinite ? String(Int(value.rounded())) : String(format: "%.2f", value)
    }
    return "\(name): \(short(ours)) \(unit); \(peerName): \(short(peer)); ratio \(short(ratio))"
  }

  static func saved() -> [Row] {
    guard let data = FileManager.default.contents(atPath: path) else { return [] }
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return (try? decoder.decode([Row].self, from: data)) ?? []
  }

  static func save(_ rows: [Row]) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    // A peer of which nothing is recognized has no ratio.
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    try encoder.encode(rows.sorted { ($0.name, $0.peerName) < ($1.name, $1.peerName) }).write(
      to: URL(fileURLWithPath: path))
  }
}

func median(_ values: [Double]) -> Double {
  let sorted = values.sorted()
  return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
}

/// Measures samples per second of a flow that is read to its end over several epochs. Opening the data is not counted;
/// neither is starting a DataLoader's workers.
func drainingRate(_ pipeline: Pipeline, epochs: Int) async throws -> Double {
  let flow = try await pipeline.samples()
  let start = ContinuousClock.now
  var count = 0
  for epoch in 0..<epochs {
    let flow = flow.running(Run(seed: pipeline.seed, epoch: epoch))
    for try await chunk in flow.processed(0..<flow.count, in: Context(), transform: { _ in true }) {
      count += chunk.slots.count { if case .element = $0 { true } else { false } }
    }
  }
  return Double(count) / (start.duration(to: .now) / .seconds(1))
}
