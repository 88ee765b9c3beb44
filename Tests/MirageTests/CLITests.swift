import Foundation
import Mirage
import StreamsTestSupport
import TestSupport
import Testing

/// The command line: what it prints where, and how it ends.
@Suite struct CLITests {
  private static let quickstart = repository + "/Pipelines/quickstart.yaml"
  /// So that it does not matter whether the quickstart was run here.
  private static let untrained = "stages.0.conditional-gan.checkpoint=/tmp/mirage-no-such-model.safetensors"
  private static let samples = "source: {mnist: {directory: \(repository)/Samples/fashion-mnist, split: test}}\n"

  /// The first line that a failed command says.
  private func failure(_ arguments: String..., directory: String? = nil) throws -> (status: Int32, errors: String) {
    let result = try CommandLineTool.start(arguments, directory: directory).wait()
    #expect(result.output.isEmpty, "messages go to standard error")
    return (result.status, result.errors)
  }

  static let exits: [(arguments: [String], status: Int32, says: String)] = [
    (["frobnicate"], 64, "frobnicate"), (["run"], 64, "<pipeline>"), (["run", "p.yaml", "--frob"], 64, "--frob"),
    (["run", "p.yaml", "--workers", "0"], 64, "--workers must be"), (["run", "p.yaml", "--shard", "0/3"], 64, "0/3"),
    (["run", "p.yaml", "--shard", "4/3"], 64, "4/3"), (["run", "p.yaml", "--limit=-1"], 64, "--limit"),
    (["run", "p.yaml", "--resume", "--overwrite"], 64, "exclude each other"),
    (["run", "p.yaml", "--seed=-1"], 64, "-1"),
    (["run", "p.yaml", "--output", ""], 64, "--output"), (["stats", "p.yaml", "--limit=-1"], 64, "--limit"),
    (["run", "p.yaml", "--set", "seed"], 64, "has no ="),
    (["run", "p.yaml", "--set", "sed=1"], 64, "Did you mean seed?"),
    (["run", "p.yaml", "--set", "seed=x"], 64, "seed must be"), (["run", "p.yaml", "--on-error", "x"], 64, "stop"),
    (["preview", "p.yaml", "--output", "x.png", "--count", "0"], 64, "--count"),
    (["stages", "rotat"], 64, "Did you mean rotate?"), (["replay", "p.yaml", "nonsense"], 64, "not a sample's id"),
    (["replay", "p.yaml", "s0-99999999-p0-v0"], 64, "makes no sample"), (["run", "bad.yaml"], 65, "not an IDX file"),
    (["run", "none.yaml"], 66, "none.yaml"), (["run", "p.yaml", "--set", "source.mnist=nowhere"], 66, "nowhere"),
    (["validate", "p.yaml", "--set", "source.mnist=nowhere"], 66, "nowhere"),
    (["run", "p.yaml", "--output", "/dev/null/out"], 73, "/dev/null"),
    (["run", "p.yaml", "--output", "p.yaml"], 73, "exists"),
    (["run", "p.yaml", "--output", "p.yaml", "--overwrite"], 73, "will not remove it"),
    (["preview", "p.yaml", "--output", "/none/x.png"], 73, "/none/x.png"),
    (
      ["run", "wrong.yaml"], 78,
      "wrong.yaml:2:10: unknown stage rotat\n  stages: [rotat: 5]\n           ^\n  Did you mean rotate?"
    ),
    (["validate", "wrong.yaml"], 78, "Did you mean rotate?"), (["run", "empty.yaml"], 78, "is empty"),
    (["run", "binary.yaml"], 78, "not a text file"), (["run", "soft.yaml"], 78, "idx cannot hold the mixed labels"),
    (["run", "sinkless.yaml"], 78, "the pipeline has no sink"), (["stats", "wrong.yaml"], 78, "unknown stage"),
  ]

  @Test(arguments: exits.indices) func endsWithTheCodeOfTheMistake(index: Int) throws {
    let (arguments, status, says) = Self.exits[index]
    let folder = TemporaryDirectory()
    try folder.write("p.yaml", Self.samples + "sink: {idx: out}\n")
    try folder.write("wrong.yaml", "source: {mnist: a}\nstages: [rotat: 5]\n")
    try folder.write("empty.yaml", "")
    try folder.write("binary.yaml", [0, 1, 2])
    try folder.write("soft.yaml", Self.samples + "stages: [mixup]\nsink: {idx: out}\n")
    try folder.write("sinkless.yaml", Self.samples)
    try folder.write("bad.yaml", "source: {mnist: bad}\nsink: {idx: out}\n")
    for name in ["images-idx3", "labels-idx1"] { try folder.write("bad/train-\(name)-ubyte", "no IDX file at all") }
    let result = try CommandLineTool.start(arguments, directory: folder.path).wait()
    #expect(result.status == status && result.errors.contains(says), "\(arguments): \(result.status) \(result.errors)")
    #expect(result.output.isEmpty)
    for left in ["out", "out.partial", "x.png"] { #expect(FileKind(folder.file(left)) == .missing, "\(left)") }
  }

  @Test func runSaysWhatItDidOnStandardOutput() throws {
    let workplace = try Workplace(Self.samples + "sink: {idx: out}\n")
    let plain = try workplace.run("--limit", "25")
    #expect(plain.status == 0 && plain.output.hasPrefix("25 samples in ") && plain.errors.isEmpty)
    let json = try workplace.run("--limit", "30", "--output", "other", "--json")
    let report = try JSONValue(parsing: json.output.utf8)
    #expect(json.status == 0 && json.errors.isEmpty)
    #expect(report["written"] == 30 && report["complete"] == false && report["skipped"] == [])
    let quiet = try workplace.run("--limit", "5", "--output", "third", "--quiet")
    #expect(quiet.status == 0 && quiet.output.isEmpty && quiet.errors.isEmpty)
  }

  @Test func skippedSamplesAreListed() throws {
    let workplace = try Workplace.broken(sink: "image-folder: {directory: out}")
    let stopped = try workplace.run()
    #expect(stopped.status == 65 && stopped.output.isEmpty)
    #expect(stopped.errors.contains("sample s0-00000004-p0-v0") && stopped.errors.contains("b/4.png"))
    #expect(stopped.errors.contains("--on-error skip"))
    let skipped = try workplace.run("--on-error", "skip", "--overwrite", "--quiet")
    #expect(
      skipped.status == 1 && skipped.output.isEmpty && skipped.errors.contains("skipped sample s0-00000004-p0-v0"))
    let report = try JSONValue(parsing: snapshot(workplace.output)["mirage.json"]!)
    #expect(report["counts"]?["skipped"] == 1 && report["counts"]?["written"] == 5)
    let json = try workplace.run("--on-error", "skip", "--output", "json", "--json")
    #expect(json.status == 1)
    #expect(try JSONValue(parsing: json.output.utf8)["skipped"]?.items.first?["sample"] == "s0-00000004-p0-v0")
  }

  @Test func existingOutputIsKept() throws {
    let workplace = try Workplace(Self.samples + "sink: {webdataset: out}\n")
    #expect(try workplace.run("--limit", "9").status == 0)
    let before = try snapshot(workplace.output)
    let again = try workplace.run("--limit", "9")
    #expect(again.status == 73 && again.errors.contains("--overwrite"))
    // An --overwrite that fails leaves the old output; one that succeeds replaces all of it.
    let failed = try workplace.run("--overwrite", "--set", "stages=[random-crop: 99]")
    #expect(failed.status == 65)
    #expect(try snapshot(workplace.output) == before)
    #expect(try workplace.run("--overwrite", "--limit", "4", "--set", "sink.webdataset.prefix=new").status == 0)
    #expect(try snapshot(workplace.output).keys.sorted() == ["mirage.json", "new-000000.tar"])
    for sink in ["webdataset", "image-folder"] {
      try workplace.folder.write("mine/letter.txt", "mine")
      let foreign = try workplace.run("--overwrite", "--output", "mine", "--set", "sink={\(sink): x}")
      #expect(foreign.status == 73 && foreign.errors.contains("will not remove it"), "\(foreign.errors)")
    }
    #expect(try snapshot(workplace.folder.file("mine")) == ["letter.txt": Array("mine".utf8)])
  }

  @Test(arguments: ["idx: {directory: out, split: train}", "cifar10: {directory: out, split: train}"])
  func splitsShareADirectory(sink: String) throws {
    let workplace = try Workplace(Self.samples + "stages: [{resize: 32}, {grayscale: 3}]\nsink: {\(sink)}\n")
    let name = sink.prefix { $0 != ":" }
    #expect(try workplace.run("--limit", "10", "--quiet").status == 0)
    let train = try snapshot(workplace.output)
    let test = ["--limit", "5", "--quiet", "--set", "sink.\(name).split=test"]
    #expect(try workplace.start(test).wait().status == 0)
    let both = try snapshot(workplace.output)
    #expect(train.allSatisfy { $0.key == "mirage.json" || both[$0.key] == $0.value })
    let splits = try JSONValue(parsing: both["mirage.json"]!)["splits"]
    #expect(splits?["train"]?["counts"]?["written"] == 10 && splits?["test"]?["counts"]?["written"] == 5)
    for arguments in [test, ["--limit", "10"]] {
      #expect(try workplace.start(arguments).wait().status == 73)
      #expect(try workplace.start(arguments + ["--resume"]).wait().status == 0)
    }
    #expect(try snapshot(workplace.output) == both)
    // Files that no report tells of are not this tool's to replace.
    try workplace.folder.write("foreign/t10k-images-idx3-ubyte", "mine")
    try workplace.folder.write("foreign/test_batch.bin", "mine")
    let foreign = try workplace.start(test + ["--overwrite", "--output", "foreign"]).wait()
    #expect(foreign.status == 73 && foreign.errors.contains("will not remove it"), "\(foreign.errors)")
  }

  @Test func seedLimitAndShardsDecideSamples() throws {
    let workplace = try Workplace(Self.samples + "stages: [shuffle, rotate: 30]\nsink: {image-folder: out}\n")
    func ids(_ arguments: String...) throws -> [String] {
      let output = "out-\(arguments.joined(separator: "-").replacing("/", with: "of"))"
      #expect(try workplace.start(arguments + ["--output", output, "--quiet"]).wait().status == 0)
      let rows = try #require(try snapshot(workplace.folder.file(output))["metadata.jsonl"])
      return try rows.split(separator: 10).map { try JSONValue(parsing: $0)["id"]?.text ?? "" }
    }
    let whole = try ids("--limit", "100")
    #expect(whole.count == 100 && Set(whole).count == 100)
    #expect(try ids("--limit", "40") == Array(whole.prefix(40)))
    #expect(try ids("--limit", "0") == [])
    let parts = try (1...3).map { try ids("--limit", "100", "--shard", "\($0)/3") }
    #expect(parts.flatMap(\.self) == whole)
    let other = try ids("--limit", "100", "--seed", "8")
    #expect(other != whole && Set(other).count == 100)
  }

  @Test func validateStagesAndStatsPrint() throws {
    let valid = try CommandLineTool.run("validate", Self.quickstart, "--set", Self.untrained)
    #expect(valid.errors.contains("stages/0 (conditional-gan) is fitted when the pipeline runs"))
    #expect(valid.status == 0 && valid.output.contains("is valid: 6,000 positions, 10 classes"))
    let all = try CommandLineTool.run("stages").output
    for type in Registry.standard.types {
      #expect(all.contains("\n  \(type.name) "), "\(type.name)")
      let one = try CommandLineTool.run("stages", type.name)
      #expect(one.status == 0 && type.settings.allSatisfy { one.output.contains("  \($0.key): ") })
    }
    let both = try CommandLineTool.run("stages", "webdataset").output
    #expect(both.hasPrefix("webdataset (source): ") && both.contains("\n\nwebdataset (sink): "))
    let schema = try CommandLineTool.run("stages", "--schema").output
    #expect(schema == Registry.standard.schema.prettyText)
    let text = try CommandLineTool.run("stats", Self.quickstart, "--set", Self.untrained, "--limit", "100")
    #expect(text.status == 0 && text.output.contains("samples: 100\n"))
    #expect(text.errors.contains("stages/0 (conditional-gan) is not trained yet"))
    let stats = try JSONValue(
      parsing: CommandLineTool.run("stats", Self.quickstart, "--set", Self.untrained, "--limit", "100", "--json").output
        .utf8)
    #expect(stats["samples"] == 100 && stats["sizes"]?["28 x 28 x 1"] == 100)
    let help = try CommandLineTool.run("--help")
    #expect(help.status == 0 && help.output.contains("EXAMPLES") && help.errors.isEmpty)
    for command in [
      "run", "validate", "stages", "preview", "replay", "stats", "train", "synthesize", "evaluate", "prove",
    ] {
      #expect(try CommandLineTool.run(command, "--help").output.contains("EXAMPLES"), "\(command)")
    }
  }

  @Test func previewDrawsASheet() throws {
    let folder = TemporaryDirectory()
    let sheet = folder.file("sheet.png")
    let result = try CommandLineTool.run(
      "preview", Self.quickstart, "--set", Self.untrained, "--output", sheet, "--count", "4", "--variants", "3")
    #expect(result.status == 0 && result.output.contains("4 originals"), "\(result.errors)")
    let image = try Image(decoding: InputFile.contents(of: sheet))
    // Images of 28 are shown three times as large, with gaps of 4 and one of 12 more behind the originals.
    #expect(image.height == 356 && image.width == 368)
    #expect(try directoryEntries(folder.path) == ["sheet.png"])
    let huge = try CommandLineTool.run(
      "preview", Self.quickstart, "--output", sheet, "--count", "2", "--variants", "1", "--set",
      "stages=[repeat: 1000000000, repeat: 1000000, {resize: 8}]")
    #expect(huge.status == 0, "\(huge.errors)")
  }

  /// What replay prints is what the run drew: it makes the written pixels again.
  @Test func replayedDrawsMakeTheWrittenPixels() throws {
    let workplace = try Workplace(
      """
      seed: 11
      source: {image-folder: {directory: in, channels: keep}}
      stages:
        - copies: 3
        - rotate: {degrees: 40, probability: 0.7}
        - sometimes: [{one-of: [{brightness: [0.4, 1.6]}, gaussian-noise, invert]}]
        - random-crop: {size: 20, padding: 1}
      sink: {image-folder: out}
      """)
    let originals = (0..<5).map { TestSource(height: 24, width: 22, channels: 3).sample($0).bytes() }
    for (index, image) in originals.enumerated() {
      try workplace.folder.write("in/a/\(index).png", PNG.encode(image))
    }
    #expect(try workplace.run("--quiet", "--shard", "1/2", "--workers", "3").status == 0)
    #expect(try workplace.run("--quiet", "--shard", "2/2", "--output", "out2").status == 0)
    let written = try snapshot(workplace.output).merging(snapshot(workplace.folder.file("out2"))) { first, _ in first }
    let images = written.filter { $0.key.hasSuffix(".png") }
    #expect(images.count == 15)
    var drawn: Set<String> = []
    for (name, bytes) in images {
      let result = try CommandLineTool.run("replay", workplace.pipeline, name, "--json")
      #expect(result.status == 0, "\(result.errors)")
      let replayed = try JSONValue(parsing: result.output.utf8)
      let id = try #require(SampleID(String(lastComponent(name).dropLast(4))))
      #expect(replayed["id"] == .string(id.description))
      var sample = Sample(id: id, origin: Origin("test"), content: .image(originals[id.index]))
      for draw in try #require(replayed["draws"]?.items) where draw["parameters"] != .null {
        let stage = try #require(draw["name"]).text.replacing("\"", with: "")
        drawn.insert(stage)
        try apply(stage, draw["parameters"]!, to: &sample)
      }
      #expect(try Image(decoding: bytes) == sample.bytes(), "\(name)")
    }
    #expect(drawn.isSuperset(of: ["rotate", "random-crop", "brightness"]))
    let text = try CommandLineTool.run("replay", workplace.pipeline, "out/a/s0-00000002-p0-v1.png")
    #expect(text.output.contains("s0-00000002-p0-v1: position 7, from a/2.png"))
  }

  private func apply(_ stage: String, _ parameters: JSONValue, to sample: inout Sample) throws {
    let settings = ["rotate": "40", "random-crop": "{size: 20, padding: 1}", "brightness": "[0.4, 1.6]"][stage] ?? "{}"
    let pipeline = try PipelineFile.parse("source: {mnist: none}\nstages: [{\(stage): \(settings)}]")
    let augmentation = try #require(pipeline.stages[0] as? any Augmentation)
    try apply(augmentation, parameters, to: &sample)
  }

  private func apply<A: Augmentation>(_ augmentation: A, _ parameters: JSONValue, to sample: inout Sample) throws {
    try augmentation.apply(parameters.decoded(as: A.Parameters.self), to: &sample)
  }
}
