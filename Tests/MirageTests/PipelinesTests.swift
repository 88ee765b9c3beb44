import MirageSupport
import Mirage
import StreamsTestSupport
import TestSupport
import Testing

/// Every file in Pipelines/ does what it says, on a tiny dataset in place of the real one.
@Suite struct PipelinesTests {
  static let folder = repository + "/Pipelines/"
  static let files = try! directoryEntries(folder).filter { $0.hasSuffix(".yaml") }

  let directory = TemporaryDirectory()

  @Test func thereAreFiles() { #expect(Self.files.count >= 5) }

  @Test(arguments: files) func runs(_ file: String) throws {
    let source = type(of: try PipelineFile.load(Self.folder + file).source).name
    let data = directory.file("data")
    switch source {
    // Twice two images of each class.
    case "mnist": try TinyDataset.writeMNIST(data, count: 40, height: 28, width: 28)
    case "cifar10":
      try makeDirectories(data)
      try TinyDataset.writeArchive(
        TinyDataset.cifarPython(), folder: "cifar-10-batches-py", to: data + "/cifar-10-python.tar.gz")
    case "celeba": try TinyCelebA(count: 12, zip: true).write(data)
    case "image-folder": try TinyDataset.writeImageFolder(data, height: 28, width: 28)
    default: Issue.record("no tiny dataset for source \(source)")
    }
    let output = directory.file("out")
    var arguments = [
      "run", Self.folder + file, "--set", "source.\(source).directory=\(data)", "--output", output, "--limit", "6",
      "--json",
    ]
    for (index, stage) in try PipelineFile.load(Self.folder + file).stages.enumerated() {
      var settings: [String] = []
      switch type(of: stage).name {
      case "conditional-gan": settings = ["train.steps=3", "watch.metric=none"]
      // The tiny data has digits, and every sample is to be written.
      case "filter": arguments += ["--set", "stages.\(index).filter=[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]"]
      // Half of the data, and the other half as the second domain.
      case "take": arguments += ["--set", "stages.\(index).take=20"]
      case "cycle-gan":
        settings = ["train.steps=1", "train.batch=1", "translate.originals=replace"]
        if let target = (stage as? CycleTranslation)?.target {
          settings.append("target.source.\(source).directory=\(data)")
          if type(of: target.stages.first ?? stage).name == "skip" { settings.append("target.stages.0.skip=20") }
        } else {
          settings += ["from=[0, 1, 2]", "to=[3, 4, 5]"]
        }
      case "pix-to-pix": settings = ["train.steps=1", "train.batch=1"]
      default: break
      }
      if !settings.isEmpty { settings.append("checkpoint=\(directory.file("gan.safetensors"))") }
      arguments += settings.flatMap { ["--set", "stages.\(index).\(type(of: stage).name)." + $0] }
    }
    let result = try CommandLineTool.start(arguments).wait()
    try #require(result.status == 0, "\(result.errors)")
    let report = try JSONValue(parsing: result.output.utf8)
    #expect(report["written"] == 6)
    #expect(report["skipped"] == [])
    #expect(try snapshot(output).count >= 2)
  }

  /// The files as they stand, for who has the data.
  @Test(arguments: files) func isSound(_ file: String) throws {
    let text = try InputFile.lines(of: Self.folder + file)
    #expect(text.first?.hasPrefix("# ") == true, "it begins by saying what it makes")
    let pipeline = try PipelineFile.load(Self.folder + file)
    #expect(pipeline.sink != nil)
    #expect(!pipeline.stages.isEmpty)
  }
}
