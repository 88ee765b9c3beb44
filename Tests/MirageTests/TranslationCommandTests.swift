import Foundation
import Mirage
import MirageSupport
import StreamsTestSupport
import TestSupport
import Testing

/// prove and evaluate with translations, as a user types them.
@Suite struct TranslationCommandTests {
  let directory = TemporaryDirectory()

  private func writeData() throws {
    for (split, count) in [(Split.train, 60), (.test, 24)] {
      try TinyDataset.writeMNIST(directory.file("data"), split: split, count: count, height: 12, width: 12)
    }
    let names = "Top Trouser Pullover Dress Coat Sandal Shirt Sneaker Bag Boot"
    try directory.write("data/classes.txt", names.split(separator: " ").joined(separator: "\n"))
  }

  private static let networks = "{ blocks: 1, filters: 4, discriminator-layers: 1, discriminator-filters: 4 }"

  /// Labels in the first half of the data; the other half is inverted.
  private func writeDomains() throws -> String {
    try writeData()
    return try directory.write(
      "domains.yaml",
      """
      seed: 3
      source: { mnist: { directory: data } }
      stages:
        - take: 30
        - cycle-gan:
            checkpoint: models/domains.safetensors
            target:
              source: { mnist: { directory: data } }
              stages:
                - skip: 30
                - invert: { probability: 1 }
            model: \(Self.networks)
            train: { steps: 2, batch: 4, identity-weight: 0, labels: kept }
            translate: { originals: replace }
        - horizontal-flip
      sink: { image-folder: out }
      """)
  }

  private func writeClasses() throws -> String {
    try writeData()
    return try directory.write(
      "classes.yaml",
      """
      seed: 3
      source: { mnist: { directory: data } }
      stages:
        - cycle-gan:
            checkpoint: models/classes.safetensors
            from: [Sneaker]
            to: [Boot]
            model: \(Self.networks)
            train: { steps: 2, batch: 4, identity-weight: 0 }
            watch: { metric: none }
        - horizontal-flip
      sink: { image-folder: out }
      """)
  }

  private func start(_ arguments: [String]) throws -> CommandLineTool.Running {
    try CommandLineTool.start(
      arguments, directory: directory.path, environment: ["XDG_CACHE_HOME": directory.file("cache")])
  }

  private func run(_ arguments: String...) throws -> CommandLineTool.Result { try start(arguments).wait() }

  /// Cells of a measure in gain.json.
  private func cells(_ proof: String, _ measure: String = "accuracy") throws -> [JSONValue] {
    let json = try JSONValue(parsing: InputFile.contents(of: directory.file(proof + "/gain.json")))
    guard case .array(let cells)? = json[measure] else { return [] }
    return cells
  }

  // MARK: prove

  @Test func domainsAreProved() throws {
    let pipeline = try writeDomains()
    try directory.write(
      "randomization.yaml",
      """
      source: { mnist: { directory: data } }
      stages: [invert: { probability: 0.5 }, gamma: [0.5, 2]]
      """)
    let arguments = [
      "prove", pipeline, "--protocol", "domain", "--randomization", "randomization.yaml", "--output", "proof",
      "--gan-steps", "2", "--classifier-steps", "2",
    ]
    let first = try start(arguments).wait()
    try #require(first.status == 0, "\(first.errors)")
    let arms = [
      "A", "A + classical", "domain randomization", "A + translated", "A + classical + translated", "labeled B",
    ]
    for arm in arms { #expect(first.output.contains("| all | \(arm) | "), "\(arm) in \(first.output)") }
    #expect(try cells("proof").map { $0["arm"] } == arms.map { .string($0) })
    for case .array(let gains)? in try cells("proof").map({ $0["gains"] }) { #expect((1...2).contains(gains.count)) }
    // No GAN and no classifier is trained again.
    let outcomes = try InputFile.contents(of: directory.file("proof/outcomes.jsonl"))
    let second = try start(arguments).wait()
    #expect(second.status == 0 && second.output == first.output && !second.errors.contains("of 6"), "\(second.errors)")
    #expect(try InputFile.contents(of: directory.file("proof/outcomes.jsonl")) == outcomes)
  }

  @Test func aTranslationWithoutTargetIsRefused() throws {
    let refused = try run("prove", try writeClasses(), "--protocol", "domain", "--output", "proof")
    #expect(refused.status == 78 && refused.errors.contains("has no target"), "\(refused.errors)")
    #expect(refused.errors.contains("Give the second domain as target, a source with stages of its own."))
    let misplaced = try run(
      "prove", directory.file("classes.yaml"), "--protocol", "minority", "--randomization", "classes.yaml", "--output",
      "proof")
    #expect(misplaced.status == 64 && misplaced.errors.contains("--randomization is of --protocol domain"))
  }

  @Test func aRareClassIsProved() throws {
    let pipeline = try writeClasses()
    let proved = try run(
      "prove", pipeline, "--protocol", "minority", "--output", "proof", "--size", "3", "--gan-steps", "2",
      "--classifier-steps", "2")
    try #require(proved.status == 0, "\(proved.errors)")
    #expect(proved.output.contains("| Boot samples | trained on | recall | over oversampled |"), "\(proved.output)")
    let arms = [
      "real", "class weights", "oversampled", "oversampled + classical", "translated", "translated + classical",
    ]
    for measure in ["accuracy", "recall", "precision", "balanced-accuracy", "macro-f1"] {
      let found = try cells("proof", measure)
      #expect(found.map { $0["arm"] } == arms.map { .string($0) } && found.allSatisfy { $0["size"] == 3 }, "\(measure)")
      #expect(found.allSatisfy { (0...1).contains($0[measure]?.double ?? -1) }, "\(measure)")
    }
    let two = try run(
      "prove", pipeline, "--protocol", "minority", "--output", "other", "--set", "stages.0.cycle-gan.to=[Boot, Bag]")
    #expect(two.status == 78 && two.errors.contains("Name the rare class alone in its `to`."), "\(two.errors)")
    let many = try run(
      "prove", pipeline, "--protocol", "minority", "--output", "many", "--size", "7", "--classifier-steps", "2")
    #expect(many.status == 78 && many.errors.contains("subset wants 7 samples of class Boot, which has 6"))
  }

  /// Ctrl-C keeps the outcomes that are there, and the same command goes on after them.
  @Test func aProofGoesOnAfterAnInterruption() throws {
    let arguments = [
      "prove", try writeClasses(), "--protocol", "minority", "--output", "proof", "--size", "3", "--gan-steps", "2",
      "--classifier-steps", "2", "--seeds",
    ]
    let running = try start(arguments + ["100000"])
    let path = directory.file("proof/outcomes.jsonl")
    func lines() -> Int { ((try? InputFile.contents(of: path)) ?? []).count { $0 == UInt8(ascii: "\n") } }
    // The first line says of which experiment the outcomes are.
    while lines() < 3 && running.process.isRunning { usleep(10_000) }
    running.process.interrupt()
    let start = ContinuousClock.now
    let stopped = try running.wait()
    #expect(start.duration(to: .now) < .seconds(1))
    #expect(stopped.status == 130 && stopped.errors.contains("the same command goes on"), "\(stopped.errors)")
    #expect(FileKind(directory.file("proof/gain.json")) == .missing)
    let before = try InputFile.contents(of: path)
    #expect(lines() >= 3)
    let second = try self.start(arguments + ["1"]).wait()
    #expect(second.status == 0 && second.output.contains("mean of 1 seeds"), "\(second.errors)")
    #expect(try InputFile.contents(of: path).starts(with: before))
    #expect(try cells("proof").count == 6)
  }

  // MARK: evaluate

  /// Names of the metrics of a report.
  private func metrics(_ result: CommandLineTool.Result) throws -> [String] {
    guard result.status == 0, case .array(let rows)? = try JSONValue(parsing: result.output.utf8)["metrics"] else {
      Issue.record("\(result.output)\(result.errors)")
      return []
    }
    #expect(rows.allSatisfy { ($0["value"]?.double ?? .nan).isFinite })
    return rows.compactMap { row in if case .string(let name)? = row["name"] { name } else { nil } }
  }

  private static let kept = ["silhouette overlap", "edge correlation", "cycle error"]
  private static let paired = ["L1", "PSNR", "SSIM"]

  @Test func translationsAreComparedWithTheirOriginals() throws {
    let pipeline = try writeDomains()
    let trained = try run("train", pipeline)
    try #require(trained.status == 0, "\(trained.errors)")
    let model = "models/domains.safetensors"
    let measured = try run("evaluate", "data", model, "--originals", "data", "--metric", "fid", "--json")
    #expect(try metrics(measured) == ["FID"] + Self.kept)
    let paired = try run("evaluate", "data", model, "--originals", "data", "--pairs", "--metric", "fid", "--json")
    #expect(try metrics(paired) == ["FID"] + Self.kept + Self.paired)
    let alone = try run("evaluate", "data", model, "--pairs")
    #expect(alone.status == 64 && alone.errors.contains("--pairs needs --originals"), "\(alone.errors)")
  }

  /// Images in a folder have neither classes nor one channel; the model translates gray ones.
  @Test func withoutClassesOnlyPairsAreMeasured() throws {
    let pipeline = try writeDomains()
    try #require(try run("train", pipeline).status == 0)
    for index in 0..<24 {
      let image = TinyDataset.image(index, height: 12, width: 12, channels: 1)
      try directory.write("truths/\(10 + index).png", PNG.encode(image))
      if index < 20 { try directory.write("few/\(10 + index).png", PNG.encode(image)) }
    }
    let model = "models/domains.safetensors"
    let measured = try run("evaluate", "truths", model, "--originals", "data", "--json")
    #expect(try metrics(measured) == Self.kept)
    let paired = try run("evaluate", "truths", model, "--originals", "data", "--pairs", "--json")
    #expect(try metrics(paired) == Self.kept + Self.paired)
    // Translations in a folder have no way back.
    let folder = try run("evaluate", "data", "truths", "--originals", "data", "--pairs", "--metric", "fid", "--json")
    #expect(try metrics(folder) == ["FID"] + Self.kept.dropLast() + Self.paired)
    let few = try run("evaluate", "few", model, "--originals", "data", "--pairs")
    #expect(few.status == 65 && few.errors.contains("there are 24 translations and 20 partners"), "\(few.errors)")
    let alone = try run("evaluate", "truths", model)
    #expect(alone.status == 64 && alone.errors.contains("--originals"), "\(alone.errors)")
    let none = try run("evaluate", "truths", "few")
    #expect(none.status == 64 && none.errors.contains("--inception"), "\(none.errors)")
  }
}
