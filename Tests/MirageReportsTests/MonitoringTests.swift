import MirageSupport
import Glibc
import MirageMedia
import MirageReports
import TestSupport
import Testing

@Suite struct EventFileTests {
  let directory = TemporaryDirectory()

  private func eventFiles() throws -> [String] {
    try directoryEntries(directory.path).filter { $0.contains("tfevents") }.map(directory.file)
  }

  @Test func checksums() {
    let cases: [(bytes: [UInt8], sum: UInt32)] = [
      (Array("123456789".utf8), 0xE306_9283), ([], 0), ([UInt8](repeating: 0, count: 32), 0x8A91_36AA),
      ([UInt8](repeating: 0xFF, count: 32), 0x62A8_AB43), (Array(0..<32), 0x46DD_794E),
      ((0..<32).reversed(), 0x113F_DB5C),
    ]
    for (bytes, sum) in cases { #expect(CRC32C.checksum(bytes) == sum) }
  }

  @Test func readsBack() throws {
    let image = Image(height: 3, width: 5, channels: 3, fill: [1, 2, 3])
    let png = try PNG.encode(image)
    let file = try EventFile(in: directory.path)
    try file.scalar("loss/a", step: 7, value: 0.25)
    try file.scalar("loss/a", step: 1 << 40, value: .nan)
    try file.image("grids", step: 300, png: png, height: 3, width: 5, channels: 3)
    try file.flush()
    #expect(lastComponent(file.path).hasPrefix("events.out.tfevents."))
    let events = try EventReader.events(of: file.path)
    try #require(events.count == 5)
    #expect(events[0].fileVersion == "brain.Event:2")
    #expect(events[1].isSessionStart && events[1].step == 0)
    #expect(events[2].tag == "loss/a" && events[2].step == 7 && events[2].scalar == 0.25)
    #expect(events[3].step == 1 << 40 && events[3].scalar?.isNaN == true)
    let read = try #require(events[4].image)
    #expect((read.height, read.width, read.channels) == (3, 5, 3))
    #expect(try PNG.decode(read.png) == image)
  }

  @Test func histograms() throws {
    let file = try EventFile(in: directory.path)
    try file.histogram("spread", step: 1, values: (0...300).map { Float($0) / 10 } + [.nan, .infinity])
    try file.histogram("same", step: 1, values: [2, 2, 2])
    try file.histogram("nearly", step: 1, values: [1, Float(1).nextUp, .leastNonzeroMagnitude])
    try file.histogram("wide", step: 1, values: [-.greatestFiniteMagnitude, .greatestFiniteMagnitude])
    try file.histogram("none", step: 1, values: [.nan])
    try file.flush()
    let events = try EventReader.events(of: file.path).filter { $0.histogram != nil }
    #expect(events.map(\.tag) == ["spread", "same", "nearly", "wide"])
    for event in events {
      let fields = event.histogram!
      #expect(fields[6]?.count == fields[7]?.count)
      #expect(fields[7]!.reduce(0, +) == fields[3]![0])
      #expect(fields[6] == fields[6]?.sorted())
      #expect(fields[6]?.last == fields[2]![0])
    }
    let spread = try #require(events[0].histogram)
    #expect(spread[1] == [0] && spread[2] == [30] && spread[3] == [301])
    #expect(spread[7] == [Double](repeating: 10, count: 29) + [11])
  }

  @Test func resumes() throws {
    let first = try EventFile(in: directory.path)
    for step in 1...20 { try first.scalar("a", step: step, value: 1) }
    try first.scalar("only before", step: 20, value: 1)
    try first.flush()
    let cases = [(15, Array(1...18)), (0, [1, 2, 3]), (12, [1, 2, 3, 13, 14, 15])]
    for (resumed, steps) in cases {
      let next = try EventFile(in: directory.path, resumingAt: resumed)
      #expect(try EventReader.events(of: first.path).allSatisfy { $0.step <= resumed }, "later events are cut off")
      for step in resumed + 1...resumed + 3 { try next.scalar("a", step: step, value: Float(resumed)) }
      try next.flush()
      #expect(try eventFiles().last == next.path)
      #expect(try EventReader.curve("a", in: directory.path).keys.sorted() == steps)
      #expect(try EventReader.curve("only before", in: directory.path).isEmpty)
    }
    #expect(try eventFiles().count == 4)
  }

  /// Wherever a crash tore the file, the resumed training leaves one that can be read to its end.
  @Test func tornRecords() throws {
    let first = try EventFile(in: directory.path)
    for step in 1...3 { try first.scalar("a", step: step, value: 1) }
    try first.flush()
    let bytes = try InputFile.contents(of: first.path)
    for count in 0..<bytes.count {
      try OutputFile.write(first.path, bytes[..<count])
      let next = try EventFile(in: directory.path, resumingAt: 5)
      _ = try EventReader.events(of: first.path)
      try removeTree(next.path)
    }
    try OutputFile.write(first.path, bytes + [UInt8](repeating: 0xFF, count: 40))
    _ = try EventFile(in: directory.path, resumingAt: 5)
    #expect(try EventReader.events(of: first.path).count == 5)
  }
}

@Suite struct TrainingLogTests {
  let directory = TemporaryDirectory()
  private let picture = Image(height: 4, width: 6, channels: 1, fill: [9])

  private func record(_ steps: ClosedRange<Int>, in log: TrainingLog, value: Double = 1) throws {
    for step in steps {
      try log.scalar("loss/generator", step: step, value: value)
      if step % 10 == 0 { try log.grid(step: step, image: picture, caption: "Of \(value)") }
    }
    try log.flush()
  }

  @Test func keepsWhatWasRecorded() throws {
    let log = try TrainingLog(directory.file("deep/training"))
    try log.scalar("loss/generator", step: 1, value: 0.1)
    try log.scalar("metric/fid", step: 1, value: -3)
    for (step, value) in [(2, Double.nan), (3, .infinity), (4, 1e300)] {
      try log.scalar("loss/generator", step: step, value: value)
    }
    try log.histogram("weights", step: 4, values: [1, 2])
    try log.grid("a-to-b", step: 12_345_678, image: picture, caption: "“Quoted”\nand broken")
    try log.flush()
    for history in [log.history, try TrainingHistory(readingFrom: log.directory)] {
      #expect(history.series.map(\.name) == ["loss/generator", "metric/fid"])
      let points = history["loss/generator"]
      #expect(points.map(\.step) == [1, 2, 3, 4])
      #expect(points[0].value == 0.1)
      #expect(points[1...].allSatisfy { $0.value.isNaN })
      #expect(history["metric/fid"].map(\.value) == [-3])
      #expect(history["weights"].isEmpty)
      #expect(history.steps == 1...12_345_678)
      let grid = try #require(history.grids.first)
      #expect(grid.name == "grids/a-to-b" && grid.file == "grids/a-to-b/step-12345678.png")
      #expect((grid.height, grid.width, grid.caption) == (4, 6, "“Quoted”\nand broken"))
      #expect(try PNG.decode(InputFile.contents(of: log.directory + "/" + grid.file)) == picture)
    }
    let lines = try InputFile.lines(of: log.directory + "/history.jsonl")
    #expect(lines.count == 6)
    #expect(lines[0].hasSuffix("\"step\": 1, \"value\": 0.1}"))
  }

  @Test func names() throws {
    let log = try TrainingLog(directory.path)
    for name in ["", "..", "../outside", "a//b", "/a", "a/", "a\0b", "."] {
      let error = #expect(throws: MirageError.self) { try log.grid(name, step: 1, image: picture, caption: "") }
      #expect(error?.kind == .usage)
    }
  }

  /// What a training that was resumed leaves is what it would be without the interruption, apart from times.
  @Test func resumes() throws {
    do { try record(1...47, in: TrainingLog(directory.path)) }
    let before = try TrainingHistory(readingFrom: directory.path)
    #expect(before.grids.map(\.step) == [10, 20, 30, 40])
    let log = try TrainingLog(directory.path, resumingAt: 25)
    #expect(log.history["loss/generator"].map(\.step) == Array(1...25))
    #expect(log.history.grids.map(\.step) == [10, 20])
    #expect(try directoryEntries(directory.file("grids")) == ["step-0000010.png", "step-0000020.png"])
    try record(26...33, in: log, value: 2)
    let history = try TrainingHistory(readingFrom: directory.path)
    #expect(
      history["loss/generator"].map(\.value) == [Double](repeating: 1, count: 25) + [Double](repeating: 2, count: 8))
    #expect(history.grids.map(\.caption) == ["Of 1.0", "Of 1.0", "Of 2.0"])
    let seconds = history["loss/generator"].map(\.seconds)
    #expect(seconds == seconds.sorted())
    let curve = try EventReader.curve("loss/generator", in: directory.path)
    #expect(curve.keys.sorted() == Array(1...33))
    #expect(curve[25] == 1 && curve[26] == 2)
  }

  @Test func resumesWithoutHistory() throws {
    let log = try TrainingLog(directory.path, resumingAt: 100)
    #expect(log.history.steps == nil)
    try record(101...102, in: log)
    #expect(try TrainingHistory(readingFrom: directory.path).steps == 101...102)
  }

  /// Cut at any byte, the file gives the records that are whole, and a resumed training goes on after them.
  @Test func tornLine() throws {
    do { try record(1...4, in: TrainingLog(directory.path)) }
    let path = directory.file("history.jsonl")
    let bytes = try InputFile.contents(of: path)
    for count in 0...bytes.count {
      try OutputFile.write(path, bytes[..<count])
      let whole = bytes[..<count].count { $0 == 0x0A }
      #expect(try TrainingHistory(readingFrom: directory.path)["loss/generator"].count == whole)
    }
    for tail in ["{\"name\": \"los", "\0\0\0\0", "garbage\n", "\u{FF}"] {
      try OutputFile.write(path, bytes + Array(tail.utf8))
      let log = try TrainingLog(directory.path, resumingAt: 4)
      try log.scalar("loss/generator", step: 5, value: 5)
      try log.flush()
      #expect(try TrainingHistory(readingFrom: directory.path)["loss/generator"].map(\.step) == [1, 2, 3, 4, 5])
    }
  }

  @Test func damagedLine() throws {
    let good = "{\"name\": \"a\", \"seconds\": 1, \"step\": 1, \"value\": null}\n"
    for bad in [
      "", "null", "[]", "{}", "{\"name\": \"a\", \"seconds\": 1, \"step\": 1}",
      "{\"name\": \"a\", \"seconds\": 1, \"step\": 1.5, \"value\": 1}",
      "{\"name\": 3, \"seconds\": 1, \"step\": 1, \"value\": 1}",
      "{\"name\": \"a\", \"seconds\": 1, \"step\": 1, \"file\": \"/etc/passwd\", \"height\": 1, \"width\": 1, \"caption\": \"\"}",
      "{\"name\": \"a\", \"seconds\": 1, \"step\": 1, \"file\": \"model.png\", \"height\": 1, \"width\": 1, \"caption\": \"\"}",
      "{\"name\": \"a\", \"seconds\": 1, \"step\": 1, \"file\": \"grids/../x.png\", \"height\": 1, \"width\": 1, \"caption\": \"\"}",
      "{\"name\": \"a\", \"seconds\": 1, \"step\": 1, \"file\": \"grids/x.png\", \"height\": 0, \"width\": 1, \"caption\": \"\"}",
    ] {
      try directory.write("history.jsonl", good + bad + "\n" + good)
      for read in [
        { _ = try TrainingHistory(readingFrom: directory.path) },
        { _ = try TrainingLog(directory.path, resumingAt: 1) },
      ] as [() throws -> Void] {
        let error = #expect(throws: MirageError.self) { try read() }
        #expect(error?.kind == .badData && error?.place == "line 2", "\(bad)")
      }
    }
  }

  /// A training that begins where another ended does not mix with it.
  @Test func secondTraining() throws {
    do {
      let log = try TrainingLog(directory.path)
      try record(1...30, in: log)
      try TrainingReport(title: "first", status: .finished(step: 30), history: log.history).write(in: directory.path)
    }
    try directory.write("model.safetensors", "not ours")
    let first = try snapshot(directory.path)
    try record(1...20, in: TrainingLog(directory.path), value: 2)
    let kept = try snapshot(directory.file("previous"))
    #expect(kept == first.filter { $0.key != "model.safetensors" })
    #expect(try TrainingHistory(readingFrom: directory.path)["loss/generator"].count == 20)
    #expect(try EventReader.curve("loss/generator", in: directory.path).values.allSatisfy { $0 == 2 })
    #expect(
      try directoryEntries(directory.path).filter { !$0.contains("tfevents") }
        == ["grids", "history.jsonl", "model.safetensors", "previous"])
    // A third replaces what was kept of the first.
    try record(1...2, in: TrainingLog(directory.path), value: 3)
    #expect(try TrainingHistory(readingFrom: directory.file("previous"))["loss/generator"].count == 20)
  }

  @Test func cannotBeWritten() throws {
    try directory.write("file", "x")
    let error = #expect(throws: MirageError.self) { try TrainingLog(directory.file("file/log")) }
    #expect(error?.kind == .cannotCreate)
  }
}
