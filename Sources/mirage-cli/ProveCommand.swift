import ArgumentParser
import Foundation
import Mirage

struct ProveCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prove", abstract: "Find out whether a pipeline's GAN helps a classifier.",
    discussion: """
      The same classifier is trained for as many steps on several kinds of training data (the arms) and tested on real
      samples, for several seeds. The augmentations after the GAN in the pipeline are the classical ones that it is
      compared with. A run that was interrupted continues with the same command.

      PROTOCOLS
        small-data  A conditional-gan is trained on few samples of each class. Arms: real samples, with classical
                    augmentation, with synthetic samples, with both.
        domain      Labels exist in one domain only, and the test samples are of another, the translation's target.
                    Arms: the labeled domain (A), with classical augmentation, translated, both; randomized
                    (--randomization, a pipeline file whose stages randomize A); and labeled samples of the other
                    domain (B), the ceiling.
        minority    The class that a cycle-gan translates to has few samples. Arms: real samples, class weights,
                    oversampled, with classical augmentation, with translations, both.

      Written into the output: outcomes.jsonl, gain.json, gain.md (the table) and gain.svg (the chart).

      EXAMPLES
        mirage prove Pipelines/fashion-mnist-gan.yaml --output out/proof
        mirage prove Pipelines/fashion-sensor.yaml --protocol domain \\
          --randomization Pipelines/fashion-sensor-randomization.yaml --output out/sensor
        mirage prove Pipelines/sneaker-boot.yaml --protocol minority --size 10 --size 50 --output out/minority
      """)

  @OptionGroup var options: PipelineOptions

  @Option(help: "Where outcomes, GANs, table and chart are kept.", completion: .directory)
  var output: String

  @Option(
    name: .customLong("protocol"),
    help: ArgumentHelp("Design of the experiment.", valueName: "small-data|domain|minority"))
  var design = Design.smallData

  @Option(help: ArgumentHelp("Size of the experiment: minutes, or hours.", valueName: "small|full"))
  var preset = Preset.small

  @Option(
    name: .customLong("size"),
    help: "Real samples per class, or of the rare class in minority; 0 for all; may be given several times.")
  var sizes: [Int] = []

  @Option(help: "Pipeline file whose stages randomize domain A, for domain.", completion: .file(extensions: ["yaml"]))
  var randomization: String?

  @Option(help: "Repetitions.")
  var seeds: Int?

  @Option(help: "Steps of each classifier.")
  var classifierSteps: Int?

  @Option(help: "Steps of each GAN.")
  var ganSteps: Int?

  @Option(help: "The dataset to test on, instead of the source's own test part.", completion: .directory)
  var test: String?

  @OptionGroup var threads: ThreadOptions

  @Flag(help: "Print the result as JSON.")
  var json = false

  @Flag(help: "Print the result only.")
  var quiet = false

  enum Preset: String, ExpressibleByArgument, CaseIterable { case small, full }

  enum Design: String, ExpressibleByArgument, CaseIterable {
    case smallData = "small-data"
    case domain, minority
  }

  func validate() throws {
    if !sizes.allSatisfy({ (0...1_000_000).contains($0) }) { throw ValidationError("--size must be at least 0.") }
    for (name, value) in [("seeds", seeds), ("classifier-steps", classifierSteps), ("gan-steps", ganSteps)] {
      if let value, !(1...100_000_000).contains(value) { throw ValidationError("--\(name) must be at least 1.") }
    }
    if randomization != nil && design != .domain {
      throw ValidationError("--randomization is of --protocol domain.")
    }
  }

  func run() async throws {
    threads.prepare()
    let pipeline = try options.load()
    var settings = defaults
    if !sizes.isEmpty { settings.sizes = sizes }
    settings.seeds = seeds ?? settings.seeds
    settings.classifierSteps = classifierSteps ?? settings.classifierSteps
    settings.ganSteps = ganSteps ?? settings.ganSteps
    let proof = Proof(try design(of: pipeline), settings, in: output)
    let test = try await testSamples(proof.design)
    let start = ContinuousClock.now
    let isSilent = quiet || json
    let outcomes: [Proof.Outcome]
    do {
      outcomes = try await proof.run(test: test) { if !isSilent { Terminal.message($0) } }
    } catch {
      if error is CancellationError, !isSilent {
        Terminal.message("Stopped; what is done is kept, and the same command goes on.")
      }
      throw error
    }
    let tables = (["accuracy"] + proof.design.measures).map { GainTable(outcomes, of: proof.design, measure: $0) }
    let json = JSONValue.object(
      Dictionary(uniqueKeysWithValues: zip(["accuracy"] + proof.design.measures, tables.map(\.json))))
    let text = tables.map(\.markdown).joined(separator: "\n")
    try OutputFile.replace(output + "/gain.json", with: json.prettyText.utf8)
    try OutputFile.replace(output + "/gain.md", with: text.utf8)
    try OutputFile.replace(output + "/gain.svg", with: tables[0].chart.file.utf8)
    print(self.json ? json.text : text)
    if !isSilent {
      let seconds = start.duration(to: .now) / .seconds(1)
      Terminal.message("Done in \(NumberText.fixed(seconds, decimals: 0)) s; see \(output)/gain.svg.")
    }
  }

  private var defaults: Proof.Settings {
    let isSmall = preset == .small
    return switch design {
    case .smallData:
      isSmall
        ? Proof.Settings(sizes: [20, 50, 100], seeds: 3, classifierSteps: 200, ganSteps: 400)
        : Proof.Settings(sizes: [20, 50, 100, 500, 0], seeds: 5, classifierSteps: 2000, ganSteps: nil)
    case .domain: Proof.Settings(sizes: [0], seeds: isSmall ? 1 : 5, classifierSteps: 1500, ganSteps: nil)
    case .minority:
      Proof.Settings(sizes: [10, 20, 50, 100], seeds: isSmall ? 1 : 5, classifierSteps: 1500, ganSteps: nil)
    }
  }

  private func design(of pipeline: Pipeline) throws -> any ProofDesign {
    switch design {
    case .smallData: try SmallDataDesign(pipeline)
    case .domain: try DomainDesign(pipeline, randomization: randomization.map { try PipelineFile.load($0) })
    case .minority: try MinorityDesign(pipeline)
    }
  }

  /// Returns the samples of --test, or those that the design tests on.
  private func testSamples(_ design: any ProofDesign) async throws -> Batches {
    if let test { return Batches(try await DatasetLocation(test).samplesToTest(), size: 256) }
    return Batches(try await design.test.fitted(in: Context(fitting: .fit)).flow, size: 256)
  }
}
