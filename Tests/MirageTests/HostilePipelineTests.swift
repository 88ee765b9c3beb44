import Foundations
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

  static let cases: [(name: String, text: String, says: String)] = [
    ("aliases that multiply", multiplying, "aliases"),
    ("aliases that multiply in keys", multiplying + "? *a8\n: x\n? *a8\n: y\n", "aliases"),
    (
      "few aliases that multiply",
      "a: &a [\(repeated("x, ", 2000))x]\nb: &b [\(repeated("*a, ", 7))*a]\nc: [\(repeated("*b, ", 6))*b]\n", "multiply"
    ),
    ("an alias in itself", "a: &a {b: *a}\n", "alias"),
    ("an alias of nothing", "a: *a\n", "alias"),
    ("lists on one line", repeated("[", 200_000), "deep"),
    ("maps on one line", repeated("{", 200_000), "deep"),
    ("lists on many lines", repeated("[\n", 100_000), "deep"),
    ("lists behind a quote that is none", "a: [x'y," + repeated("[", 200_000), "level"),
    ("items on one line", repeated("- ", 100_000), "deep"),
    ("keys on one line", repeated("? ", 100_000), "deep"),
    ("indented maps", (0..<600).map { repeated(" ", $0) + "a:\n" }.joined(), "deep"),
    ("over the limit", "# " + repeated("x", 1 << 18), "limit"),
    ("a zero byte", "name: a\0b", "not a text file"),
    ("an unclosed quote", "name: \"" + repeated("x\n", 100_000), "YAML"),
  ]

  @Test(arguments: cases) func refuses(_ name: String, _ text: String, _ says: String) {
    var error: MirageError?
    let took = ContinuousClock().measure {
      error = #expect(throws: MirageError.self) { try PipelineFile.parse(text) }
    }
    #expect(error?.kind == .badPipeline)
    #expect(error?.message.contains(says) == true, "\(error?.message ?? "nothing")")
    #expect(took < .seconds(10))
  }

  @Test func bytesThatAreNotText() throws {
    let directory = TemporaryDirectory()
    let path = try directory.write("p.yaml", [0x61, 0x3A, 0xFF, 0xFE])
    let error = #expect(throws: MirageError.self) { try PipelineFile.load(path) }
    #expect(error?.kind == .badPipeline)
    #expect(error?.file == path)
  }
}
