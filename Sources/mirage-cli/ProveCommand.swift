import ArgumentParser
import Foundation
import Mirage

struct ProveCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prove", abstract: "Find out whether a pipeline's GAN helps a classifier that has little data.",
    discussion: """
      The same classifier is trained for as many steps on real samples, with classical augmentation (that behind
      conditional-gan in the pipeline), with synthetic samples, and with both; at several sizes and seeds. The GAN sees the
      classifier's own samples and no others. A run that was interrupted goes on with the same command.

      Written into the output: outcomes.jsonl, gain.json, gain.md (the table) and gain.svg (the chart).

      EXAMPLES
        mirage prove Pipelines/fashion-mnist-gan.yaml --output out/proof
        mirage prove Pipelines/fashion-mnist-gan.yaml --output out/full-proof --preset full
        mirage prove fashion.yaml --output out/proof --size 20 --size 100 --seeds 5 --gan-steps 2000
      """)

  @OptionGroup var options: PipelineOptions

  @Option(help: "Where outcomes, GANs, table and chart are kept.", completion: .directory)
  var output: String

  @Option(help: ArgumentHelp("How much is tried: ten minutes, or hours.", valueName: "small|full"))
  var preset = Preset.small

  @Option(name: .customLong("size"), help: "Samples of each class; 0 for all; may be given several times.")
  var sizes: [Int] = []

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

  func validate() throws {
    if !sizes.allSatisfy({ (0...1_000_000).contains($0) }) { throw ValidationError("--size must be at least 0.") }
    for (name, value) in [("seeds", seeds), ("classifier-steps", classifierSteps), ("gan-steps", ganSteps)] {
      if let value, !(1...100_000_000).contains(value) { throw ValidationError("--\(name) must be at least 1.") }
    }
  }

  func run() async throws {
    threads.prepare()
    let pipeline = try options.load()
    var settings = preset == .small ? DownstreamGain.Settings.small : .full
    if !sizes.isEmpty { settings.sizes = sizes }
    settings.seeds = seeds ?? settings.seeds
    settings.classifierSteps = classifierSteps ?? settings.classifierSteps
    settings.ganSteps = ganSteps ?? settings.ganSteps
    let proof = try DownstreamGain(pipeline, settings, in: output)
    let test = try await testSamples(pipeline)
    let start = ContinuousClock.now
    let isSilent = quiet || json
    let outcomes: [DownstreamGain.Outcome]
    do {
      outcomes = try await proof.run(test: test) { if !isSilent { Terminal.message($0) } }
    } catch {
      if error is CancellationError, !isSilent {
        Terminal.message("Stopped; what is done is kept, and the same command goes on.")
      }
      throw error
    }
    let table = GainTable(outcomes)
    try OutputFile.replace(output + "/gain.json", with: table.json.prettyText.utf8)
    try OutputFile.replace(output + "/gain.md", with: table.markdown.utf8)
    try OutputFile.replace(output + "/gain.svg", with: table.chart.file.utf8)
    print(json ? table.json.text : table.markdown)
    if !isSilent {
      let seconds = start.duration(to: .now) / .seconds(1)
      Terminal.message("Done in \(NumberText.fixed(seconds, decimals: 0)) s; see \(output)/gain.svg.")
    }
  }

  /// Returns the samples of --test, or the source's test part after the stages before the GAN.
  private func testSamples(_ pipeline: Pipeline) async throws -> Batches {
    var part = pipeline
    part.stages = Array(pipeline.stages.prefix { !($0 is any ProvableGenerator) })
    if let test { return Batches(try await DatasetLocation(test).samplesToTest(), size: 256) }
    guard let source = pipeline.source as? any SplitSource & SourceComponent else {
      throw MirageError(
        .usage, "the source \(type(of: pipeline.source).name) has no test part",
        remedy: "Name a dataset to test on with --test.")
    }
    part.source = source.selecting(.test)
    return Batches(try await part.fitted(in: Context(fitting: .fit)).flow, size: 256)
  }
}
