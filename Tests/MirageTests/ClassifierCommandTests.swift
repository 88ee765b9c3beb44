import Foundation
import Mirage
import StreamsTestSupport
import TestSupport
import Testing

/// `train-classifier` and `test-classifier`: what they print and write, and how they end.
@Suite struct ClassifierCommandTests {
  private static let samples = repository + "/Samples/fashion-mnist"
  let folder = TemporaryDirectory()

  /// Runs the tool in the folder.
  private func run(_ arguments: String...) throws -> CommandLineTool.Result {
    try CommandLineTool.start(arguments, directory: folder.path).wait()
  }

  private func number(_ value: JSONValue?) throws -> Double {
    switch value {
    case .number(let number): return number
    case .integer(let number): return Double(number)
    default: throw MirageError.badData("\(value?.text ?? "nothing") is not a number")
    }
  }

  /// A dataset of tiny images in both parts, and its classifier, trained for a moment.
  private func classifier() throws -> String {
    try TinyDataset.writeMNIST(folder.file("mnist"), count: 20)
    try TinyDataset.writeMNIST(folder.file("mnist"), split: .test, count: 10)
    let result = try run("train-classifier", "mnist", "--output", "c.safetensors", "--epochs", "2", "--quiet")
    #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
    return folder.file("c.safetensors")
  }

  // MARK: What they do

  @Test func trainsAndMeasures() throws {
    let text = try run(
      "train-classifier", Self.samples, "--output", "made/a.safetensors", "--epochs", "1", "--threads", "2")
    #expect(text.status == 0, "\(text.errors)")
    #expect(text.output.contains(" % of 1,000 test samples classified right after 24 steps ("), "\(text.output)")
    #expect(text.output.contains("written to made/a.safetensors") && text.errors.contains("epoch 1 of 1, loss "))
    let json = try run(
      "train-classifier", Self.samples, "--output", "b.safetensors", "--epochs", "1", "--threads", "2", "--json")
    #expect(json.status == 0 && json.errors.isEmpty, "\(json.errors)")
    let report = try JSONValue(parsing: json.output.utf8)
    #expect(report["steps"] == 24 && report["tested"] == 1000 && report["file"] == "b.safetensors")
    #expect(try number(report["seconds"]) > 0)
    let accuracy = try number(report["accuracy"])
    #expect((0.4...1).contains(accuracy))
    #expect(text.output.hasPrefix(String(format: "%.2f %% ", 100 * accuracy)), "\(text.output)")
    #expect(
      try InputFile.contents(of: folder.file("made/a.safetensors"))
        == InputFile.contents(of: folder.file("b.safetensors")))
    #expect(try directoryEntries(folder.path).sorted() == ["b.safetensors", "made"])

    let measured = try run("test-classifier", "b.safetensors", Self.samples, "--json")
    #expect(measured.status == 0 && measured.errors.isEmpty, "\(measured.errors)")
    let found = try JSONValue(parsing: measured.output.utf8)
    #expect(found["accuracy"] == report["accuracy"] && found["tested"] == 1000)
    let said = try run("test-classifier", "made/a.safetensors", Self.samples)
    #expect(said.output.hasPrefix(String(format: "%.2f %% of 1,000 samples", 100 * accuracy)), "\(said.output)")
  }

  @Test func pyTorchsWeightsAreMeasured() throws {
    var checkpoint = try Checkpoint(reading: classifier())
    let expected = try run("test-classifier", "c.safetensors", "mnist", "--json").output
    checkpoint.metadata = ["format": "pt"]
    try checkpoint.write(to: folder.file("pt.safetensors"))
    let result = try run("test-classifier", "pt.safetensors", "mnist", "--json")
    #expect(result.status == 0 && result.output == expected, "\(result.errors)")
  }

  @Test func pipelinesAreTrainedOn() throws {
    try folder.write("p.yaml", "source: {mnist: \(Self.samples)}\nstages: [take: 155, copies: 2, rotate: 10]\n")
    let result = try run("train-classifier", "p.yaml", "--output", "c.safetensors", "--epochs", "1", "--json")
    #expect(result.status == 0, "\(result.errors)")
    #expect(result.errors.contains("p.yaml has no test part") && result.errors.contains("kept for testing"))
    // A tenth, by what the samples were made of: both copies of one, or neither.
    let report = try JSONValue(parsing: result.output.utf8)
    let tested = try number(report["tested"])
    #expect(tested.truncatingRemainder(dividingBy: 2) == 0 && (10...60).contains(tested))
    #expect(try number(report["steps"]) == 3)
    let quiet = try run("train-classifier", "p.yaml", "--output", "d.safetensors", "--epochs", "1", "--quiet")
    #expect(quiet.status == 0 && quiet.errors.isEmpty && quiet.output.contains("of \(Int(tested)) test samples"))
    #expect(try run("test-classifier", "c.safetensors", "p.yaml").output.contains("of 310 samples"))
  }

  @Test func testSamplesAreTakenFromElsewhere() throws {
    try TinyDataset.writeMNIST(folder.file("mnist"), count: 20)
    let held = try run("train-classifier", "mnist", "--output", "a.safetensors", "--epochs", "1")
    #expect(held.status == 0 && held.errors.contains("of its samples are kept for testing"), "\(held.errors)")
    try TinyDataset.writeMNIST(folder.file("other"), split: .train, count: 7)
    let arguments = ["train-classifier", "mnist", "--epochs", "1", "--test", "other", "--json", "--output"]
    let other = try CommandLineTool.start(arguments + ["b.safetensors"], directory: folder.path).wait()
    #expect(other.status == 0 && other.errors.isEmpty, "\(other.errors)")
    #expect(try JSONValue(parsing: other.output.utf8)["tested"] == 7)
    try folder.write("other/classes.txt", (0..<10).map { "class \($0)\n" }.joined())
    let classes = try CommandLineTool.start(arguments + ["d.safetensors"], directory: folder.path).wait()
    #expect(classes.status == 65 && classes.errors.contains("of the same classes"), "\(classes.errors)")
    #expect(FileKind(folder.file("d.safetensors")) == .missing)
  }

  // MARK: What they refuse

  @Test func whatIsThereIsKept() throws {
    let file = try classifier()
    let before = try InputFile.contents(of: file)
    let again = try run("train-classifier", "mnist", "--output", "c.safetensors", "--seed", "1")
    #expect(again.status == 73 && again.errors.contains("--overwrite") && !again.errors.contains("epoch"))
    #expect(try InputFile.contents(of: file) == before)
    let replaced = try run("train-classifier", "mnist", "--output", file, "--seed", "1", "--epochs", "1", "--overwrite")
    #expect(replaced.status == 0, "\(replaced.errors)")
    #expect(try InputFile.contents(of: file) != before)
    // Before anything is trained.
    for place in ["mnist", "/dev/null/c.safetensors", "/dev/null/a/c.safetensors", "c.safetensors/d.safetensors"] {
      for flags in [[], ["--overwrite"]] {
        let arguments = ["train-classifier", "mnist", "--output", place] + flags
        let result = try CommandLineTool.start(arguments, directory: folder.path).wait()
        #expect(result.status == 73 && result.output.isEmpty, "\(arguments): \(result.errors)")
        #expect(!result.errors.contains("epoch") && result.errors.contains("error: "), "\(result.errors)")
      }
    }
    #expect(try directoryEntries(folder.path).sorted() == ["c.safetensors", "mnist"])
    #expect(try directoryEntries(folder.file("mnist")).count == 4)
  }

  static let exits: [(arguments: [String], status: Int32, says: String)] = [
    (["train-classifier", "mnist"], 64, "--output"), (["test-classifier", "mnist"], 64, "<dataset>"),
    (["train-classifier", "mnist", "--output", "x", "--epochs", "0"], 64, "--epochs must be"),
    (["train-classifier", "mnist", "--output", "x", "--batch", "0"], 64, "--batch must be"),
    (["train-classifier", "mnist", "--output", "x", "--learning-rate", "0"], 64, "--learning-rate must be"),
    (["train-classifier", "mnist", "--output", "x", "--threads", "0"], 64, "--threads must be"),
    (["train-classifier", "mixed", "--output", "x"], 65, "Bring all to one size"),
    (["train-classifier", "large", "--output", "x"], 65, "resize"),
    (["train-classifier", "one", "--output", "x"], 65, "classes"),
    (["train-classifier", "one/cat", "--output", "x"], 65, "classes"),
    (["test-classifier", "letter.txt", "mnist"], 65, "letter.txt"),
    (["train-classifier", "nowhere", "--output", "x"], 66, "nowhere"),
    (["train-classifier", "mnist", "--output", "x", "--test", "nowhere"], 66, "nowhere"),
    (["train-classifier", "letter.txt", "--output", "x"], 66, "neither a pipeline file nor a dataset"),
    (["train-classifier", "empty", "--output", "x"], 66, "empty"),
    (["test-classifier", "none.safetensors", "mnist"], 66, "none.safetensors"),
    (["train-classifier", "wrong.yaml", "--output", "x"], 78, "Did you mean rotate?"),
  ]

  @Test func endWithTheCodeOfTheMistake() throws {
    try TinyDataset.writeMNIST(folder.file("mnist"))
    try TinyDataset.writeImageFolder(folder.file("mixed"))
    try folder.write("mixed/cat/9.png", PNG.encode(TinyDataset.image(9, height: 20, width: 9)))
    for index in 0..<4 {
      let image = TinyDataset.image(index, height: 300, width: 300)
      try folder.write("large/\(index % 2)/\(index).png", PNG.encode(image))
    }
    try TinyDataset.writeImageFolder(folder.file("one"), classes: ["cat"])
    try folder.write("letter.txt", "mine")
    try folder.write("wrong.yaml", "source: {mnist: mnist}\nstages: [rotat: 5]\n")
    try makeDirectories(folder.file("empty"))
    for (arguments, status, says) in Self.exits {
      let result = try CommandLineTool.start(arguments, directory: folder.path).wait()
      #expect(
        result.status == status && result.errors.contains(says), "\(arguments): \(result.status) \(result.errors)")
      #expect(result.output.isEmpty, "\(arguments)")
      for name in ["x", "x.tmp"] { #expect(FileKind(folder.file(name)) == .missing, "\(arguments)") }
    }
    for command in ["train-classifier", "test-classifier"] {
      #expect(try run(command, "--help").output.contains("EXAMPLES"))
    }
  }

  @Test func damagedAndOtherClassifiersAreRefused() throws {
    let bytes = try InputFile.contents(of: classifier())
    for length in [0, 7, 100, bytes.count / 2, bytes.count - 1] {
      try folder.write("cut.safetensors", bytes.prefix(length))
      let result = try run("test-classifier", "cut.safetensors", "mnist")
      #expect(result.status == 65 && result.errors.contains("cut.safetensors"), "\(length): \(result.errors)")
    }
    func check(_ dataset: String, _ says: String) throws {
      let result = try run("test-classifier", "c.safetensors", dataset)
      #expect(result.status == 65 && result.output.isEmpty)
      #expect(result.errors.contains("c.safetensors") && result.errors.contains(says), "\(result.errors)")
    }
    try TinyDataset.writeMNIST(folder.file("taller"), split: .train, height: 8)
    try check("taller", "configuration.height is 6 in the checkpoint and 8 here")
    try TinyDataset.writeMNIST(folder.file("color"), split: .train, channels: 3)
    try check("color", "configuration.channels is 1 in the checkpoint and 3 here")
    try folder.write("mnist/classes.txt", (0..<10).map { "class \($0)\n" }.joined())
    try check("mnist", "configuration.classes is")
  }

  @Test(arguments: [SIGINT, SIGTERM]) func interruptionWritesNothing(signal: Int32) throws {
    let arguments = ["train-classifier", Self.samples, "--output", "c.safetensors", "--epochs", "1000"]
    let running = try CommandLineTool.start(arguments, directory: folder.path)
    usleep(700_000)
    let start = ContinuousClock.now
    kill(running.process.processIdentifier, signal)
    let result = try running.wait()
    #expect(start.duration(to: .now) < .seconds(1))
    #expect(result.status == 130 && result.output.isEmpty, "\(result.status) \(result.errors)")
    #expect(result.errors.contains("nothing was written"), "\(result.errors)")
    #expect(try directoryEntries(folder.path).isEmpty)
  }
}
