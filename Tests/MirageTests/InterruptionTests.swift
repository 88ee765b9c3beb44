import Foundation
import Mirage
import TestSupport
import Testing

/// Ctrl-C and full disks: the run ends as documented, and goes on where it was.
@Suite struct InterruptionTests {
  private static let samples = "source: {mnist: {directory: \(repository)/Samples/fashion-mnist, split: test}}\n"

  @Test(arguments: [SIGINT, SIGTERM], SinkCase.all.filter { !$0.testDescription.contains("full") })
  func interruptionIsResumable(signal: Int32, _ one: SinkCase) throws {
    let workplace = try Workplace(one.pipeline)
    // Enough work for minutes; what is written until the signal comes is left behind.
    let running = try workplace.start(["--set", "stages.0=repeat: 1000", "--checkpoint-interval", "0.05"])
    #expect(try until { try workplace.position > 0 })
    let start = ContinuousClock.now
    kill(running.process.processIdentifier, signal)
    let result = try running.wait()
    #expect(start.duration(to: .now) < .seconds(1))
    #expect(result.status == 130 && result.output.isEmpty && result.errors.contains("--resume"), "\(result.errors)")
    #expect(FileKind(workplace.output) == .missing)
    #expect(try workplace.position > 0)
  }

  @Test func interruptedAndResumedEqualsUninterrupted() throws {
    let one = SinkCase.all[1]
    let (alone, stopped) = (try Workplace(one.pipeline), try Workplace(one.pipeline))
    #expect(try alone.run("--quiet").status == 0)
    var interruptions = 0
    for _ in 0..<60 where interruptions < 2 {
      let running = try stopped.start(["--resume", "--quiet", "--workers", "1"])
      usleep(UInt32.random(in: 10_000...80_000))
      running.process.interrupt()
      let status = try running.wait().status
      // Before the handlers stand, the signal itself ends the process.
      #expect([0, 130].contains(status))
      // It was done already: once more, from the beginning.
      if status == 0 { try removeTree(stopped.output) } else { interruptions += 1 }
    }
    #expect(interruptions == 2)
    #expect(try stopped.run("--resume", "--quiet").status == 0)
    #expect(try snapshot(stopped.output) == snapshot(alone.output))
  }

  @Test(arguments: ["replay", "stats", "preview"]) func otherCommandsAreInterrupted(command: String) throws {
    let workplace = try Workplace(
      Self.samples + "stages: [repeat: 1000000000, shuffle, {elastic: {sigma: 50}}, {resize: 500}]\n")
    var arguments = [command, workplace.pipeline]
    if command == "replay" { arguments.append("s0-99999999-p0-v0") }
    if command == "preview" { arguments += ["--output", workplace.folder.file("x.png"), "--count", "1000"] }
    let running = try CommandLineTool.start(arguments)
    usleep(300_000)
    let start = ContinuousClock.now
    running.process.interrupt()
    let result = try running.wait()
    #expect(result.status == 130 && result.output.isEmpty, "\(result.errors)")
    #expect(start.duration(to: .now) < .seconds(1))
  }

  /// True if a small file system of one's own can be mounted here, as root or in a user namespace.
  static let canMount: Bool = {
    let folder = TemporaryDirectory()
    return (try? shell("unshare -rm mount -t tmpfs -o size=1m none \(folder.path)").status) == 0
  }()

  private static func shell(_ script: String) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", script]
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: output, as: UTF8.self))
  }

  @Test(
    .enabled(if: canMount, "no file system can be mounted here, so no disk can be filled"), arguments: SinkCase.all)
  func aFullDiskIsSaidAndResumedFrom(_ one: SinkCase) throws {
    let alone = try Workplace(one.pipeline)
    #expect(try alone.run("--quiet").status == 0)
    let full = try Workplace(one.pipeline)
    try makeDirectories(full.folder.file("disk"))
    try makeDirectories(full.folder.file("kept"))
    let command =
      "\(CommandLineTool.path) run \(full.pipeline) --output \(full.folder.file("disk"))/out --quiet --resume"
    // Ever more room: the disk fills up at other points, the packing at the end among them.
    let script = """
      cd \(full.folder.path)
      mount -t tmpfs -o size=60k none disk || exit 99
      for size in 100k 300k 500k 700k 1000k 1300k 1600k 2000k 2500k 3000k 4000k; do
        \(command) --checkpoint-interval 0.01
        status=$?
        echo "status $status"
        [ $status = 74 ] || break
        mount -o remount,size=$size disk
      done
      mount -o remount,size=64m disk
      \(command)
      echo "last $?"
      cp -r disk/. kept/
      """
    try full.folder.write("fill.sh", script)
    let result = try Self.shell("unshare -rm sh \(full.folder.file("fill.sh"))")
    #expect(result.status == 0 && result.output.contains("last 0"), "\(result.output)")
    let statuses = result.output.split(separator: "\n").filter { $0.hasPrefix("status ") }
    #expect(statuses.first == "status 74", "\(result.output)")
    #expect(statuses.allSatisfy { $0 == "status 74" || $0 == "status 0" }, "\(result.output)")
    let said = result.output.split(separator: "\n").filter { $0.hasPrefix("error: ") }
    #expect(said.count >= 1 && said.allSatisfy { $0.hasSuffix(": the disk is full") }, "\(result.output)")
    #expect(result.output.contains("Make room, then run again with --resume."))
    #expect(try snapshot(full.folder.file("kept/out")) == snapshot(alone.output))
  }
}
