import MirageSupport
import Testing

@Suite struct ByteReaderTests {
  @Test func readsInOrder() throws {
    var reader = ByteReader([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 97, 98, 10, 99])
    #expect(try reader.u8() == 1)
    #expect(try reader.bigEndian(UInt16.self) == 0x0203)
    #expect(try reader.littleEndian(UInt32.self) == 0x0706_0504)
    #expect(try reader.take(2) == [8, 9])
    #expect(try reader.line() == "")
    #expect(try reader.line() == "ab")
    #expect(reader.position == 13)
    #expect(reader.remaining == 1)
  }

  @Test func neverReadsBeyondTheEnd() {
    var reader = ByteReader([1, 2, 3])
    for count in [4, -1, Int.max, Int.min] {
      let error = #expect(throws: MirageError.self) { try reader.take(count) }
      #expect(error?.place == "byte 0")
    }
    #expect(throws: MirageError.self) { try reader.bigEndian(UInt32.self) }
    #expect(throws: MirageError.self) { try reader.littleEndian(UInt64.self) }
    #expect(throws: MirageError.self) { try reader.line() }
    #expect(reader.position == 0)
  }

  /// A slice's indices do not begin at 0; positions do.
  @Test func readsSlices() throws {
    var reader = ByteReader([9, 9, 1, 2, 10, 3][2...])
    #expect(reader.remaining == 4)
    #expect(try reader.take(1) == [1])
    #expect(try reader.line() == "\u{2}")
    #expect(try reader.u8() == 3)
  }
}

@Suite struct JSONValueTests {
  static let documents: [(String, JSONValue)] = [
    ("null", .null), ("true", true), ("-12", -12), ("9223372036854775807", .integer(.max)), ("0.5", 0.5), ("1e3", 1000),
    ("\"a\\u00e9\\n\"", "aé\n"), ("[]", []), ("{}", [:]), ("[1, [2, {\"a\": null}]]", [1, [2, ["a": .null]]]),
    (" { \"b\" : \"x\" } ", ["b": "x"]),
  ]

  @Test(arguments: documents) func parses(_ text: String, _ value: JSONValue) throws {
    #expect(try JSONValue(parsing: text.utf8) == value)
    #expect(try JSONValue(parsing: value.text.utf8) == value)
    #expect(try JSONValue(parsing: value.prettyText.utf8) == value)
  }

  @Test(arguments: [
    "", " ", "{", "[1,", "{\"a\"}", "{\"a\":}", "{a: 1}", "nul", "1 2", "\"a", "\"\\u12\"", "01", "1e999", "[1]]",
    "\u{0}",
  ]) func refuses(_ text: String) {
    let error = #expect(throws: MirageError.self) { try JSONValue(parsing: text.utf8) }
    #expect(error?.kind == .badData)
  }

  @Test func refusesWhatIsNotText() {
    #expect(throws: MirageError.self) { try JSONValue(parsing: [0x22, 0xFF, 0x22]) }
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
      let deep = String(repeating: open, count: 100_000) + "1" + String(repeating: close, count: 100_000)
      #expect(throws: MirageError.self) { try JSONValue(parsing: deep.utf8) }
    }
  }

  @Test func writesOnOneLineWithSortedKeys() {
    let value: JSONValue = ["b": [1, 2.5, "x\u{1}\"\\"], "a": ["z": .null, "y": .number(.infinity)], "c": .number(3)]
    #expect(value.text == #"{"a": {"y": null, "z": null}, "b": [1,2.5,"x\u0001\"\\"], "c": 3}"#)
  }

  @Test func settingsHaveHyphens() throws {
    struct Settings: Codable, Equatable {
      var samplesPerShard: Int
      var name: String
    }
    let settings = Settings(samplesPerShard: 3, name: "x")
    let value = try JSONValue(encoding: settings)
    #expect(value == ["samples-per-shard": 3, "name": "x"])
    #expect(try value.decoded(as: Settings.self) == settings)
  }
}
