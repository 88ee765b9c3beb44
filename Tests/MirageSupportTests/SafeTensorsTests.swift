import MirageSupport
import Glibc
import TestSupport
import Testing

/// What PyTorch says stands in a file of Tests/Golden/checkpoints (made by make_checkpoints.py).
func expectedTensors(_ file: String) throws -> [String: StoredTensor] {
  let json = try JSONValue(parsing: InputFile.contents(of: goldenCheckpoints + "expected.json"))
  guard case .object(let tensors)? = json[file] else { throw MirageError.badData("no such file", file: file) }
  return tensors.mapValues { tensor in
    func numbers(_ field: String) -> [Double] {
      guard case .array(let values)? = tensor[field] else { return [] }
      return values.map {
        switch $0 {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: .nan
        }
      }
    }
    return StoredTensor(shape: numbers("shape").map { Int($0) }, values: numbers("values").map { Float($0) })
  }
}

let goldenCheckpoints = repository + "/Tests/Golden/checkpoints/"

@Suite struct SafeTensorsTests {
  let directory = TemporaryDirectory()

  @Test func readsWhatSafetensorsWrites() throws {
    let file = try SafeTensors(reading: goldenCheckpoints + "types.safetensors")
    let expected = try expectedTensors("types.safetensors")
    #expect(expected.count == 19)
    #expect(file.tensors == expected)
    #expect(file.metadata == ["step": "12", "name": "Grüße \"quoted\"\n"])
    let bytes = try InputFile.contents(of: goldenCheckpoints + "types.safetensors")
    #expect(try SafeTensors(parsing: bytes, path: "f").tensors == expected)
  }

  static let sample = SafeTensors(
    tensors: [
      "b": StoredTensor(shape: [2, 3], values: [1, -2, 3.5, .infinity, 0x1p-149, 0]),
      "a \"quoted\" Größe\n": StoredTensor(shape: [], values: [7]),
      "empty": StoredTensor(shape: [0, 2], values: []), "a": StoredTensor(shape: [1], values: [-0.0]),
    ], metadata: ["z": "", "a": "{\"text\": \"\u{1}🙂\"}"])

  @Test func readsWhatItWrites() throws {
    let path = directory.file("f.safetensors")
    try Self.sample.write(to: path)
    let file = try SafeTensors(reading: path)
    #expect(file.tensors == Self.sample.tensors)
    #expect(file.metadata == Self.sample.metadata)
    #expect(try readTensors(path).metadata == Self.sample.metadata)
    #expect(try directoryEntries(directory.path) == ["f.safetensors"])
  }

  @Test func bytesAreTheSameAndAligned() throws {
    let path = directory.file("f")
    for tensors in [Self.sample.tensors, ["x": StoredTensor(shape: [1], values: [2])], [:]] {
      try SafeTensors(tensors: tensors, metadata: ["k": "v"]).write(to: path)
      let bytes = try InputFile.contents(of: path)
      #expect(bytes[0] % 8 == 0)
      try SafeTensors(tensors: tensors, metadata: ["k": "v"]).write(to: path)
      #expect(try InputFile.contents(of: path) == bytes)
    }
    try SafeTensors(tensors: ["b": StoredTensor(shape: [1], values: [1]), "a": StoredTensor(shape: [], values: [2])])
      .write(to: path)
    let header =
      #"{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#
    let padded = header + String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)
    #expect(try InputFile.contents(of: path) == Self.file(padded, [0, 0, 0, 0x40, 0, 0, 0x80, 0x3F]))
  }

  /// More than is read in one piece, in the widest and the narrowest type.
  @Test func readsLargeTensors() throws {
    let count = 1 << 20 + 3
    let values = (0..<count).map { Float($0 % 1000) }
    try SafeTensors(tensors: ["x": StoredTensor(shape: [count], values: values)]).write(to: directory.file("f"))
    #expect(try SafeTensors(reading: directory.file("f")).tensors["x"]?.values == values)
    let doubles = values.flatMap { value in withUnsafeBytes(of: Double(value)) { Array($0) } }
    let header = Self.tensor("F64", "[\(count)]", "[0,\(8 * count)]")
    try directory.write("d", Self.file("{\"x\":\(header)}", doubles))
    #expect(try SafeTensors(reading: directory.file("d")).tensors["x"]?.values == values)
  }

  @Test func refusesToWriteWhatNobodyReads() throws {
    let named = SafeTensors(tensors: ["__metadata__": StoredTensor(shape: [], values: [1])])
    #expect(throws: MirageError.self) { try named.write(to: directory.file("f")) }
    let large = SafeTensors(
      metadata: ["k": String(decoding: [UInt8](repeating: UInt8(ascii: "x"), count: 100_000_001), as: UTF8.self)])
    #expect(throws: MirageError.self) { try large.write(to: directory.file("f")) }
    let error = #expect(throws: MirageError.self) { try Self.sample.write(to: "/nowhere/f") }
    #expect(error?.kind == .cannotCreate)
    #expect(try directoryEntries(directory.path) == [])
  }

  /// A directory in the way of the file, so that the last step fails.
  @Test func leavesNothingBehind() throws {
    try directory.write("f/inner", "")
    let error = #expect(throws: MirageError.self) { try Self.sample.write(to: directory.file("f")) }
    #expect(error?.kind == .ioError)
    #expect(try directoryEntries(directory.path) == ["f"])
  }

  struct Fault: Sendable, CustomTestStringConvertible {
    let name, says, place: String
    let bytes: [UInt8]
    init(_ name: String, says: String, place: String = "byte ", _ bytes: [UInt8]) {
      (self.name, self.says, self.place, self.bytes) = (name, says, place, bytes)
    }
    init(_ name: String, says: String, place: String = "byte ", _ header: String, data: Int = 0) {
      self.init(name, says: says, place: place, file(header, [UInt8](repeating: 0, count: data)))
    }
    var testDescription: String { name }
  }

  private static func file(_ header: String, _ data: [UInt8]) -> [UInt8] {
    withUnsafeBytes(of: UInt64(header.utf8.count)) { Array($0) } + Array(header.utf8) + data
  }
  private static func tensor(_ type: String, _ shape: String, _ offsets: String) -> String {
    #"{"dtype":"\#(type)","shape":\#(shape),"data_offsets":\#(offsets)}"#
  }
  private static func one(_ type: String = "F32", _ shape: String = "[2]", _ offsets: String = "[0,8]") -> String {
    "{\"x\":\(tensor(type, shape, offsets))}"
  }
  private static func two(_ first: String, _ second: String) -> String {
    "{\"x\":\(tensor("F32", "[2]", first)),\"y\":\(tensor("F32", "[2]", second))}"
  }

  static let faults: [Fault] = [
    Fault("empty", says: "too few", [] as [UInt8]),
    Fault("seven bytes", says: "too few", [2, 0, 0, 0, 0, 0, 0]),
    Fault("a header past the end", says: "ends after 2", [3, 0, 0, 0, 0, 0, 0, 0, 0x7B, 0x7D]),
    Fault("a header over 100 MB", says: "over the limit", [1, 0xE1, 0xF5, 5, 0, 0, 0, 0]),
    Fault("a header of 2^64 - 1", says: "over the limit", [UInt8](repeating: 255, count: 8)),
    Fault("no header", says: "no JSON object", ""),
    Fault("a list", says: "no JSON object", "[]"),
    Fault("text", says: "no JSON object", "\"x\""),
    Fault("a space first", says: "no JSON object", " {}"),
    Fault("an open object", says: "needs \"", "{"),
    Fault("an object without its end", says: "needs }", "{\"__metadata__\":{}"),
    Fault("a name that is not text", says: "needs \"", "{1:{}}"),
    Fault("no colon", says: "needs :", "{\"x\" {}}"),
    Fault("a comma too many", says: "needs \"", "{\"__metadata__\":{},}"),
    Fault("something behind", says: "follows the header's", "{} x"),
    Fault("a zero byte behind", says: "follows the header's", "{}\0"),
    Fault(
      "not UTF-8", says: "not UTF-8", [9, 0, 0, 0, 0, 0, 0, 0] + Array("{\"".utf8) + [0xFF] + Array("\":{} }".utf8)),
    Fault("an open text", says: "ends within a text", "{\"x"),
    Fault("a line feed in a text", says: "control character", "{\"x\n\":{}}"),
    Fault("an unknown escape", says: "escape", #"{"\x41":{}}"#),
    Fault("an escape at the end", says: "escape", #"{"\"#),
    Fault("an escape without digits", says: "escape", #"{"\u12g4":{}}"#),
    Fault("half a character", says: "half a character", #"{"\ud800":{}}"#),
    Fault("half a character and another", says: "half a character", #"{"\ud800\u0041":{}}"#),
    Fault("the same name twice", says: "x is there twice", "{\"x\":\(tensor("F32", "[0]", "[0,0]")),\"x\":{}}"),
    Fault(
      "the same name, once escaped", says: "x is there twice",
      "{\"x\":\(tensor("F32", "[0]", "[0,0]")),\"\\u0078\":{}}"),
    Fault("a field twice", says: "dtype is there twice", #"{"x":{"dtype":"F32","dtype":"F32"}}"#),
    Fault("metadata twice", says: "__metadata__ is there twice", #"{"__metadata__":{},"__metadata__":{}}"#),
    Fault("metadata of a number", says: "needs \"", #"{"__metadata__":{"step":3}}"#),
    Fault("metadata that is a list", says: "needs {", #"{"__metadata__":[]}"#),
    Fault("metadata that is null", says: "needs {", #"{"__metadata__":null}"#),
    Fault("metadata's key twice", says: "k is there twice", #"{"__metadata__":{"k":"a","k":"b"}}"#),
    Fault("a tensor that is a number", says: "needs {", "{\"x\":3}"),
    Fault("no dtype", says: "missing", place: "tensor x", #"{"x":{"shape":[0],"data_offsets":[0,0]}}"#),
    Fault("no shape", says: "missing", place: "tensor x", #"{"x":{"dtype":"F32","data_offsets":[0,0]}}"#),
    Fault("no offsets", says: "missing", place: "tensor x", #"{"x":{"dtype":"F32","shape":[0]}}"#),
    Fault("one offset", says: "missing", place: "tensor x", one("F32", "[0]", "[0]")),
    Fault("three offsets", says: "more than 2", one("F32", "[0]", "[0,0,0]")),
    Fault("an unknown field", says: "unknown field z", place: "tensor x", #"{"x":{"z":1}}"#),
    Fault("a dtype that is a number", says: "needs \"", #"{"x":{"dtype":32}}"#),
    Fault("an unknown dtype", says: "type F8_E4M3 ", place: "tensor x", one("F8_E4M3"), data: 8),
    Fault("a shape that is text", says: "needs [", one("F32", "\"2\""), data: 8),
    Fault("a shape that is null", says: "needs [", one("F32", "null"), data: 8),
    Fault("a negative size", says: "-2 where", one("F32", "[-2]"), data: 8),
    Fault("a fractional size", says: "2.0 where", one("F32", "[2.0]"), data: 8),
    Fault("an exponent", says: "2e0 where", one("F32", "[2e0]"), data: 8),
    Fault("a leading zero", says: "02 where", one("F32", "[02]"), data: 8),
    Fault("a size that is text", says: "where a whole number", one("F32", "[\"2\"]"), data: 8),
    Fault("no size", says: "where a whole number", one("F32", "[,2]"), data: 8),
    Fault("a size of 2^63", says: "9223372036854775808 where", one("F32", "[9223372036854775808]"), data: 8),
    Fault("a size of a thousand digits", says: "where a whole number", one("F32", "[1\(zeros(1000))]"), data: 8),
    Fault("sizes that overflow", says: "too large", place: "tensor x", one("F32", "[4294967296,4294967296]"), data: 8),
    Fault("sizes that overflow with 0", says: "too large", place: "tensor x", one("F32", "[0,\(Int.max),8]", "[0,0]")),
    Fault("65 dimensions", says: "more than 64", one("F32", "[1\(String(repeating: ",1", count: 64))]"), data: 8),
    Fault("offsets that are negative", says: "-1 where", one("F32", "[2]", "[-1,7]"), data: 8),
    Fault(
      "offsets in the wrong order", says: "data_offsets [8, 0]", place: "tensor x", one("F32", "[2]", "[8,0]"), data: 8),
    Fault("offsets past the end", says: "8 bytes follow", place: "tensor x", one("F32", "[3]", "[0,12]"), data: 8),
    Fault(
      "offsets of 2^63 - 1", says: "8 bytes follow", place: "tensor x", one("F32", "[2]", "[0,\(Int.max)]"), data: 8),
    Fault("a size that is too small", says: "needs 4 bytes", place: "tensor x", one("F32", "[1]"), data: 8),
    Fault("a size that is too large", says: "needs 12 bytes", place: "tensor x", one("F32", "[3]"), data: 8),
    Fault("another type's size", says: "needs 4 bytes", place: "tensor x", one("F16"), data: 8),
    Fault("a gap at the start", says: "leaves a gap", place: "tensor x", one("F32", "[2]", "[4,12]"), data: 12),
    Fault("a gap between", says: "leaves a gap", place: "tensor y", two("[0,8]", "[12,20]"), data: 20),
    Fault("an overlap", says: "overlaps", place: "tensor y", two("[0,8]", "[4,12]"), data: 12),
    Fault("the same data twice", says: "overlaps", place: "tensor ", two("[0,8]", "[0,8]"), data: 8),
    Fault("bytes at the end", says: "8 bytes, but 9", place: "byte 70", one(), data: 9),
    Fault("only bytes", says: "0 bytes, but 1", place: "byte 10", "{}", data: 1),
    Fault("nested lists", says: "where a whole number", one("F32", String(repeating: "[", count: 1_000_000))),
    Fault("nested objects", says: "needs \"", "{\"x\":" + String(repeating: "{\"dtype\":", count: 1_000_000)),
    Fault("nested metadata", says: "needs \"", "{\"__metadata__\":" + String(repeating: "{\"x\":", count: 1_000_000)),
    Fault("nested unknown fields", says: "unknown", place: "tensor x", "{\"x\":{\"y\":" + zeros(1_000_000)),
  ]

  private static func zeros(_ count: Int) -> String { String(repeating: "0", count: count) }

  @Test(arguments: faults) func refuses(_ fault: Fault) throws {
    let path = try directory.write("f", fault.bytes)
    let error = #expect(throws: MirageError.self) { try readTensors(path) }
    #expect(error?.kind == .badData)
    #expect(error?.message.contains(fault.says) == true, "\(error?.message ?? "nothing")")
    #expect(error?.file == path)
    #expect(error?.place?.hasPrefix(fault.place) == true, "\(error?.place ?? "nothing")")
    #expect(error?.remedy != nil)
    if let error { #expect(throws: error) { try SafeTensors(parsing: fault.bytes, path: path) } }
  }

  @Test func refusesTruncated() throws {
    let bytes = try InputFile.contents(of: goldenCheckpoints + "types.safetensors")
    for count in bytes.indices {
      #expect(throws: MirageError.self) { try SafeTensors(parsing: Array(bytes[..<count]), path: "f") }
    }
  }

  /// What only the format's less usual spellings say.
  @Test func readsUnusualHeaders() throws {
    let header = """
      { "y" : {"shape":[ ],"data_offsets" :[ 4 , 8],"dtype":"F32"} ,
      "\\u0041\\ud83d\\ude42\\/\\b\\f\\t\\r": {"dtype":"F32","shape":[1,1],"data_offsets":[0,4]}, "__metadata__": {}}\t
      """
    let bytes = Self.file(header, [0, 0, 0x80, 0x3F, 0, 0, 0, 0x40])
    #expect(
      try SafeTensors(parsing: bytes, path: "f").tensors == [
        "y": StoredTensor(shape: [], values: [2]), "A🙂/\u{8}\u{C}\t\r": StoredTensor(shape: [1, 1], values: [1]),
      ])
    #expect(try SafeTensors(parsing: Self.file("{}", []), path: "f").tensors.isEmpty)
  }

  @Test func missing() {
    for path in ["/nowhere/f", directory.path] {
      #expect(throws: MirageError.self) { try SafeTensors(reading: path) }
      let error = #expect(throws: MirageError.self) { try readTensors(path) }
      #expect(error?.kind == .missingInput)
    }
  }
}
