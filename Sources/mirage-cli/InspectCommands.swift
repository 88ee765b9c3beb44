import ArgumentParser
import Foundation
import Mirage

struct ValidateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "validate", abstract: "Check a pipeline file and its data without running it.",
    discussion: """
      EXAMPLES
        mirage validate Pipelines/quickstart.yaml
        mirage validate fashion.yaml --set source.mnist.split=test
      """)

  @OptionGroup var options: PipelineOptions

  func run() async throws {
    let pipeline = try options.load()
    let fitted = try await pipeline.fitted(in: Context(fitting: .leaveOut))
    let flow = fitted.flow
    try pipeline.sink?.check(flow.about)
    for stage in fitted.leftOut { Terminal.message("\(stage) is fitted when the pipeline runs.") }
    print(
      "\(options.pipeline) is valid: \(NumberText.grouped(flow.count)) positions, \(flow.about.classes.count) classes.")
  }
}

struct StagesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stages", abstract: "List what pipelines are made of, or explain one of them.",
    discussion: """
      EXAMPLES
        mirage stages
        mirage stages random-crop
        mirage stages --schema > mirage.schema.json
      """)

  @Argument(help: "The one to explain.", completion: .list(Registry.standard.types.map { $0.name }))
  var name: String?

  @Flag(help: "Print a JSON Schema of pipeline files, for editors.")
  var schema = false

  func run() throws {
    if schema {
      print(Registry.standard.schema.prettyText, terminator: "")
      return
    }
    guard let name else { return listAll() }
    let types = Registry.standard.types.filter { $0.name == name }
    if types.isEmpty {
      let near = nearest(to: name, among: Registry.standard.types.map { $0.name })
      throw MirageError(.usage, "there is no \(name)", remedy: near.map { "Did you mean \($0)?" })
    }
    print(types.map { $0.explanation }.joined(separator: "\n\n"))
  }

  private func listAll() {
    for kind in ComponentKind.allCases {
      print("\(kind.rawValue)s")
      for type in Registry.standard.types where type.kind == kind {
        print("  \(type.name.padding(toLength: 22, withPad: " ", startingAt: 0))\(type.summary)")
      }
    }
  }
}

struct ReplayCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay", abstract: "Show what every stage drew for one output sample.",
    discussion: """
      The key is the sample's id: the name of its file, or its id in metadata.jsonl.

      EXAMPLES
        mirage replay Pipelines/quickstart.yaml s0-00000042-p0-v1
      """)

  @OptionGroup var options: PipelineOptions

  @Argument(help: "The sample's id, such as s0-00000042-p0-v1.")
  var key: String

  @OptionGroup var threads: ThreadOptions

  @Flag(help: "Print JSON.")
  var json = false

  func run() async throws {
    let name = lastComponent(key).split(separator: ".").first.map(String.init) ?? key
    guard let id = SampleID(name) else {
      throw MirageError(.usage, "\(key) is not a sample's id", remedy: "Ids look like s0-00000042-p0-v1.")
    }
    let pipeline = try options.load()
    threads.prepare(for: pipeline)
    var run = Run(seed: pipeline.seed)
    run.recordsDraws = true
    let fitted = try await pipeline.fitted(run, in: Context(fitting: .leaveOut))
    let flow = fitted.flow
    warn(leftOut: fitted.leftOut)
    guard let position = try flow.position(of: id) else {
      throw MirageError(.usage, "the pipeline makes no sample \(id)")
    }
    switch try await flow.read([position], run)[0] {
    case .element(let sample): show(sample, at: position)
    case .absent: throw MirageError(.usage, "sample \(id) is filtered out")
    case .failed(let error): throw error
    }
  }

  private func show(_ sample: Sample, at position: Int) {
    if json {
      let draws: [JSONValue] = sample.history.map {
        ["path": .string($0.path), "name": .string($0.name), "parameters": $0.parameters]
      }
      let result: JSONValue = [
        "id": .string(sample.id.description), "position": .integer(position),
        "source": .string(sample.origin.description),
        "kind": .string(sample.kind.rawValue), "draws": .array(draws),
      ]
      print(result.text)
      return
    }
    print("\(sample.id): position \(position), from \(sample.origin), \(sample.kind.rawValue)")
    for draw in sample.history {
      let parameters = draw.parameters == .null ? "not applied" : draw.parameters.text
      print("  \(draw.path) \(draw.name): \(parameters)")
    }
  }
}

struct StatsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stats", abstract: "Count classes and measure sizes, mean and deviation, in one pass.",
    discussion: """
      Mean and deviation are those `normalize` takes: bytes count as 0 to 1.

      EXAMPLES
        mirage stats Pipelines/quickstart.yaml
        mirage stats fashion.yaml --limit 1000 --json
      """)

  @OptionGroup var options: PipelineOptions
  @OptionGroup var work: WorkOptions
  @OptionGroup var threads: ThreadOptions

  @Option(help: "Process only the first N positions.")
  var limit: Int?

  @Flag(help: "Print JSON.")
  var json = false

  func validate() throws {
    if let limit, limit < 0 { throw ValidationError("--limit must be at least 0.") }
  }

  func run() async throws {
    var pipeline = try options.load()
    work.apply(to: &pipeline)
    threads.prepare(for: pipeline)
    let fitted = try await pipeline.fitted(in: Context(fitting: .leaveOut))
    let flow = fitted.flow
    warn(leftOut: fitted.leftOut)
    let summary = try await DatasetSummary.measure(flow, limit: limit, in: work.context(for: pipeline))
    print(json ? summary.json.text : summary.text)
    if !summary.counts.skipped.isEmpty { throw ExitCode(1) }
  }
}
