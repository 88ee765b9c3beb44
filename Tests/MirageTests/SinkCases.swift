import Foundation
import Mirage
import TestSupport
import Testing

/// A sink with settings that make it interesting to interrupt, and a pipeline that it can hold.
struct SinkCase: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let sink: String
  let stages: String

  private static let gray = "[{take: 300}, {copies: 2}, {rotate: 15}, {random-crop: {size: 28, padding: 2}}]"
  private static let color = "[{take: 400}, {resize: 32}, {grayscale: 3}, {rotate: 15}]"

  static let all = [
    SinkCase(testDescription: "image-folder", sink: "image-folder: {directory: out, compression: 1}", stages: gray),
    SinkCase(testDescription: "webdataset", sink: "webdataset: {directory: out, samples-per-shard: 70}", stages: gray),
    SinkCase(
      testDescription: "webdataset, full shards", sink: "webdataset: {directory: out, samples-per-shard: 100}",
      stages: gray),
    SinkCase(testDescription: "idx", sink: "idx: out", stages: gray),
    SinkCase(testDescription: "idx gzip", sink: "idx: {directory: out, gzip: true, split: test}", stages: gray),
    SinkCase(testDescription: "cifar10 binary", sink: "cifar10: out", stages: color),
    SinkCase(testDescription: "cifar10 python", sink: "cifar10: {directory: out, format: python}", stages: color),
    SinkCase(
      testDescription: "cifar10 archive", sink: "cifar10: {directory: out, format: python, archive: true}",
      stages: color),
  ]

  /// The pipeline on the real samples in this repository.
  var pipeline: String {
    """
    seed: 5
    source:
      mnist: {directory: \(repository)/Samples/fashion-mnist, split: test}
    stages: \(stages)
    sink: {\(sink)}

    """
  }
}

/// A folder with a pipeline that the tool is run in.
final class Workplace {
  let folder = TemporaryDirectory()
  let pipeline: String
  /// A journal that a run left, for making up states of others.
  var lastJournal: JSONValue?

  init(_ text: String) throws { pipeline = try folder.write("pipeline.yaml", text) }

  @discardableResult
  func run(_ arguments: String...) throws -> CommandLineTool.Result { try start(arguments).wait() }

  func start(_ arguments: [String]) throws -> CommandLineTool.Running {
    try CommandLineTool.start(["run", pipeline] + arguments, directory: folder.path)
  }

  /// The output and what stands beside it while it is written.
  var output: String { folder.file("out") }
  var partial: String { output + ".partial" }

  /// Up to where everything is safely written, by the journal there.
  var position: Int {
    get throws {
      let path = partial + "/journal.json"
      guard FileKind(path) == .file else { return 0 }
      let journal = try JSONValue(parsing: InputFile.contents(of: path))
      if case .integer(let position)? = journal["position"] { return position } else { return 0 }
    }
  }

  /// A folder of six small images in two classes, the fifth of them broken, going to some sink: the run stops there, and
  /// goes on with --on-error skip.
  static func broken(sink: String) throws -> Workplace {
    let workplace = try Workplace("source: {image-folder: {directory: in, channels: gray}}\nsink: {\(sink)}\n")
    for index in 0..<6 {
      let image = Image(height: 4, width: 5, channels: 1, fill: [UInt8(40 * index)])
      let bytes = index == 4 ? Array("broken".utf8) : try PNG.encode(image)
      try workplace.folder.write("in/\(index < 3 ? "a" : "b")/\(index).png", bytes)
    }
    return workplace
  }
}

/// Waits for what another process brings about.
func until(seconds: Double = 10, _ isMet: () throws -> Bool) throws -> Bool {
  let end = ContinuousClock.now + .seconds(seconds)
  while try !isMet() {
    if ContinuousClock.now > end { return false }
    usleep(500)
  }
  return true
}
