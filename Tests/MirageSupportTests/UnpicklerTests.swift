import MirageSupport
import TestSupport
import Testing

@Suite struct UnpicklerTests {
  /// What Python and numpy wrote (Tests/Golden/pickles/make_pickles.py), in every protocol.
  @Test(arguments: 0...5) func readsWhatPythonWrites(_ version: Int) throws {
    let root = try load("values-\(version).pickle")
    func texts(_ key: String) -> [String] { root[key]?.elements?.compactMap(\.text) ?? [] }
    guard case .none? = root["none"] else { throw Failure("none") }
    guard case .list(let flags)? = root["flags"], case .bool(true) = flags[0], case .bool(false) = flags[1] else {
      throw Failure("flags")
    }
    let integers = [0, 1, 255, 256, 65535, 65536, -1, -(1 << 31), 1 << 31, Int.min, Int.max]
    #expect(root["integers"]?.elements?.compactMap(\.integer) == integers)
    let floats = root["floats"]?.elements?.compactMap { if case .float(let value) = $0 { value } else { nil } }
    #expect(floats == [0, -1.5, 1e300])
    #expect(texts("text") == ["", "plain", "Grüße", String(repeating: "x", count: 300)])
    let bytes = root["bytes"]?.elements?.map { if case .bytes(let bytes) = $0 { Array(bytes) } else { [UInt8]() } }
    #expect(bytes == [[], [0, 255], Array(repeating: UInt8(ascii: "y"), count: 300)])
    #expect(root["tuples"]?.elements?.map { $0.elements?.compactMap(\.integer) } == (0...4).map { Array(1..<$0 + 1) })
    #expect(root["nested"]?["a"]?["b"]?.elements?[1].elements?[1]["c"]?.integer == 3)
    #expect(root["shared"]?.elements?.map { $0.elements?.compactMap(\.integer) } == [[1, 2], [1, 2]])
  }

  @Test(arguments: 0...5) func readsArraysOfNumpy(_ version: Int) throws {
    let root = try load("values-\(version).pickle")
    func array(_ key: String) throws -> PickleArray {
      guard case .array(let array)? = root[key] else { throw Failure(key) }
      return array
    }
    #expect(try array("u1").shape == [2, 3])
    #expect(try array("u1").type == "u1")
    #expect(try Array(array("u1").data) == [0, 1, 2, 3, 4, 5])
    #expect(try array("f4").type == "f4")
    #expect(try array("f4").data.count == 8)
    #expect(try Array(array("big-endian").data) == [0, 0, 0, 1, 0, 0, 0, 2])
    #expect(try array("fortran").fortranOrder)
    #expect(try Array(array("fortran").data) == [0, 3, 1, 4, 2, 5])
    #expect(try array("empty").shape == [0, 4])
  }

  /// The pixels of a batch are not copied out of a file that holds them as they are.
  @Test(arguments: [(2, false), (4, true), (5, true)]) func tellsWhereArraysStand(_ version: Int, isInPlace: Bool)
    throws
  {
    let bytes = try InputFile.contents(of: Self.folder + "batch-\(version).pickle")
    guard case .array(let array)? = try Unpickler.load(bytes)["data"] else { throw Failure("no array") }
    #expect(array.inPlace == isInPlace)
    #expect(array.shape == [2, 3072])
    #expect(array.data.elementsEqual((0..<6144).map { UInt8($0 % 251) }))
    if isInPlace { #expect(bytes[array.data.indices].elementsEqual(array.data)) }
  }

  struct Fault: Sendable, CustomTestStringConvertible {
    let name: String
    let says: String
    let bytes: [UInt8]
    init(_ name: String, says: String, _ bytes: [UInt8]) { (self.name, self.says, self.bytes) = (name, says, bytes) }
    init(_ name: String, says: String, _ text: String) { self.init(name, says: says, Array(text.utf8)) }
    var testDescription: String { name }
  }

  private static func short(_ text: String) -> [UInt8] { [0x8C, UInt8(text.utf8.count)] + Array(text.utf8) }
  private static func repeated(_ open: String, _ close: String) -> String {
    String(repeating: open, count: 200_000) + String(repeating: close, count: 200_000) + "."
  }

  /// Sixty lists, each of two references to the one before.
  private static let multiplying: [UInt8] = {
    var bytes: [UInt8] = [0x80, 2, 0x5D, 0x71, 0]
    for index in 1..<60 as Range<UInt8> { bytes += [0x5D, 0x28, 0x68, index - 1, 0x68, index - 1, 0x65, 0x71, index] }
    return bytes + [0x2E]
  }()

  private static func bytes(_ parts: [UInt8]...) -> [UInt8] { parts.flatMap(\.self) }
  private static func ascii(_ text: String) -> [UInt8] { Array(text.utf8) }
  private static let reconstruct =
    "cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I4\ntcnumpy\ndtype\n(S'u1'\ntR"

  static let faults: [Fault] = [
    Fault("empty", says: "ends", [] as [UInt8]),
    Fault("only a protocol", says: "ends", [0x80, 2]),
    Fault("os.system called", says: "import os.system", "cos\nsystem\n(S'true'\ntR."),
    Fault("os.system alone", says: "import os.system", "cos\nsystem\n."),
    Fault(
      "os.system through the stack", says: "import posix.system",
      bytes([0x80, 4], short("posix"), short("system"), [0x93, 0x2E])),
    Fault("builtins.eval", says: "import builtins.eval", "cbuiltins\neval\n(S'1'\ntR."),
    Fault("numpy's loader of files", says: "refused", "cnumpy\nload\n(S'x'\ntR."),
    Fault("a known name with another call", says: "refused", "cnumpy\nndarray\n(S'x'\ntR."),
    Fault("a value called", says: "refused", "I1\n(I2\ntR."),
    Fault("a name as the result", says: "where a value is needed", "cnumpy\nndarray\n."),
    Fault("an instance", says: "not allowed", "(S'x'\nios\nsystem\n."),
    Fault("an object", says: "not allowed", "(cnumpy\nndarray\no."),
    Fault("NEWOBJ", says: "not allowed", bytes([0x80, 2], ascii("cnumpy\nndarray\n)"), [0x81, 0x2E])),
    Fault("an extension registry code", says: "not allowed", [0x80, 2, 0x82, 1, 0x2E]),
    Fault("a persistent id", says: "not allowed", "P1\n."),
    Fault("an unknown operation", says: "operation 255", [0x80, 2, 255]),
    Fault("nested lists", says: "nested too deeply", repeated("(", "l")),
    Fault(
      "nested tuples", says: "nested too deeply",
      bytes([0x80, 2, 0x29], Array(repeating: 0x85, count: 200_000), [0x2E])),
    Fault("a list in itself", says: "referring to themselves", bytes([0x80, 2], ascii("]q\0h\0a."))),
    Fault("lists that multiply", says: "nested too deeply", multiplying),
    Fault("bytes of 4 GB", says: "ends", [0x80, 2, 0x54, 255, 255, 255, 255]),
    Fault("bytes of 2^63", says: "claimed", [0x80, 4, 0x8E, 0, 0, 0, 0, 0, 0, 0, 128]),
    Fault("text of 2^64 - 1", says: "claimed", bytes([0x80, 4, 0x8D], Array(repeating: 255, count: 8))),
    Fault(
      "an integer of 9 bytes", says: "integer of 9 bytes", bytes([0x80, 2, 0x8A, 9], Array(repeating: 1, count: 9))),
    Fault("an integer of letters", says: "no number", "Iabc\n."),
    Fault("a float of letters", says: "no number", "Fabc\n."),
    Fault("text that is not UTF-8", says: "UTF-8", [0x80, 2, 0x58, 1, 0, 0, 0, 0xFF, 0x2E]),
    Fault("an escape without digits", says: "escape", "V\\u12\n."),
    Fault("a surrogate", says: "escape", "V\\ud800\n."),
    Fault("a string without quotes", says: "quotes", "Sabc\n."),
    Fault("a string of one quote", says: "quotes", "S'\n."),
    Fault("a string that ends in an escape", says: "escape", "S'a\\'\n."),
    Fault("a line without end", says: "without an end", "I12"),
    Fault("an empty stack", says: "missing", "."),
    Fault("a pop too many", says: "missing", "00."),
    Fault("a tuple below its mark", says: "too few", bytes(ascii("(I1\n("), [0x85, 0x2E])),
    Fault("a tuple of too few", says: "too few", [0x80, 2, 0x4E, 0x87, 0x2E]),
    Fault("no mark", says: "mark", "t."),
    Fault("elements without a list", says: "container", "I1\nI2\na."),
    Fault("a key without a value", says: "without a value", "(I1\nd."),
    Fault("a memo entry that is not there", says: "reference to nothing", "g7\n."),
    Fault("an array without data", says: "without data", "cnumpy.core.multiarray\n_reconstruct\n(tR."),
    Fault("an array of too few bytes", says: "shape [4] with 3 bytes", reconstruct + "I00\nS'abc'\ntb."),
    Fault(
      "an array of negative size", says: "damaged array", reconstruct.replacing("(I4", with: "(I-4") + "I00\nS''\ntb."),
    Fault(
      "an array whose size overflows", says: "overflows",
      reconstruct.replacing("(I4", with: "(I4611686018427387904\nI4") + "I00\nS''\ntb."),
    Fault("an array of objects", says: "not numeric", reconstruct.replacing("'u1'", with: "'O'") + "I00\n(ltb."),
    Fault("bytes over 255", says: "over 255", "c_codecs\nencode\n(V\\u0100\nS'latin1'\ntR."),
  ]

  @Test(arguments: faults) func refuses(_ fault: Fault) throws {
    let error = #expect(throws: MirageError.self) { try Unpickler.load(fault.bytes) }
    #expect(error?.kind == .badData)
    #expect(error?.message.contains(fault.says) == true, "\(error?.message ?? "nothing")")
    #expect(error?.place?.hasPrefix("byte ") == true)
  }

  /// Wherever a pickle is cut off, it is an error.
  @Test(arguments: ["values-0", "values-2", "values-4"]) func refusesTruncated(_ name: String) throws {
    let bytes = try InputFile.contents(of: Self.folder + name + ".pickle")
    for count in bytes.indices { #expect(throws: MirageError.self) { try Unpickler.load(bytes[..<count]) } }
  }

  static let folder = repository + "/Tests/Golden/pickles/"

  private func load(_ name: String) throws -> PickleValue {
    try Unpickler.load(InputFile.contents(of: Self.folder + name))
  }

  private struct Failure: Error {
    let what: String
    init(_ what: String) { self.what = what }
  }
}
