import Mirage
import TestSupport
import Testing

/// Mistakes in pipeline files: each is named with its place, and with what was meant where that can be guessed.
@Suite struct PipelineFileTests {
  struct Mistake: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// The file; `^` stands where the caret must point, and is not part of it.
    let text: String
    /// Parts of what is said.
    let says: [String]

    init(_ name: String, _ text: String, _ says: String...) {
      (testDescription, self.text, self.says) = (name, text, says)
    }

    /// The file's text, and the marked place.
    var marked: (text: String, line: Int, column: Int)? {
      let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
      guard let line = lines.firstIndex(where: { $0.contains("^") }) else { return nil }
      let column = lines[line].prefix { $0 != "^" }.unicodeScalars.count
      return (text.filter { $0 != "^" }, line + 1, column + 1)
    }

    /// Checks that reading the file fails at the marked place, and what is said.
    func isExplained(reading: (String) throws -> Pipeline) throws {
      let (text, line, column) = try #require(marked)
      let error = try #require(throws: MirageError.self) { _ = try reading(text) }
      #expect(error.kind == .badPipeline)
      #expect(error.file == "pipeline:\(line):\(column)", "\(error)")
      for part in says { #expect("\(error)".contains(part), "\(error)") }
      // The line itself, and the caret under the place.
      let excerpt = try #require(error.excerpt).split(separator: "\n", omittingEmptySubsequences: false)
      try #require(excerpt.count == 2)
      #expect(excerpt[0].dropFirst(2) == text.split(separator: "\n", omittingEmptySubsequences: false)[line - 1])
      #expect(excerpt[1].unicodeScalars.count == 2 + column && excerpt[1].hasSuffix("^"))
      #expect(excerpt[1].dropLast().allSatisfy { $0 == " " || $0 == "\t" })
    }
  }

  private static let head = "source: {mnist: data}\n"

  static let mistakes = [
    Mistake(
      "unknown stage", head + "stages:\n  - copies: 2\n  - ^rotat: 15", "unknown stage rotat", "Did you mean rotate?"),
    Mistake("unknown stage, far from all", head + "stages: [^qqqqqqqqqq]", "`mirage stages` lists"),
    Mistake("unknown stage in a choice", head + "stages:\n  - one-of: [invert, {^rotat: 15}]", "Did you mean rotate?"),
    Mistake("unknown source", "source: {^mnits: data}", "unknown source mnits", "Did you mean mnist?"),
    Mistake("unknown sink", head + "sink:\n  ^imagefolder: out", "unknown sink", "Did you mean image-folder?"),
    Mistake(
      "unknown field", head + "stages: [{rotate: {^degres: 15}}]", "unknown name degres", "Did you mean degrees?"),
    Mistake(
      "unknown field, by lines", head + "stages:\n  - rotate:\n      degrees: 15\n      ^fil: 0", "Did you mean fill?"),
    Mistake("unknown key", head + "^stage: []", "unknown name stage", "Did you mean stages?"),
    Mistake("behind letters of more bytes", "{name: \"größe\", ^x: 1, source: {mnist: data}}", "unknown name x"),
    Mistake("wrong type", head + "stages: [copies: ^two]", "count must be a whole number from 1 to 1000000"),
    Mistake("a quoted number", head + "stages: [copies: ^\"2\"]", "count must be a whole number"),
    Mistake("a fraction", head + "stages: [copies: ^2.5]", "whole number"),
    Mistake("not finite", head + "stages: [gaussian-noise: ^.inf]", "sigma must be"),
    Mistake("not a number", head + "stages: [gaussian-noise: ^nan]", "sigma must be"),
    Mistake("hexadecimal", head + "stages: [copies: ^0x10]", "whole number"),
    Mistake("not true or false", head + "stages: [{rotate: {degrees: 5, expand: ^yes}}]", "true or false"),
    Mistake("a list for a number", head + "stages: [{copies: {count: ^[2]}}]", "count must be"),
    Mistake("a map for a number", head + "stages: [{copies: {count: ^{a: 2}}}]", "count must be"),
    Mistake("too many numbers", head + "stages: [rotate: ^[1, 2, 3]]", "[low, high]"),
    Mistake("three sides", head + "stages: [pad: ^[1, 2, 3]]", "[left, top, right, bottom]"),
    Mistake("out of range", head + "stages: [copies: ^0]", "count must be from 1 to 1000000, not 0"),
    Mistake(
      "out of range in a list", head + "stages: [rotate: [-15, ^999]]", "degrees must be from -360 to 360, not 999"),
    Mistake("overflow", head + "stages: [take: ^99999999999999999999]", "count must be"),
    Mistake("probability", head + "stages: [invert: ^1.5]", "probability must be from 0 to 1, not 1.5"),
    Mistake(
      "unknown choice", head + "stages: [{rotate: {degrees: 5, interpolation: ^bilinar}}]", "Did you mean bilinear?"),
    Mistake("reversed range", head + "stages: [rotate: ^[15, -15]]", "the lower bound comes first"),
    Mistake("reversed whole range", head + "stages: [posterize: ^[5, 2]]", "the lower bound comes first"),
    Mistake("duplicate key", head + "seed: 1\nname: a\n^seed: 2", "seed is given twice"),
    Mistake(
      "duplicate key in braces", head + "stages: [{random-crop: {size: 28, padding: {a: 1}, ^size: 29}}]",
      "size is given twice"),
    Mistake(
      "duplicate key below", head + "stages:\n  - rotate:\n      degrees: 1\n      fill: [0]\n      ^degrees: 2",
      "degrees is given twice"),
    Mistake("duplicate key that begins another", head + "name: {name-x: 1}\nnames: 1\n^name: 2", "name is given twice"),
    Mistake("tab", head + "stages:\n^\t- copies: 2", "a tab", "Indent with spaces."),
    Mistake("bad indentation", head + "stages:\n  - copies: 2\n ^- rotate: 5", "not valid YAML"),
    Mistake("unclosed bracket", head + "stages: [copies: 2\nsink^: {idx: out}", "not valid YAML"),
    Mistake("undefined alias", head + "stages: [^*a]", "not valid YAML"),
    Mistake("source missing", "^stages: []", "the pipeline has no source"),
    Mistake("source empty", "source:^\nseed: 1", "here the name of a source is needed"),
    Mistake("setting missing", head + "stages: [^rotate]", "rotate needs degrees"),
    Mistake("setting that is null", head + "sink: {^idx: {directory: ~}}", "idx needs directory"),
    Mistake("setting missing in a map", head + "stages: [{^random-crop: {padding: 1}}]", "random-crop needs size"),
    Mistake("sink among stages", head + "stages: [{^idx: out}]", "idx is a sink, which cannot be used here"),
    Mistake("source among stages", head + "stages: [{^mnist: x}]", "mnist is a source"),
    Mistake("source or sink among stages", head + "stages: [{^webdataset: x}]", "webdataset is a source or sink"),
    Mistake("stage in a choice", head + "stages: [{one-of: [invert, {^copies: 2}]}]", "copies is a stage"),
    Mistake("stages as a map", head + "stages:\n  ^rotate: 15", "stages is a list"),
    Mistake("list for a stage", head + "stages: [^[rotate, 15]]", "here the name of a"),
    Mistake("number for a stage", head + "stages: [^15]", "unknown stage 15"),
    Mistake(
      "two stages in one item", head + "stages:\n  - rotate: 15\n    ^copies: 2", "copies is given beside rotate",
      "its own -"),
    Mistake(
      "settings beside their stage", head + "stages:\n  - rotate:\n    ^degrees: 15", "degrees is given beside rotate"),
    Mistake("value for a stage of names", head + "stages: [affine: ^15]", "affine needs its settings by name"),
    Mistake("list where a map is due", "^- mnist", "a pipeline file is a map"),
    Mistake("text where a map is due", "^mnist", "a pipeline file is a map"),
    Mistake("key that is a list", head + "stages: [{^[a]: 1}]", "plain text"),
    Mistake("choice of nothing", head + "stages: [{^one-of: []}]", "one-of has nothing to choose from"),
    Mistake("weights that do not fit", head + "stages: [{^one-of: {of: [invert], weights: [1, 2]}}]", "a weight"),
    Mistake("count over the parts", head + "stages: [{^some-of: {of: [invert], count: 2}}]", "has 1"),
    Mistake("negative seed", head + "seed: ^-1", "seed must be of at least 0"),
    Mistake("on-error", head + "on-error: ^sometimes", "on-error must be one of stop, skip"),
    Mistake("empty path", "source: {mnist: ^\"\"}", "directory must be a path"),
  ]

  @Test(arguments: mistakes) func isExplained(_ one: Mistake) throws {
    try one.isExplained { try PipelineFile.parse($0) }
  }

  /// Files that have no place to point at, or whose place does not matter.
  static let wholeFiles: [(name: String, bytes: [UInt8], says: String)] = [
    ("empty", [], "the file is empty"), ("blank", Array("\n\n  \n".utf8), "the file is empty"),
    ("comment", Array("# nothing\n".utf8), "the file is empty"), ("dashes", Array("---\n".utf8), ""),
    ("binary", [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13], "is not a text file"),
    ("zero bytes", Array("source: a\0b".utf8), "is not a text file"),
    ("not UTF-8", Array("name: gr".utf8) + [0xFC, 0xDF] + Array("e\n".utf8), "is not a text file"),
    ("UTF-16", [0xFF, 0xFE] + Array("source".utf8).flatMap { [$0, 0] }, "is not a text file"),
    ("control characters", Array("name: \u{1}\u{7}".utf8), "not valid YAML"),
    ("huge", Array(repeating: UInt8(ascii: "#"), count: 1 << 19), "over the limit"),
    ("two documents", Array("source: {mnist: a}\n---\nsource: {mnist: b}\n".utf8), ""),
    ("brackets", Array(("stages: " + String(repeating: "[", count: 100_000)).utf8), "nested more than 40 deep"),
    (
      "closed brackets", Array((String(repeating: "[", count: 9000) + String(repeating: "]", count: 9000)).utf8), "deep"
    ),
    ("braces", Array(String(repeating: "{a: ", count: 50_000).utf8), "nested more than 40 deep"),
    ("dashes in a row", Array(String(repeating: "- ", count: 100_000).utf8), "nested more than 40 deep"),
    ("question marks", Array(String(repeating: "? ", count: 100_000).utf8), "nested more than 40 deep"),
    ("lines of brackets", Array(String(repeating: "[\n", count: 100_000).utf8), "nested more than 40 deep"),
    ("brackets behind a quote", Array(("[a'b, " + String(repeating: "[", count: 100_000)).utf8), ""),
    ("brackets behind a hash", Array(("a#: " + String(repeating: "[", count: 100_000)).utf8), ""),
    (
      "indented maps", Array((0..<600).map { String(repeating: " ", count: $0) + "a:\n" }.joined().utf8),
      "nested more than 40 deep"
    ),
    (
      "indented lists", Array((0..<600).map { String(repeating: " ", count: $0) + "-\n" }.joined().utf8),
      "nested more than 40 deep"
    ),
    ("alias bomb", Array(bomb(ending: "stages: *i").utf8), "aliases"),
    ("alias bomb as a name", Array(bomb(ending: "? *i\n: 1").utf8), "aliases"),
    ("alias bomb as a short name", Array(bomb(ending: "*i : 1").utf8), "aliases"),
    ("alias of itself", Array("source: &a [*a]".utf8), "not valid YAML"),
  ]

  private static func bomb(ending: String) -> String {
    var text = "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    for (name, inner) in zip("bcdefghi", "abcdefgh") {
      text += "\(name): &\(name) [\(Array(repeating: "*\(inner)", count: 10).joined(separator: ", "))]\n"
    }
    return text + ending
  }

  @Test(.timeLimit(.minutes(1)), arguments: wholeFiles.map(\.name)) func isRefused(name: String) throws {
    let (_, bytes, says) = Self.wholeFiles.first { $0.name == name }!
    let folder = TemporaryDirectory()
    let path = try folder.write("pipeline.yaml", bytes)
    let start = ContinuousClock.now
    let error = try #require(throws: MirageError.self) { _ = try PipelineFile.load(path) }
    #expect(start.duration(to: .now) < .seconds(2))
    #expect(error.kind == .badPipeline)
    #expect("\(error)".hasPrefix(path) && (says.isEmpty || "\(error)".contains(says)), "\(error)")
    #expect("\(error)".count < 1000)
  }

  @Test func aMissingFileIsMissingInput() {
    for path in ["/nonexistent.yaml", "/tmp", "", "/dev/null/x.yaml"] {
      let error = #expect(throws: MirageError.self) { _ = try PipelineFile.load(path) }
      #expect(error?.kind == .missingInput)
    }
  }

  static let overrides: [(option: String, kind: MirageError.Kind, says: String)] = [
    ("seed", .usage, "has no ="), ("=1", .usage, ""), ("sed=1", .usage, "Did you mean seed?"),
    ("seed.x=1", .usage, "there is no x"), ("stages.9.rotate=1", .usage, "There is 0, 1, 2."),
    ("stages.0.rotat.degrees=1", .usage, "Did you mean rotate?"),
    ("stages.0.rotate.degres=1", .usage, "Did you mean degrees?"),
    ("stages.0.rotate.degrees=[1", .usage, "not valid YAML"), ("stages.0.rotate.degrees=[5, 1]", .usage, "lower bound"),
    ("stages.0.rotate.degrees=abc", .usage, "degrees must be"), ("stages.0=copys", .usage, "Did you mean copies?"),
    ("seed=-1", .usage, "seed must be"), ("stages.0.rotate={fill: 1, fill: 2}", .usage, "given twice"),
    ("stages.2.copies.cuont=3", .usage, "Did you mean count?"),
    ("stages.x=1", .usage, "There is 0, 1, 2."), ("source.mnist.split=tset", .usage, "Did you mean test?"),
    ("stages=" + String(repeating: "[", count: 1000), .usage, "deep"),
  ]

  @Test(arguments: overrides.map(\.option)) func overrideIsRefused(option: String) throws {
    let (_, kind, says) = Self.overrides.first { $0.option == option }!
    let error = try #require(throws: MirageError.self) {
      _ = try PipelineFile.parse(
        "source: {mnist: {directory: a}}\nstages: [{rotate: {degrees: 5}}, shuffle, copies: 2]\nseed: 1",
        overrides: [option])
    }
    #expect(error.kind == kind, "\(error)")
    #expect("\(error)".contains("--set") && (says.isEmpty || "\(error)".contains(says)), "\(error)")
  }

  @Test func overridesReplaceAndAdd() throws {
    let pipeline = try PipelineFile.parse(
      "source: {mnist: data}\nstages: [{rotate: {degrees: 5}}, shuffle, copies: 2]",
      overrides: [
        "seed=9", "stages.0.rotate.degrees=[-30, 30]", "stages.0.rotate.fill=[1,2,3]", "stages.2=copies: 7", "name=",
        "stages.1=invert", "sink={idx: out}", "sink.idx.gzip=true", "source.mnist.split=test", "on-error=skip",
      ])
    #expect(pipeline.seed == 9 && pipeline.name == "" && pipeline.policy == .skip(limit: 100))
    let rotate = try #require(pipeline.stages[0] as? Rotate)
    #expect(rotate.degrees == -30...30 && rotate.fill == [1, 2, 3])
    #expect((pipeline.source as? MNIST)?.split == .test && (pipeline.source as? MNIST)?.directory == "data")
    #expect((pipeline.sink as? IDXSink)?.gzip == true)
    #expect(pipeline.stages[1] is Invert && (pipeline.stages[2] as? Copies)?.count == 7 && pipeline.sink is IDXSink)
  }

  @Test func pathsAreRelativeToTheFile() throws {
    let folder = TemporaryDirectory()
    let path = try folder.write("a/p.yaml", "source: {mnist: ../data}\nsink: {idx: /out}\n")
    let pipeline = try PipelineFile.load(path)
    #expect((pipeline.source as? MNIST)?.directory == folder.path + "/data")
    #expect((pipeline.sink as? IDXSink)?.directory == "/out")
  }

  /// Files that were written with the older, British names are read; the schema says so.
  @Test func olderSpellingsAreAccepted() throws {
    let stage = "stages: [{conditional-gan: {checkpoint: a, model: {normalisation: layer}, train: {augment: colour}}}]"
    func gan(_ overrides: String...) throws -> ConditionalGAN {
      try #require(try PipelineFile.parse(Self.head + stage, overrides: overrides).stages[0] as? ConditionalGAN)
    }
    #expect(try gan().model.normalization == .layer && gan().train.augment == [.color])
    for key in ["normalisation", "normalization"] {
      #expect(try gan("stages.0.conditional-gan.model.\(key)=none").model.normalization == .none)
    }
    try Mistake(
      "both",
      Self.head + "stages: [conditional-gan: {checkpoint: a, model: {normalization: none, ^normalisation: none}}]",
      "normalization is given twice"
    ).isExplained { try PipelineFile.parse($0) }
    let schema = Registry.standard.schema.text
    #expect(schema.contains("Older files write normalisation") && schema.contains("Older files write colour"))
  }

  /// What Swift refuses, files refuse in the same words.
  @Test func filesAndSwiftSayTheSame() async throws {
    for (text, stage) in [
      ("take: -1", Take(-1)), ("copies: 0", Copies(0)), ("random-crop: 0", RandomCrop(size: 0)),
      ("{affine: {translate: [0.1]}}", Affine(translate: [0.1])), ("grayscale: 2", Grayscale(channels: 2)),
      ("{normalize: {mean: [0], std: [0]}}", Normalize(mean: [0], std: [0])),
    ] as [(String, any StageComponent)] {
      let file = #expect(throws: MirageError.self) { try PipelineFile.parse(Self.head + "stages: [\(text)]") }
      let swift = #expect(throws: MirageError.self) { try stage.validate() }
      #expect(file?.message == swift?.message && file?.message.isEmpty == false)
    }
  }
}
