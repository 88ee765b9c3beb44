import MirageSupport
import Mirage
import TestSupport
import Testing

/// Pipeline files that are made to exhaust memory, time or the stack: each is refused at once.
@Suite struct HostilePipelineTests {
  /// Eight levels of lists, each of ten references to the one before.
  private static let multiplying: String = {
    var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for level in 1...8 {
      let references = repeatElement("*a\(level - 1)", count: 10).joined(separator: ", ")
      text += "a\(level): &a\(level) [\(references)]\n"
    }
    return text
  }()

  private static func repeated(_ text: String, _ count: Int) -> String { String(repeating: text, count: count) }

  struct Case: Sendable, CustomTestStringConvertible {
    let name, text, says: String
    init(_ name: String, _ text: String, _ says: String) { (self.name, self.text, self.says) = (name, text, says) }
    var testDescription: String { name }
  }

  static let cases: [Case] = [
    Case("aliases that multiply", multiplying, "aliases"),
    Case("aliases that multiply in keys", multiplying + "? *a8\n: x\n? *a8\n: y\n", "*a8 is given twice"),
    Case(
      "few aliases that multiply",
      "a: &a [\(repeated("x, ", 2000))x]\nb: &b [\(repeated("*a, ", 7))*a]\nc: [\(repeated("*b, ", 6))*b]\n", "multiply"
    ),
    Case("an alias in itself", "a: &a {b: *a}\n", "alias"),
    Case("an alias of nothing", "a: *a\n", "alias"),
    Case("lists on one line", repeated("[", 200_000), "deep"),
    Case("maps on one line", repeated("{", 200_000), "deep"),
    Case("lists on many lines", repeated("[\n", 100_000), "deep"),
    Case("lists behind a quote that is none", "a: [x'y," + repeated("[", 200_000), "deep"),
    Case("lists between the limits", repeated("[", 100) + repeated("]", 100), "deep"),
    Case("lists after a comment", "# [[[ *a \"\n" + repeated("[", 100_000), "deep"),
    Case(
      "aliases beside texts and comments", "a: &a 1\nb: ['*a', *a, \"*a\", # *a\n" + repeated("*a, ", 16) + "]\n",
      "aliases"),
    Case("aliases as keys", "a: &a 1\n" + (0..<17).map { "b\($0): {*a : 1}\n" }.joined(), "aliases"),
    Case("items on one line", repeated("- ", 100_000), "deep"),
    Case("keys on one line", repeated("? ", 100_000), "deep"),
    Case("indented maps", (0..<600).map { repeated(" ", $0) + "a:\n" }.joined(), "deep"),
    Case("over the limit", "# " + repeated("x", 1 << 18), "limit"),
    Case("a zero byte", "name: a\0b", "not a text file"),
    Case("an unclosed quote", "name: \"" + repeated("x\n", 100_000), "YAML"),
  ]

  @Test(arguments: cases) func refuses(_ one: Case) {
    var error: MirageError?
    let took = ContinuousClock().measure {
      error = #expect(throws: MirageError.self) { try PipelineFile.parse(one.text) }
    }
    #expect(error?.kind == .badPipeline)
    #expect(error?.message.contains(one.says) == true, "\(error?.message ?? "nothing")")
    #expect(took < .seconds(10))
  }

  /// What only looks like aliases or nesting: in comments, texts in quotes, and blocks of text.
  static let harmless = [
    "# \(repeated("*a *b ", 100)) \(repeated("[", 100))\nname: x\n",
    "name: x # \(repeated("*a, ", 100)) \(repeated("{", 100)) \"'\n",
    "# it's \"odd\nname: x\n",
    "name: '\(repeated("*a ", 100))\(repeated("[", 100))'\n",
    "name: \"\(repeated("*a ", 100))\(repeated("[", 100)) # \"\n",
    "name: |\n  \(repeated("*a\n  ", 100))\(repeated("[", 100))\n",
    "name: >-\n  \(repeated("- ", 100))\n  # \(repeated("*a ", 100))\n",
    "name: x\(repeated(" *a", 100))\n",
    "stages: [&a {rotate: 5}, \(repeated("*a, ", 16))] # \(repeated("*a ", 100))\n",
  ]

  @Test(arguments: harmless) func reads(_ text: String) throws {
    _ = try PipelineFile.parse(text + "source: {mnist: data}\nsink: {idx: out}\n")
  }

  /// The place of an alias that is one too many.
  @Test func namesTheAlias() {
    let text = "# *a *b\na: &a 'é*a'\nb: [\(Self.repeated("*a, ", 18))]\n"
    let error = #expect(throws: MirageError.self) { try PipelineFile.parse(text) }
    #expect(error?.file?.hasSuffix(":3:69") == true)
    #expect(error?.excerpt?.contains("*a, *a") == true)
  }

  @Test func bytesThatAreNotText() throws {
    let directory = TemporaryDirectory()
    let path = try directory.write("p.yaml", [0x61, 0x3A, 0xFF, 0xFE])
    let error = #expect(throws: MirageError.self) { try PipelineFile.load(path) }
    #expect(error?.kind == .badPipeline)
    #expect(error?.file == path)
  }
}
