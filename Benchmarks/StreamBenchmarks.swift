import CMedia
import Foundation
import Mirage

let fashionDirectory = "/usr/share/datasets/fashion-mnist"

/// Stages of `stream-fashion`.
let fashionStages: [any StageComponent] = [
  Rotate(degrees: -15...15), RandomCrop(size: 28, padding: 2), Scale(to: -1...1),
]

/// Fashion-MNIST through rotation, a padded random crop and scaling, against torchvision's DataLoader.
struct StreamFashion: Benchmark {
  let name = "stream-fashion"
  let summary = "60,000 Fashion-MNIST images: rotate 15 degrees bilinear, pad 2 and crop 28, scale to [-1, 1]; drained"

  static let pipeline = Pipeline(source: MNIST(directory: fashionDirectory), stages: fashionStages)

  func measure(rounds: Int) async throws -> [Row] {
    var ours: [Double] = []
    var peer: [Double] = []
    for _ in 0..<rounds {
      ours.append(try await drainingRate(Self.pipeline, epochs: 5))
      peer.append(try peerRate("stream_fashion.py", fashionDirectory))
    }
    return [
      Row(name, unit: "images/s", ours: ours, peer: peer, peerName: "torchvision transforms, DataLoader, 2 workers")
    ]
  }
}

/// Photograph-like JPEGs, decoded and augmented, against two libraries and against decoding alone.
struct StreamJPEG: Benchmark {
  let name = "stream-jpeg"
  let summary =
    "178 x 218 JPEGs: rotate 10 degrees bilinear, center crop 178, resize 64 antialiased, flip, scale; drained"
  private static let directory = "out/bench-jpegs"
  private var directory: String { Self.directory }

  static var pipeline: Pipeline {
    let stages: [any StageComponent] = [
      Rotate(degrees: -10...10), CenterCrop(size: 178), Resize(size: 64), HorizontalFlip(),
      Scale(to: -1...1),
    ]
    return Pipeline(source: ImageFolder(directory: directory), stages: stages)
  }

  func measure(rounds: Int) async throws -> [Row] {
    if FileKind(directory) == .missing {
      _ = try run([".venv/bin/python", "Benchmarks/Peers/make_data.py", directory])
    }
    var (ours, torchvision, albumentations, bare): ([Double], [Double], [Double], [Double]) = ([], [], [], [])
    for _ in 0..<rounds {
      ours.append(try await drainingRate(Self.pipeline, epochs: 2))
      bare.append(try await bareDecodingRate())
      torchvision.append(try peerRate("stream_jpeg.py", directory, "--library", "torchvision"))
      albumentations.append(try peerRate("stream_jpeg.py", directory, "--library", "albumentations"))
    }
    func row(_ peer: [Double], _ peerName: String) -> Row {
      Row(name, unit: "images/s", ours: ours, peer: peer, peerName: peerName)
    }
    return [
      row(torchvision, "torchvision v2 with PIL, 2 workers"),
      row(albumentations, "Albumentations with OpenCV, 2 workers"),
      row(bare, "bare turbojpeg decoding, as many threads"),
    ]
  }

  /// Measures libjpeg-turbo's own call alone, from memory into one buffer per thread.
  private func bareDecodingRate() async throws -> Double {
    let files = try directoryEntries(directory).filter { $0.hasSuffix(".jpg") }.map {
      try InputFile.contents(of: directory + "/" + $0)
    }
    let threads = Context.processors
    let start = ContinuousClock.now
    await withTaskGroup(of: Void.self) { group in
      for thread in 0..<threads {
        group.addTask {
          let handle = tjInitDecompress()
          defer { tjDestroy(handle) }
          var buffer = [UInt8](repeating: 0, count: 218 * 178 * 3)
          for index in stride(from: thread, to: files.count, by: threads) {
            tjDecompress2(
              handle, files[index], UInt(files[index].count), &buffer, 178, 0, 218, Int32(TJPF_RGB.rawValue), 0)
          }
        }
      }
    }
    return Double(files.count) / (start.duration(to: .now) / .seconds(1))
  }
}
