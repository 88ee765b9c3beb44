import MirageSupport
import Glibc
import TestSupport
import Testing

@Suite struct InputFileTests {
  let directory = TemporaryDirectory()

  @Test func readsAnyPart() throws {
    let file = try InputFile(directory.write("f", [1, 2, 3, 4, 5]))
    #expect(try file.read(at: 1, count: 3) == [2, 3, 4])
    #expect(try file.read(at: 5, count: 0) == [])
    for (offset, count) in [(5, 1), (0, 6), (-1, 2), (2, -1), (Int.max, 1), (1, Int.max)] {
      let error = #expect(throws: MirageError.self) { try file.read(at: offset, count: count) }
      #expect(error?.kind == .badData)
      #expect(error?.file == file.path)
    }
  }

  @Test func missing() throws {
    mkfifo(directory.file("pipe"), 0o644)
    for path in ["/nowhere/at/all", directory.path, directory.file("pipe"), "/dev/null", "a\0b"] {
      let error = #expect(throws: MirageError.self) { try InputFile(path) }
      #expect(error?.kind == .missingInput)
      #expect(error?.file == path)
    }
  }

  @Test func becomesShorter() throws {
    let file = try InputFile(directory.write("f", [UInt8](repeating: 1, count: 100)))
    truncate(file.path, 10)
    let error = #expect(throws: MirageError.self) { try file.read(at: 0, count: 100) }
    #expect(error?.place == "byte 10")
  }

  @Test func limits() throws {
    let path = try directory.write("f", [UInt8](repeating: 1, count: 100))
    #expect(throws: MirageError.self) { try InputFile.contents(of: path, limit: 99) }
    // A file that claims a terabyte, on a file system that does not mind.
    let sparse = try directory.write("sparse", [])
    if truncate(sparse, 1 << 40) == 0 {
      let error = #expect(throws: MirageError.self) { try InputFile.contents(of: sparse) }
      #expect(error?.kind == .badData)
    }
  }

  @Test func lines() throws {
    for (text, lines) in [
      ("", []), ("a", ["a"]), ("a\n", ["a"]), ("a\r\nb\r\n", ["a", "b"]), ("a\n\nb", ["a", "", "b"]), ("\n", [""]),
      ("\u{FEFF}a\n", ["a"]),
    ] {
      #expect(try InputFile.lines(of: directory.write("f", text)).map(String.init) == lines)
    }
    let path = try directory.write("f", Array("a\nb\n".utf8) + [0xFF, 0x0A])
    #expect(throws: MirageError.badData("the text is not UTF-8", file: path, place: "line 3")) {
      try InputFile.lines(of: path)
    }
  }

  @Test func inflates() throws {
    let content = (0..<600_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) }
    let zipped = try gzipped(content)
    for (name, bytes, expected) in [
      ("plain", content, content), ("one member", zipped, content), ("two members", zipped + zipped, content + content),
      ("an empty member", try gzipped([]), []),
    ] {
      let file = try InputFile.openInflated(directory.write(name, bytes))
      #expect(file.size == expected.count)
      #expect(try file.read(at: 0, count: file.size) == expected)
      #expect(file.path == directory.file(name))
    }
  }

  @Test func refusesDamagedGzip() throws {
    let content = (0..<5000).map { UInt8(truncatingIfNeeded: mix64($0)) }
    let zipped = try gzipped(content)
    // Cut anywhere behind the two bytes by which gzip is known.
    for count in Array(2..<40) + [zipped.count / 2, zipped.count - 9] + Array(zipped.count - 8..<zipped.count) {
      let path = try directory.write("cut", zipped[..<count])
      let error = #expect(throws: MirageError.self, "cut at \(count)") { try InputFile.openInflated(path) }
      #expect(error?.kind == .badData)
      #expect(error?.file == path)
      #expect(error?.message.contains("truncated") == true, "cut at \(count): \(error?.message ?? "")")
    }
    for (name, place) in [
      ("method", 2), ("data", zipped.count / 2), ("check sum", zipped.count - 8), ("length", zipped.count - 2),
    ] {
      var bytes = zipped
      bytes[place] ^= 0x55
      let path = try directory.write("corrupt", bytes)
      let error = #expect(throws: MirageError.self, "\(name)") { try InputFile.openInflated(path) }
      #expect(error?.message.contains("corrupt") == true, "\(name): \(error?.message ?? "")")
    }
  }

  @Test func refusesWhatUnpacksToTooMuch() throws {
    let path = try directory.write("bomb", gzipped([UInt8](repeating: 0, count: 10 << 20)))
    let error = #expect(throws: MirageError.self) { try InputFile.openInflated(path, limit: 1 << 20) }
    #expect(error?.message.contains("limit") == true)
  }
}

@Suite struct OutputFileTests {
  let directory = TemporaryDirectory()

  @Test func continuesWhereAJournalSays() throws {
    let path = directory.file("f")
    let first = try OutputFile(path)
    try first.append([1, 2, 3, 4])
    try first.flush()
    let second = try OutputFile(path, continuingAt: 2)
    #expect(second.length == 2)
    try second.append([9])
    try second.patch([7], at: 0)
    #expect(try InputFile.contents(of: path) == [7, 2, 9])
    #expect(second.length == 3)
    #expect(throws: MirageError.self) { try OutputFile(path, continuingAt: 4) }
  }

  @Test func appendsAcrossItsBuffer() throws {
    let file = try OutputFile(directory.file("f"))
    let bytes = (0..<700_000).map { UInt8(truncatingIfNeeded: $0 >> 3) }
    for start in stride(from: 0, to: bytes.count, by: 7000) { try file.append(bytes[start..<start + 7000]) }
    try file.flush()
    #expect(try InputFile.contents(of: directory.file("f")) == bytes)
  }

  @Test func replacesWhole() throws {
    let path = try directory.write("f", "old")
    try OutputFile.replace(path, with: Array("new".utf8))
    #expect(try snapshot(directory.path) == ["f": Array("new".utf8)])
  }

  @Test func saysWhatCannotBeMade() {
    for path in ["/nowhere/f", directory.path, "/proc/f"] {
      let error = #expect(throws: MirageError.self) { try OutputFile(path) }
      #expect(error?.kind == .cannotCreate)
      #expect(error?.file == path)
    }
    #expect(throws: MirageError.self) { try makeDirectories("/proc/a/b") }
  }

  @Test func fullDisk() throws {
    // The device that is always full.
    let error = #expect(throws: MirageError.self) { try OutputFile.write("/dev/full", [1]) }
    #expect(error?.kind == .ioError)
    #expect(error?.message == "the disk is full")
  }

  @Test func locksOnce() throws {
    let lock = try FileLock(directory.file("lock"))
    #expect(throws: MirageError.self) { try FileLock(directory.file("lock")) }
    withExtendedLifetime(lock) {}
  }

  @Test func removesTreesButNotWhatLinksPointTo() throws {
    try directory.write("kept/f", "x")
    try directory.write("tree/a/b", "x")
    symlink(directory.file("kept"), directory.file("tree/link"))
    try removeTree(directory.file("tree"))
    #expect(try snapshot(directory.path).keys.sorted() == ["kept/f"])
  }
}

@Suite struct DigestTests {
  @Test func knownDigest() {
    #expect(Digest.sha256("abc".utf8) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
  }

  /// Files are read in parts: every byte counts, the last of a part and of the file too.
  @Test func everyByteOfAFileCounts() throws {
    let directory = TemporaryDirectory()
    for count in [0, 1, 1000, 1 << 20, 1 << 20 + 1] {
      var bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
      #expect(try Digest.sha256(file: directory.write("f", bytes)) == Digest.sha256(bytes), "\(count) bytes")
      guard count > 0 else { continue }
      let before = Digest.sha256(bytes)
      bytes[count - 1] ^= 1
      #expect(try Digest.sha256(file: directory.write("f", bytes)) != before, "\(count) bytes")
    }
  }
}
