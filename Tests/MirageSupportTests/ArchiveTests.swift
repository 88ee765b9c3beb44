import MirageSupport
import TestSupport
import Testing

/// A header of one tar member with any of its fields changed, its check sum right unless it is given.
private func header(_ changes: [(Int, [UInt8])], size: Int = 0, sum: [UInt8]? = nil) throws -> [UInt8] {
  var header = try TarWriter.header("name", size: size)
  for (offset, bytes) in changes { header.replaceSubrange(offset..<offset + bytes.count, with: bytes) }
  header.replaceSubrange(148..<156, with: [UInt8](repeating: 32, count: 8))
  let octal = String(header.reduce(0) { $0 + Int($1) }, radix: 8)
  let digits = String(repeating: "0", count: 6 - octal.count) + octal
  header.replaceSubrange(148..<156, with: sum ?? Array(digits.utf8) + [0, 32])
  return header
}

private func padded(_ bytes: [UInt8]) -> [UInt8] {
  bytes + [UInt8](repeating: 0, count: (512 - bytes.count % 512) % 512)
}

/// An extension record (`L` or `x`) with its content.
private func extending(_ type: String, _ content: [UInt8]) throws -> [UInt8] {
  try header([(156, Array(type.utf8))], size: content.count) + padded(content)
}

private func scan(_ bytes: [UInt8]) throws -> [TarMember] {
  let directory = TemporaryDirectory()
  return try TarIndex.scan(InputFile(directory.write("a.tar", bytes)))
}

@Suite struct TarTests {
  @Test func readsWhatIsWritten() throws {
    let long = String(repeating: "d", count: 120) + "/" + String(repeating: "f", count: 100)
    let files: [(name: String, bytes: [UInt8])] = [
      ("a.txt", [1, 2, 3]), ("folder/empty", []), (long, [UInt8](repeating: 7, count: 513)),
    ]
    let bytes = try tarred(files)
    let members = try scan(bytes)
    #expect(members.map(\.name) == files.map(\.name))
    for (member, file) in zip(members, files) {
      #expect(Array(bytes[member.offset..<member.offset + member.size]) == file.bytes)
    }
  }

  @Test func readsExtensions() throws {
    let long = String(repeating: "n", count: 300)
    let gnu = try extending("L", Array(long.utf8) + [0]) + header([], size: 1) + padded([9])
    let record = " path=\(long)\n"
    let pax =
      try extending("x", Array("\(record.utf8.count + 3)\(record)10 size=5\n".utf8))
      + header([(124, Array("00000000000".utf8))]) + padded([1, 2, 3, 4, 5])
    let global = try extending("g", Array("11 comment\n".utf8)) + header([(156, [UInt8(ascii: "5")])])
    let base256 = try header([(124, [0x80] + [UInt8](repeating: 0, count: 10) + [2])]) + padded([1, 2])
    let old = try header([(156, [0]), (257, [0, 0, 0, 0, 0])])
    let members = try scan(gnu + pax + global + base256 + old + TarWriter.end)
    #expect(members.map(\.name) == [long, long, "name", "name"])
    #expect(members.map(\.size) == [1, 5, 2, 0])
  }

  struct Fault: Sendable, CustomTestStringConvertible {
    let name, says: String
    let bytes: [UInt8]
    init(_ name: String, says: String, _ bytes: [UInt8]) { (self.name, self.says, self.bytes) = (name, says, bytes) }
    var testDescription: String { name }
  }

  private static func link(_ type: String) throws -> [UInt8] { try header([(156, Array(type.utf8))]) + TarWriter.end }
  private static func named(_ name: String) throws -> [UInt8] { try tarred([(name, [])]) }
  private static func pax(_ text: String) throws -> [UInt8] {
    try extending("x", Array(text.utf8)) + header([]) + TarWriter.end
  }

  static let faults: [Fault] = try! [
    Fault("empty", says: "truncated", []),
    Fault("no end mark", says: "truncated", TarWriter.member("a", [1])),
    Fault("half a header", says: "truncated", Array(TarWriter.member("a", [1])[..<300])),
    Fault(
      "a member cut short", says: "truncated", Array(TarWriter.member("a", [UInt8](repeating: 1, count: 2000))[..<1024])
    ),
    Fault("wrong check sum", says: "check sum", header([], sum: Array("000001\0 ".utf8))),
    Fault("not a tar", says: "check sum", [UInt8](repeating: 65, count: 1024)),
    Fault("a size of 8 GB", says: "truncated", header([(124, Array("77777777777".utf8))])),
    Fault("a size of 2^62", says: "truncated", header([(124, [0x80, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0])])),
    Fault("a size over 2^64", says: "no number", header([(124, [0x80, 1] + [UInt8](repeating: 0, count: 10))])),
    Fault("a negative size", says: "no number", header([(124, [UInt8](repeating: 255, count: 12))])),
    Fault("a size with a sign", says: "no number", header([(124, Array("-0000000001".utf8))])),
    Fault("a size of letters", says: "no number", header([(124, Array("size!".utf8))])),
    Fault("a name that climbs", says: "outside", named("../x")),
    Fault("a name that climbs within", says: "outside", named("a/../../x")),
    Fault("an absolute name", says: "outside", named("/etc/passwd")),
    Fault("no name", says: "outside", named("")),
    Fault("a pax name that climbs", says: "outside", pax("13 path=../x\n")),
    Fault("a symbolic link", says: "link", link("2")),
    Fault("a hard link", says: "link", link("1")),
    Fault("a device", says: "device", link("3")),
    Fault("a pipe", says: "device", link("6")),
    Fault("a name that is not UTF-8", says: "UTF-8", header([(0, [0xFF, 0xFE])]) + TarWriter.end),
    Fault("a pax record without length", says: "pax", pax("path=x\n")),
    Fault("a pax record that is too long", says: "pax", pax("99 path=x\n")),
    Fault("a pax record of length 0", says: "pax", pax("0 path=x\n")),
    Fault("a negative pax record", says: "pax", pax("-5 path=x\n")),
    Fault("a pax record without =", says: "pax", pax("7 path\n")),
    Fault("a pax size that is no number", says: "no number", pax("10 size=x\n")),
    Fault("a negative pax size", says: "no number", pax("11 size=-5\n")),
    Fault("a pax size of 2^63 - 1", says: "truncated", pax("28 size=9223372036854775807\n")),
    Fault("an extension of 2 MB", says: "megabyte", extending("L", [UInt8](repeating: 65, count: 2 << 20))),
  ]

  @Test(arguments: faults) func refuses(_ fault: Fault) throws {
    let error = #expect(throws: MirageError.self) { try scan(fault.bytes) }
    #expect(error?.kind == .badData)
    #expect(fault.says.isEmpty || error?.message.contains(fault.says) == true, "\(error?.message ?? "nothing")")
    #expect(error?.file?.hasSuffix("a.tar") == true)
  }

  @Test func namesThatDoNotFitAreNotWritten() {
    #expect(throws: MirageError.self) { try TarWriter.header(String(repeating: "n", count: 101), size: 0) }
    #expect(throws: MirageError.self) {
      try TarWriter.header(String(repeating: "d", count: 156) + "/n", size: 0)
    }
  }
}

@Suite struct ZipTests {
  private static func archive(_ build: (inout ZipWriter) -> Void) -> [UInt8] {
    var writer = ZipWriter()
    build(&writer)
    return writer.finished()
  }

  @Test func readsMembers() throws {
    let directory = TemporaryDirectory()
    let content = [UInt8]((0..<3000).map { UInt8($0 % 256) })
    let bytes = Self.archive {
      $0.add("folder/", [], mode: 0o40755)
      $0.add("folder/a", content)
      $0.add("b", [])
    }
    let zip = try Zip(directory.write("a.zip", bytes))
    #expect(zip.names == ["folder/a", "b"])
    #expect(try zip.contents(at: 0) == content)
    #expect(try zip.contents(at: 1) == [])
  }

  struct Fault: Sendable, CustomTestStringConvertible {
    let name, says: String
    let bytes: [UInt8]
    var testDescription: String { name }
  }

  static let faults: [Fault] = [
    Fault(name: "empty", says: "not a zip", bytes: []),
    Fault(name: "not a zip", says: "not a zip", bytes: [UInt8](repeating: 80, count: 500)),
    Fault(name: "truncated", says: "not a zip", bytes: archive { $0.add("a", [1, 2, 3]) }.dropLast(10)),
    Fault(name: "climbs", says: "outside", bytes: archive { $0.add("../x", []) }),
    Fault(name: "absolute", says: "outside", bytes: archive { $0.add("/x", []) }),
    Fault(name: "link", says: "symbolic link", bytes: archive { $0.add("x", Array("/etc".utf8), mode: 0o120777) }),
    Fault(name: "not UTF-8", says: "UTF-8", bytes: archive { $0.add([0xFF, 0xFE], []) }),
  ]

  @Test(arguments: faults) func refuses(_ fault: Fault) throws {
    let directory = TemporaryDirectory()
    let path = try directory.write("a.zip", fault.bytes)
    let error = #expect(throws: MirageError.self) { try Zip(path) }
    #expect(error?.kind == .badData)
    #expect(fault.says.isEmpty || error?.message.contains(fault.says) == true, "\(error?.message ?? "nothing")")
    #expect(error?.file == path)
  }

  static let damage: [Fault] = [
    Fault(name: "check sum", says: "CRC", bytes: archive { $0.add("a".utf8, [1, 2, 3], checksum: 7) }),
    Fault(name: "a size of 4 GB", says: "", bytes: archive { $0.add("a".utf8, [1, 2, 3], size: 0xFFFF_FFF0) }),
    Fault(name: "a size of 1 GB", says: "", bytes: archive { $0.add("a".utf8, [1, 2, 3], size: 1 << 30) }),
    Fault(name: "a size that is too large", says: "", bytes: archive { $0.add("a".utf8, [1, 2, 3], size: 30) }),
  ]

  /// What is wrong with a member shows when the archive is opened, or when the member is read.
  @Test(arguments: damage) func refusesMember(_ fault: Fault) throws {
    let directory = TemporaryDirectory()
    let path = try directory.write("a.zip", fault.bytes)
    let error = #expect(throws: MirageError.self) { try Zip(path).contents(at: 0) }
    #expect(error?.kind == .badData)
    #expect(fault.says.isEmpty || error?.message.contains(fault.says) == true, "\(error?.message ?? "nothing")")
    #expect(error?.file == path)
  }

  @Test func missing() {
    let error = #expect(throws: MirageError.self) { try Zip("/nowhere/a.zip") }
    #expect(error?.kind == .missingInput)
  }
}
