import Foundation
import Glibc
import Mirage

/// Writes a pipeline file for the command-line tool, with the work of `stream-fashion` and a sink.
private func fashionFile(_ sink: String, repeats: Int = 1, in directory: String) throws -> String {
  let path = directory + "/pipeline.yaml"
  let text = """
    source: {mnist: \(fashionDirectory)}
    stages:
      - repeat: \(repeats)
      - rotate: [-15, 15]
      - random-crop: {size: 28, padding: 2}
      - scale: [-1, 1]
    sink: \(sink)
    """
  try OutputFile.write(path, text.utf8)
  return path
}

/// Measures `mirage run` of 60,000 images with and without compression. The difference in processor time is the cost of
/// compression; elapsed time also includes the disk, which may be slower for the larger files.
private func writingRows(_ name: String, sink: String, rounds: Int) throws -> [Row] {
  var rates: [[Double]] = [[], []]
  var processorTimes: [[Double]] = [[], []]
  for _ in 0..<rounds {
    for (index, level) in [6, 0].enumerated() {
      let usage = try withScratch { scratch in
        let file = try fashionFile("{\(sink): {directory: \(scratch)/out, compression: \(level)}}", in: scratch)
        return try run([tool, "run", file, "--quiet"])
      }
      rates[index].append(60_000 / usage.seconds)
      processorTimes[index].append(usage.processorSeconds)
    }
  }
  return [
    Row(name, unit: "images/s", ours: rates[0], peer: rates[1], peerName: "the same without compression"),
    Row(
      name + "-processor", unit: "s", ours: processorTimes[0], peer: processorTimes[1],
      peerName: "the same without compression", lessIsBetter: true),
  ]
}

struct WritePNG: Benchmark {
  let name = "write-png"
  let summary = "mirage run of stream-fashion's work into an image folder of PNG files"
  func measure(rounds: Int) async throws -> [Row] { try writingRows(name, sink: "image-folder", rounds: rounds) }
}

struct WriteWebDataset: Benchmark {
  let name = "write-webdataset"
  let summary = "mirage run of stream-fashion's work into WebDataset shards of PNG images"
  func measure(rounds: Int) async throws -> [Row] { try writingRows(name, sink: "webdataset", rounds: rounds) }
}

/// Peak memory must not grow with the number of samples.
struct PeakMemory: Benchmark {
  let name = "peak-memory"
  let summary = "mirage run of stream-fashion's work into IDX files: 1,000,000 samples against 10,000"

  func measure(rounds: Int) async throws -> [Row] {
    var peaks: [[Double]] = [[], []]
    for _ in 0..<min(rounds, 3) {
      for (index, samples) in [1_000_000, 10_000].enumerated() {
        peaks[index].append(
          try withScratch { scratch in
            let file = try fashionFile("{idx: \(scratch)/out}", repeats: 17, in: scratch)
            return try run([tool, "run", file, "--quiet", "--limit", "\(samples)"]).peakMemory
          })
      }
    }
    return [
      Row(
        name, unit: "MB", ours: peaks[0], peer: peaks[1], peerName: "the same with 10,000 samples", lessIsBetter: true)
    ]
  }
}

/// Time from the start of the process to the first image on the disk.
struct FirstOutput: Benchmark {
  let name = "first-output"
  let summary =
    "mirage run Pipelines/quickstart.yaml without its GAN: time until the first image file is there, against the whole run"
  private let stages = "stages=[copies: 2, {rotate: 15}, {random-crop: {size: 28, padding: 2}}, {scale: {to: [-1, 1]}}]"

  func measure(rounds: Int) async throws -> [Row] {
    var (first, whole): ([Double], [Double]) = ([], [])
    for _ in 0..<rounds * 3 {
      try withScratch { scratch in
        let start = ContinuousClock.now
        var seen: Double?
        let data = scratch + "/out.partial/data"
        let usage = try run([
          tool, "run", "Pipelines/quickstart.yaml", "--set", stages, "--output", scratch + "/out", "--quiet",
        ]) {
          while seen == nil && start.duration(to: .now) < .seconds(10) {
            let folders = (try? directoryEntries(data)) ?? []
            let hasFile = folders.contains { folder in
              FileKind(data + "/" + folder) == .directory
                && !((try? directoryEntries(data + "/" + folder)) ?? []).isEmpty
            }
            if hasFile || FileKind(scratch + "/out") == .directory {
              seen = start.duration(to: .now) / .milliseconds(1)
            }
            usleep(500)
          }
        }
        first.append(seen ?? .infinity)
        whole.append(usage.seconds * 1000)
      }
    }
    return [
      Row(name, unit: "ms", ours: first, peer: whole, peerName: "the whole run", lessIsBetter: true)
    ]
  }
}
