import MirageSupport
import Mirage
import StreamsTestSupport
import TestSupport
import Testing

/// train, synthesize, evaluate and prove, as a user types them.
@Suite struct GANCommandTests {
  let directory = TemporaryDirectory()

  /// A pipeline on tiny images, with augmentation behind its GAN.
  private func writePipeline() throws -> String {
    for split in Split.allCases {
      try TinyDataset.writeMNIST(directory.file("data"), split: split, count: 200, height: 8, width: 8)
    }
    let names = "Top Trouser Pullover Dress Coat Sandal Shirt Sneaker Bag Boot"
    try directory.write("data/classes.txt", names.split(separator: " ").joined(separator: "\n"))
    return try directory.write(
      "gan.yaml",
      """
      seed: 3
      source: { mnist: { directory: data } }
      stages:
        - conditional-gan:
            checkpoint: models/gan.safetensors
            model: { network: fully-connected, latent: 8 }
            train: { steps: 6, batch: 16 }
            watch: { evaluate-every: 3, evaluate-count: 100, grid-every: 3, checkpoint-every: 3 }
            emit: { per-class: 4 }
        - rotate: 10
      sink: { image-folder: { directory: out } }
      """)
  }

  private func run(_ arguments: String...) throws -> CommandLineTool.Result {
    try CommandLineTool.start(
      arguments, directory: directory.path, environment: ["XDG_CACHE_HOME": directory.file("cache")]
    ).wait()
  }

  @Test func fromTrainingToMeasuring() throws {
    let pipeline = try writePipeline()
    let trained = try run("train", pipeline)
    #expect(trained.status == 0 && trained.output.contains("gan.safetensors: 6 steps"), "\(trained.errors)")
    #expect(trained.errors.contains("step 3: FID "))
    #expect(try directoryEntries(directory.file("models/gan-training/grids")).count == 3)
    let again = try run("train", pipeline, "--json")
    #expect(again.status == 0 && again.errors.isEmpty)
    #expect(try JSONValue(parsing: again.output.utf8)["models"] != nil)
    let written = try run("run", pipeline, "--json")
    #expect(try JSONValue(parsing: written.output.utf8)["written"] == 240, "\(written.errors)")
    let other = try run("run", pipeline, "--overwrite", "--set", "stages.0.conditional-gan.train.batch=17")
    #expect(other.status == 65 && other.errors.contains("recipe.batch is 16 in the checkpoint and 17 here"))

    let model = directory.file("models/gan.safetensors")
    let made = try run(
      "synthesize", "--model", model, "--count", "30", "--class", "3", "--class", "Bag", "--output", "made", "--grid",
      "grid.png", "--interpolation", "way.png", "--between", "1", "--between", "2", "--frames", "5")
    #expect(made.status == 0 && made.output.contains("30 samples in made"), "\(made.errors)")
    // Cells of 8, shown seven times as large, with gaps of two.
    let grid = try Image(decoding: InputFile.contents(of: directory.file("grid.png")))
    #expect((grid.width, grid.height) == (118, 466))
    let way = try Image(decoding: InputFile.contents(of: directory.file("way.png")))
    #expect((way.width, way.height) == (292, 118))
    let refused = try run("synthesize", "--model", model, "--count", "30", "--output", "made")
    #expect(refused.status == 73, "\(refused.errors)")
    let unknown = try run("synthesize", "--model", model, "--grid", "other.png", "--class", "Bagg")
    #expect(unknown.status == 78 && unknown.errors.contains("Did you mean Bag?"), "\(unknown.errors)")

    let measured = try run("evaluate", "data", model, "--json")
    let report = try JSONValue(parsing: measured.output.utf8)
    guard case .array(let rows)? = report["metrics"] else {
      Issue.record("\(measured.output)\(measured.errors)")
      return
    }
    let names = rows.compactMap { row -> String? in if case .string(let name)? = row["name"] { name } else { nil } }
    for name in ["FID", "KID", "inception score", "precision", "density", "label agreement", "CAS", "GAN-test"] {
      #expect(names.contains { $0.hasPrefix(name) }, "\(name) in \(names)")
    }
    #expect(rows.allSatisfy { $0["samples"] != nil })
    let folder = try run("evaluate", "data", "made", "--metric", "label-agreement", "--metric", "fid")
    #expect(folder.status == 0 && folder.output.contains("(30 generated"), "\(folder.errors)")
  }

  @Test func identicalSetsHaveNoDistance() throws {
    _ = try writePipeline()
    let found = try run("evaluate", "data", "data", "--metric", "fid", "--json")
    let report = try JSONValue(parsing: found.output.utf8)
    guard case .array(let rows)? = report["metrics"], let value = rows.first?["value"]?.double else {
      Issue.record("\(found.output)\(found.errors)")
      return
    }
    // The two splits of the tiny dataset are the same images.
    #expect(abs(value) < 1e-6)
  }

  /// The table says how many samples of which part were compared: the dataset's own parts differ in number.
  @Test func partsAreComparedAsTheyAreCalled() throws {
    for (split, count) in [(Split.train, 40), (.test, 12)] {
      try TinyDataset.writeMNIST(directory.file("unequal"), split: split, count: count, height: 8, width: 8)
    }
    try TinyDataset.writeMNIST(directory.file("made"), count: 50, height: 8, width: 8)
    let found = try run("evaluate", "unequal", "made", "--metric", "memorization", "--json")
    guard case .array(let rows)? = try JSONValue(parsing: found.output.utf8)["metrics"],
      let samples = rows.first?["samples"]
    else {
      Issue.record("\(found.output)\(found.errors)")
      return
    }
    #expect(samples["generated"] == 50 && samples["real test"] == 12 && samples["real training"] == 40)
  }

  @Test func proofGoesOnWhereItStopped() throws {
    let pipeline = try writePipeline()
    let arguments = [
      "prove", pipeline, "--output", "proof", "--size", "5", "--classifier-steps", "3", "--gan-steps", "3",
    ]
    func prove(_ seeds: String) throws -> CommandLineTool.Result {
      try CommandLineTool.start(arguments + ["--seeds", seeds], directory: directory.path).wait()
    }
    let first = try prove("1")
    #expect(first.status == 0 && first.output.contains("| 5 | real |"), "\(first.errors)")
    let outcomes = directory.file("proof/outcomes.jsonl")
    let before = try InputFile.contents(of: outcomes)
    // A torn line, as a crash leaves it.
    try OutputFile.write(outcomes, before + Array("{\"size".utf8))
    let second = try prove("2")
    #expect(second.status == 0 && second.output.contains("mean of 2 seeds"), "\(second.errors)")
    #expect(try InputFile.contents(of: outcomes).starts(with: before))
    for file in ["gain.json", "gain.md", "gain.svg"] { #expect(FileKind(directory.file("proof/" + file)) == .file) }
    let other = try CommandLineTool.run(
      "prove", pipeline, "--output", "proof", "--size", "5", "--classifier-steps", "4", directory: directory.path)
    #expect(other.status == 65 && other.errors.contains("the outcomes of other settings"), "\(other.errors)")
  }
}
