import Foundation
import Mirage
import TestSupport
import Testing

/// An interrupted run that is resumed writes, byte for byte, what an uninterrupted one writes.
@Suite struct ResumeTests {
  @Test(arguments: SinkCase.all) func killedAndResumedEqualsUninterrupted(_ one: SinkCase) throws {
    let alone = try Workplace(one.pipeline)
    let start = ContinuousClock.now
    try #require(try alone.run("--quiet").status == 0)
    let seconds = start.duration(to: .now) / .seconds(1)
    let expected = try snapshot(alone.output)
    let killed = try Workplace(one.pipeline)
    var random = Random(key: Random.Key(seed: UInt64(seconds * 1e9), path: one.testDescription), sample: 0)
    var kills = 0
    for attempt in 0..<60 where kills < 4 {
      let interval = attempt % 2 == 0 ? "0" : "0.02"
      let running = try killed.start(["--resume", "--quiet", "--checkpoint-interval", interval])
      usleep(UInt32(random.uniform(in: 0...1) * seconds * 1e6))
      kill(running.process.processIdentifier, SIGKILL)
      let status = try running.wait().status
      #expect(status == 128 + SIGKILL || status == 0)
      // It was done already: once more, from the beginning.
      if status == 0 { try removeTree(killed.output) } else { kills += 1 }
    }
    let last = try killed.run("--resume", "--quiet")
    #expect(last.status == 0, "\(last.errors)")
    #expect(kills == 4)
    #expect(try snapshot(killed.output) == expected)
    #expect(FileKind(killed.partial) == .missing)
  }

  @Test(arguments: SinkCase.all) func workersDoNotChangeBytes(_ one: SinkCase) throws {
    let outputs = try ["1", "2", "8"].map { workers in
      let workplace = try Workplace(one.pipeline)
      #expect(try workplace.run("--quiet", "--workers", workers).status == 0)
      return try snapshot(workplace.output)
    }
    #expect(outputs[0].count > 1 && outputs[0]["mirage.json"] != nil)
    #expect(outputs[1] == outputs[0] && outputs[2] == outputs[0])
  }

  @Test(arguments: SinkCase.all) func resumingAFinishedRunDoesNothing(_ one: SinkCase) throws {
    let workplace = try Workplace(one.pipeline)
    try workplace.run("--limit", "20", "--quiet")
    let before = try snapshot(workplace.output)
    let again = try workplace.run("--limit", "20", "--resume")
    #expect(again.status == 0 && again.output.contains("complete already"), "\(again.errors)")
    #expect(try snapshot(workplace.output) == before)
    // Another run is not what stands there.
    let other = try workplace.run("--limit", "20", "--resume", "--seed", "6")
    #expect(other.status == 65 && other.errors.contains("seed was 5, and is 6 now"), "\(other.errors)")
    let longer = try workplace.run("--limit", "21", "--resume")
    #expect(longer.status == 65 && longer.errors.contains("end was 20, and is 21 now"), "\(longer.errors)")
    #expect(try snapshot(workplace.output) == before)
  }

  @Test(arguments: [
    (["--seed", "6"], "seed was 0, and is 6 now"), (["--limit", "5"], "end was 6, and is 5 now"),
    (["--shard", "2/2"], "first was 0, and is 3 now"), (["--set", "name=other"], "pipeline.name was pipeline"),
    (["--set", "sink.webdataset.compression=1"], "pipeline.sink.webdataset.compression was 6, and is 1 now"),
    (["--set", "source.image-folder.channels=rgb"], "pipeline.source.image-folder.channels was gray"),
    (["--set", "stages=[invert]"], "pipeline.stages was []"),
  ])
  func anotherRunIsRefused(options: [String], says: String) throws {
    let workplace = try Workplace.broken(sink: "webdataset: {directory: out}")
    #expect(try workplace.run().status == 65)
    let other = try workplace.start(["--resume"] + options).wait()
    #expect(other.status == 65 && other.errors.contains(says), "\(other.errors)")
    // Workers, policy and checkpoints do not decide samples.
    let same = try workplace.run("--resume", "--workers", "1", "--on-error", "skip", "--checkpoint-interval", "9")
    #expect(same.status == 1, "\(same.errors)")
    #expect(try JSONValue(parsing: snapshot(workplace.output)["mirage.json"]!)["counts"]?["written"] == 5)
  }

  @Test func aChangedInputIsRefused() throws {
    let workplace = try Workplace.broken(sink: "webdataset: {directory: out}")
    #expect(try workplace.run().status == 65)
    try workplace.folder.write("in/b/4.png", PNG.encode(Image(height: 4, width: 5, channels: 1, fill: [0])))
    let other = try workplace.run("--resume")
    #expect(other.status == 65 && other.errors.contains("inputs.0.bytes was"), "\(other.errors)")
  }

  @Test func aDamagedJournalIsRefused() throws {
    let workplace = try Workplace.broken(sink: "webdataset: {directory: out}")
    #expect(try workplace.run().status == 65)
    for text in ["", "{", "{}", "[1]", "{\"key\": 1, \"position\": -1}"] {
      try Data(text.utf8).write(to: URL(fileURLWithPath: workplace.partial + "/journal.json"))
      let other = try workplace.run("--resume")
      #expect(other.status == 65 && other.errors.contains("is damaged"), "\(text): \(other.errors)")
    }
    #expect(try workplace.run("--overwrite", "--on-error", "skip").status == 1)
  }

  @Test func aShortenedPartIsRefused() throws {
    let workplace = try Workplace.broken(sink: "idx: out")
    #expect(try workplace.run().status == 65)
    try Data([0, 0, 8, 3]).write(to: URL(fileURLWithPath: workplace.partial + "/work/images"))
    let other = try workplace.run("--resume", "--on-error", "skip")
    #expect(
      other.status == 65 && other.errors.contains("shorter than the 96 bytes its journal says"), "\(other.errors)")
  }

  /// The states that a crash can leave while the finished data takes its name. `old` stands for an output that is being
  /// replaced, `new` for the finished one.
  static let crashes: [(name: String, isShared: Bool, state: @Sendable (Workplace) throws -> Void)] = [
    (
      "nothing moved", false,
      {
        try $0.journal(); try move($0.output, $0.partial + "/data")
      }
    ),
    (
      "nothing moved, shared", true,
      {
        try $0.journal(); try move($0.output, $0.partial + "/data")
      }
    ),
    (
      "the old one still there", false,
      {
        try $0.journal()
        try move($0.output, $0.partial + "/data")
        try $0.folder.write("out/mirage.json", "{\"run\": {}}")
        try $0.folder.write("out/old", "old")
      }
    ),
    (
      "the old one moved away", false,
      {
        try $0.journal()
        try move($0.output, $0.partial + "/data")
        try $0.folder.write("out.partial/work/replaced/old", "old")
      }
    ),
    (
      "the new one in its place", false,
      {
        try $0.journal(); try $0.folder.write("out.partial/work/replaced/old", "old")
      }
    ),
    ("the journal alone left", false, { try $0.journal() }),
    ("the journal alone left, shared", true, { try $0.journal() }),
    ("the lock alone left", false, { try $0.folder.write("out.partial/lock", "") }),
    ("an empty folder left", true, { try makeDirectories($0.partial) }),
    (
      "half of the files moved", true,
      {
        try $0.journal()
        try makeDirectories($0.partial + "/data")
        for name in ["mirage.json", "train-labels-idx1-ubyte"] {
          try move($0.output + "/" + name, $0.partial + "/data/" + name)
        }
      }
    ),
    (
      "all files moved", true,
      {
        try $0.journal()
        try makeDirectories($0.partial + "/data")
        try $0.folder.write("out.partial/work/images", "x")
      }
    ),
  ]

  @Test(arguments: crashes.map(\.name)) func crashesAtTheEndAreMended(name: String) throws {
    let (_, isShared, state) = Self.crashes.first { $0.name == name }!
    let workplace = try Workplace.broken(sink: isShared ? "idx: out" : "image-folder: {directory: out}")
    #expect(try workplace.run().status == 65)
    let journal = try InputFile.contents(of: workplace.partial + "/journal.json")
    #expect(try workplace.run("--resume", "--on-error", "skip").status == 1)
    let expected = try snapshot(workplace.output)
    workplace.lastJournal = try JSONValue(parsing: journal)
    try state(workplace)
    let result = try workplace.run("--resume", "--on-error", "skip")
    #expect(result.status == 0 || result.status == 1, "\(result.errors)")
    #expect(try snapshot(workplace.output) == expected)
    #expect(FileKind(workplace.partial) == .missing)
    #expect(try workplace.run("--resume", "--on-error", "skip").output.contains("complete already"))
  }

  @Test func whatIsNotOursIsKept() throws {
    // What came to stand in the output's place while the run was interrupted.
    let workplace = try Workplace.broken(sink: "image-folder: {directory: out}")
    #expect(try workplace.run().status == 65)
    try workplace.folder.write("out/mine", "mine")
    let resumed = try workplace.run("--resume", "--on-error", "skip")
    #expect(resumed.status == 73 && resumed.errors.contains("will not remove it"), "\(resumed.errors)")
    #expect(try snapshot(workplace.output) == ["mine": Array("mine".utf8)])
    // A folder that only looks like an interrupted run.
    let other = try Workplace.broken(sink: "image-folder: {directory: out}")
    try other.folder.write("out.partial/mine", "mine")
    for option in ["--resume", "--overwrite"] {
      let result = try other.run(option, "--on-error", "skip")
      #expect(result.status == 73 && result.errors.contains("not what an interrupted run left"), "\(result.errors)")
    }
    #expect(try snapshot(other.partial) == ["mine": Array("mine".utf8)])
  }

  @Test func oneRunAtATime() throws {
    let workplace = try Workplace(
      "source: {mnist: \(repository)/Samples/fashion-mnist}\nstages: [repeat: 1000]\nsink: {idx: out}\n")
    let first = try workplace.start(["--quiet"])
    defer { first.process.terminate() }
    #expect(try until { FileKind(workplace.partial + "/journal.json") == .file })
    for option in ["--resume", "--overwrite"] {
      let second = try workplace.run(option)
      #expect(second.status == 73 && second.errors.contains("another run is writing this output"), "\(second.errors)")
    }
    #expect(try workplace.run().status == 73)
    first.process.interrupt()
    #expect(try first.wait().status == 130)
  }
}

private func move(_ source: String, _ destination: String) throws {
  try makeDirectories(parentDirectory(destination))
  try moveFile(source, to: destination)
}

extension Workplace {
  /// Writes the journal of a run that finished.
  fileprivate func journal() throws {
    guard case .object(var fields)? = lastJournal else { return }
    fields["finished"] = true
    fields["position"] = 6
    try folder.write("out.partial/journal.json", JSONValue.object(fields).text)
  }
}
