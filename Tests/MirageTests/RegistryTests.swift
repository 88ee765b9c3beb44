import Foundation
import Mirage
import StreamsTestSupport
import TestSupport
import Testing

/// What holds for every augmentation and stage that pipeline files can name.
@Suite struct RegistryTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let settings: String
    var testDescription: String { "\(name) {\(settings)}" }

    /// The component, with more settings behind its own.
    func component(_ more: String = "") throws -> any StageComponent {
      let inner = [settings, more].filter { !$0.isEmpty }.joined(separator: ", ")
      let text = "source: {mnist: none}\nstages: [{\(name): {\(inner)}}]"
      return try PipelineFile.parse(text).stages[0]
    }

    var type: any Component.Type { Registry.standard.type(name, among: [.augmentation, .stage])! }
  }

  /// Settings for each; an entry without a case fails the suite.
  static let settings: [(name: String, settings: [String])] = [
    ("rotate", ["degrees: 30", "degrees: [10, 170], expand: true, interpolation: bicubic, border: reflect"]),
    ("affine", ["degrees: 20, translate: [0.2, 0.1], scale: [0.5, 2], shear: 10, shear-y: 5, fill: [1, 2, 3]"]),
    ("perspective", ["distortion: 0.5", "distortion: 1, interpolation: nearest, border: edge"]),
    ("elastic", ["alpha: [5, 10], sigma: 2"]),
    ("random-crop", ["size: 1", "size: [9, 7], padding: 8, mode: reflect", "size: 4, padding: [2, 3], mode: edge"]),
    ("center-crop", ["size: 6", "size: [1, 20], fill: 9"]),
    ("random-resized-crop", ["size: [5, 9]", "size: 3, interpolation: lanczos, scale: [0.5, 1]"]),
    (
      "resize",
      Interpolation.allCases.flatMap { ["size: [5, 20], interpolation: \($0)", "size: 3, interpolation: \($0)"] }
        + ["size: 9, antialias: false, interpolation: bicubic", "size: 9, side: longer", "size: 1, side: shorter"]
    ),
    ("pad", ["padding: 2", "padding: [1, 0, 3, 2], mode: reflect", "padding: 9, mode: edge"]),
    ("horizontal-flip", [""]), ("vertical-flip", [""]), ("transpose", [""]),
    ("brightness", ["factor: [0.5, 1.5]"]), ("contrast", ["factor: [0, 3]"]), ("saturation", ["factor: [0, 3]"]),
    ("sharpness", ["factor: [0, 3]"]), ("hue", ["shift: 0.5"]), ("gamma", ["gamma: [0.3, 3]"]),
    ("posterize", ["bits: [0, 8]"]), ("solarize", ["threshold: [0, 256]"]), ("invert", [""]), ("equalize", [""]),
    ("autocontrast", [""]), ("grayscale", [""]), ("gaussian-blur", ["", "sigma: [3, 5], kernel: 5"]),
    ("motion-blur", ["", "length: 30, degrees: 45"]), ("edges", ["", "threshold: 40"]), ("gaussian-noise", [""]),
    ("salt-and-pepper", ["amount: [0, 1]"]),
    ("jpeg-compression", ["", "quality: [1, 100]"]), ("shade", ["", "strength: [0, 1], degrees: 90"]),
    ("channel-jitter", ["", "factor: [-1, 1], shift: [0, 255]"]),
    ("fixed-pattern-noise", ["", "sigma: 255, columns: 90, seed: 3"]),
    ("erase", ["count: [1, 3]", "scale: [1, 1]"]),
    ("grid-dropout", ["unit: [2, 5]", "ratio: 1"]), ("rand-augment", ["", "operations: 14, magnitude: 30"]),
    ("trivial-augment-wide", [""]),
    (
      "one-of",
      [
        "of: [invert, {rotate: 20}, {some-of: {of: [invert, gaussian-noise], count: [0, 2]}}]",
        "of: [invert, equalize], weights: [0, 1]",
      ]
    ),
    ("some-of", ["of: [invert, {rotate: 20}, gaussian-noise], count: [1, 3]"]),
    ("sometimes", ["apply: [invert, {one-of: [gaussian-noise, {rotate: 20}]}]"]),
    ("copies", ["count: 3"]), ("repeat", ["times: 3"]), ("take", ["count: 9"]), ("skip", ["count: 9"]),
    ("shuffle", [""]), ("filter", ["classes: [bee, 2]", "classes: ant, invert: true"]),
    ("balance", ["", "per-class: 20"]), ("subset", ["per-class: 2"]),
    ("mixup", [""]), ("cutmix", [""]), ("scale", ["", "to: [0, 1]"]), ("normalize", ["", "mean: 0.5, std: [0.2]"]),
  ]

  static let cases = settings.flatMap { one in one.settings.map { Case(name: one.name, settings: $0) } }

  @Test func everyEntryHasACase() {
    let names = Registry.standard.types.filter { $0.kind == .augmentation || $0.kind == .stage }.map { $0.name }
    // GANs cannot be made of images of any shape, and a background has to fit: GANStageTests and BackgroundTests have
    // their laws.
    #expect(
      names.sorted()
        == (Self.settings.map(\.name) + [
          "background", "conditional-gan", "contrastive-gan", "cycle-gan", "gan-emit", "pix-to-pix", "translate",
        ])
        .sorted())
  }

  /// A value for a setting that must be given.
  private func value(_ type: SettingType) -> JSONValue {
    switch type {
    case .integer(let range): .integer(range.lowerBound)
    case .integerRange(let range): .integer(range.lowerBound)
    case .numberRange: 0.25
    case .size, .padding: 1
    case .components(let kinds): kinds == [.source] ? [["mnist": "a"]] : ["invert"]
    case .component: ["mnist": "a"]
    case .group: [:]
    default: "a"
    }
  }

  /// A property that no setting tells of could not be given; a setting without a property would change nothing.
  @Test(arguments: Registry.standard.types.indices) func everyPropertyHasASetting(_ index: Int) throws {
    func check(_ value: Any, _ settings: [Setting], _ path: String) {
      let children = Mirror(reflecting: value).children.map { child in
        (key: hyphenated(String(child.label!.drop { $0 == "_" })), value: child.value)
      }
      #expect(children.map(\.key).sorted() == settings.map(\.key).sorted(), "\(path)")
      for setting in settings {
        if case .group(let members) = setting.type, let child = children.first(where: { $0.key == setting.key }),
          "\(child.value)" != "nil"
        {
          check(child.value, members, "\(path).\(setting.key)")
        }
      }
    }
    let type = Registry.standard.types[index]
    // A second domain is given in one of three ways.
    let needed = ["cycle-gan", "contrastive-gan"].contains(type.name) ? ["through"] : []
    let given = type.settings.filter { $0.standard == nil || needed.contains($0.key) }.map { ($0.key, value($0.type)) }
    let text = JSONValue.object([type.name: .object(Dictionary(uniqueKeysWithValues: given))]).text
    let component: any Component =
      switch type.kind {
      case .source: try PipelineFile.parse("source: \(text)").source
      case .augmentation, .stage: try PipelineFile.parse("source: {mnist: none}\nstages: [\(text)]").stages[0]
      case .sink: try #require(try PipelineFile.parse("source: {mnist: none}\nsink: \(text)").sink)
      }
    check(component, type.settings, type.name)
  }

  private static let source = TestSource(count: 22, height: 12, width: 14, channels: 3, failing: [7])

  private static var run: Run {
    var run = Run(seed: 9, epoch: 2)
    run.recordsDraws = true
    return run
  }

  private func flow(_ one: Case, source: TestSource = source) async throws -> Flow<Sample> {
    // The noise before makes every position depend on its draws; the bad sample is left out of fitting.
    let pipeline = Pipeline(source: source, stages: [GaussianNoise(), try one.component()])
    return try await pipeline.fitted(Self.run, in: Context(workers: 2, policy: .skip(limit: 99), fitting: .fit)).flow
  }

  @Test(arguments: cases) func dependsOnPositionAndRunAlone(_ one: Case) async throws {
    let flow = try await flow(one)
    let whole = try await flow.slots(workers: 1).map(summary)
    #expect(whole.count == flow.count)
    #expect(try await flow.slots(workers: 8).map(summary) == whole, "eight workers")
    #expect(try await self.flow(one).slots(workers: 2).map(summary) == whole, "the same again")
    var random = Random(key: Random.Key(seed: 1, path: one.testDescription), sample: 0)
    var orders = [Array((0..<flow.count).reversed()), []]
    if flow.count > 0 { orders.append((0..<50).map { _ in random.integer(in: 0...flow.count - 1) }) }
    for positions in orders {
      let found = try await flow.read(positions, flow.run).map(summary)
      #expect(found == positions.map { whole[$0] }, "\(positions)")
    }
    for position in 0..<flow.count {
      let alone = try await flow.read([position], flow.run).map(summary)
      #expect(alone == [whole[position]], "position \(position) alone")
    }
    var iterator = flow.processed(0..<flow.count, in: Context(workers: 2)) { $0.id }.makeAsyncIterator()
    while try await iterator.next() != nil {}
    for _ in 0..<3 { #expect(try await iterator.next()?.positions == nil) }
  }

  @Test(arguments: cases) func namesTheFailingSample(_ one: Case) async throws {
    let flow = try await flow(one)
    var failures = 0
    for (position, slot) in try await flow.slots().enumerated() {
      guard case .failed(let error) = slot else { continue }
      failures += 1
      #expect(error.id.index == 7)
      #expect(error.id == (try flow.locate(position, flow.run)).id)
      #expect("\(error)".hasPrefix("sample \(error.id)") && "\(error)".contains("sample 7 is bad"))
    }
    let leavesItOut = ["take", "skip", "filter", "balance", "subset"].contains(one.name)
    #expect(failures > 0 || leavesItOut)
  }

  @Test(arguments: [
    ("random-crop: 15", "a crop of 15 x 15"), ("center-crop: 65535", "65535"), ("resize: {size: 65535}", "65535"),
    ("resize: {size: 60000, side: shorter}", "60000"), ("pad: 65535", "131082"),
    ("normalize: {mean: [0, 0], std: 1}", "2 means"),
  ])
  func namesTheStageThatFailed(stage: String, part: String) async throws {
    let pipeline = try PipelineFile.parse("source: {mnist: none}\nstages: [copies: 2, {\(stage)}]")
    let flow = try await Pipeline(source: Self.source, stages: pipeline.stages).fittedFlow()
    guard case .failed(let error) = try await flow.read([3], flow.run)[0] else {
      Issue.record("no failure")
      return
    }
    #expect(error.id == SampleID(index: 1, variant: 1))
    #expect(error.stage == "stages/1 (\(stage.prefix { $0 != ":" }))")
    #expect("\(error)".contains(part) && "\(error)".contains("test#1"), "\(error)")
  }

  /// Augmentations that are applied together give what they give one by one.
  @Test(arguments: [
    ["rotate: 20", "random-crop: {size: 10, padding: 3, fill: 9}"],
    ["rotate: {degrees: 50, fill: [1, 2, 3]}", "center-crop: 9"],
    ["affine: {degrees: 20, scale: [0.5, 1.5], shear: 9}", "random-crop: {size: [12, 14], padding: 2}"],
    ["rotate: 20", "center-crop: 30"], ["rotate: {degrees: 9, border: reflect}", "random-crop: 8"],
    ["rotate: {degrees: 30, expand: true}", "center-crop: 12", "rotate: 5"],
    ["rotate: 20", "random-crop: {size: 16, padding: 2, mode: edge}"],
    [
      "rotate: {degrees: 20, interpolation: nearest}", "random-crop: 8", "horizontal-flip",
      "affine: {translate: [0.2, 0.2]}", "center-crop: 6",
    ],
  ]) func togetherEqualsOneByOne(stages: [String]) async throws {
    for channels in 1...4 {
      let source = TestSource(count: 20, height: 12, width: 14, channels: channels)
      let parsed = try PipelineFile.parse(
        "source: {mnist: none}\nstages: [\(stages.map { "{\($0)}" }.joined(separator: ", "))]"
          .replacing("{horizontal-flip}", with: "horizontal-flip")
      ).stages
      let samples = try await Pipeline(source: source, stages: parsed).fittedFlow(Self.run).samples()
      #expect(samples.count == 20)
      for sample in samples {
        var expected = source.sample(sample.id.index)
        #expect(sample.history.map(\.path) == parsed.indices.map { "stages/\($0)" })
        for (stage, draw) in zip(parsed, sample.history) where draw.parameters != .null {
          let augmentation = try #require(stage as? any Augmentation)
          try apply(augmentation, draw.parameters, to: &expected)
        }
        #expect(sample.bytes() == expected.bytes())
      }
    }
  }

  private func apply<A: Augmentation>(_ augmentation: A, _ parameters: JSONValue, to sample: inout Sample) throws {
    try augmentation.apply(parameters.decoded(as: A.Parameters.self), to: &sample)
  }

  /// Errors are fine, traps are not.
  @Test(arguments: cases) func worksOnAnyShape(_ one: Case) async throws {
    for channels in 1...4 {
      for (height, width) in [(1, 1), (1, 7), (7, 1), (2, 2), (5, 3), (3, 16)] {
        let source = TestSource(count: 6, height: height, width: width, channels: channels)
        let pipeline = Pipeline(source: source, stages: [try one.component()])
        let flow = try await pipeline.fitted(Run(seed: 5), in: Context(workers: 1, fitting: .fit)).flow
        for slot in try await flow.slots(workers: 1) {
          switch slot {
          case .element(let sample): #expect(sample.size.channels == channels || one.name == "grayscale")
          case .failed(let error): #expect(one.name == "random-crop", "\(error)")
          case .absent: break
          }
        }
      }
    }
  }

  @Test(arguments: cases.filter { one in one.type.settings.contains { $0.key == "probability" } })
  func probabilityZeroNeverFires(_ one: Case) async throws {
    let source = TestSource(count: 200)
    let pipeline = Pipeline(source: source, stages: [try one.component("probability: 0")])
    for (index, sample) in try await pipeline.fittedFlow(Run(seed: 1)).samples().enumerated() {
      #expect(sample.bytes() == source.sample(index).bytes())
      #expect(sample.kind == .real && sample.label == source.sample(index).label)
    }
  }

  @Test(arguments: cases) func cancellationEndsPromptly(_ one: Case) async throws {
    // Fitting would need all samples; what is fitted is given instead.
    if one.name == "normalize" && one.settings.isEmpty { return }
    // It refuses to stand behind shuffle, and gives few samples.
    if one.name == "subset" { return }
    let source = TestSource(count: 200_000, height: 32, width: 32)
    let flow = try await Pipeline(source: source, stages: [Shuffle(), try one.component()]).fittedFlow()
    if flow.count < 1000 { return }
    let (stream, begun) = AsyncStream.makeStream(of: Void.self)
    let consumer = Task.detached {
      var seen = 0
      for try await chunk in flow.processed(0..<flow.count, in: Context(workers: 4), transform: { $0.id }) {
        seen += chunk.slots.count
        begun.finish()
      }
      return seen
    }
    for await _ in stream {}
    let start = ContinuousClock.now
    consumer.cancel()
    await #expect(throws: CancellationError.self) { try await consumer.value }
    #expect(start.duration(to: .now) < .seconds(1))
  }

  @Test func cancellationEndsFitting() async throws {
    let source = TestSource(count: 100_000_000, height: 32, width: 32)
    let fitting = Task.detached { try await Pipeline(source: source, stages: [Normalize()]).fittedFlow() }
    try await Task.sleep(for: .milliseconds(50))
    fitting.cancel()
    let start = ContinuousClock.now
    await #expect(throws: CancellationError.self) { try await fitting.value }
    #expect(start.duration(to: .now) < .seconds(1))
  }

  @Test func choicesCountAsAugmented() async throws {
    for (stage, isDrawn) in [
      ("invert", false), ("{resize: 4}", false), ("{invert: 0.5}", true), ("{one-of: [invert, equalize]}", true),
      ("{one-of: [invert]}", false), ("{sometimes: [invert]}", true),
      ("{sometimes: {apply: [invert], probability: 1}}", false),
      ("{some-of: {of: [invert, equalize], count: 1}}", true), ("{rotate: 5}", true),
    ] {
      let stages = try PipelineFile.parse("source: {mnist: none}\nstages: [\(stage)]").stages
      let samples = try await Pipeline(source: TestSource(count: 100), stages: stages).fittedFlow().samples()
      #expect(samples.contains { $0.kind == .augmented } == isDrawn, "\(stage)")
    }
  }
}
