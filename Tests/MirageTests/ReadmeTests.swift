import Foundation
import TestSupport
import Testing

/// Every command that the documentation shows runs.
@Suite struct ReadmeTests {
  static let documents = ["README.md", "CONTRIBUTING.md"]

  /// The lines of `sh` blocks that call the tool, those that end with `\` joined with their next.
  static func commands(in text: String) -> [String] {
    var commands: [String] = []
    var isShell = false
    var begun = ""
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      let trimmed = line.trimmingCharacters(in: .whitespaces)
      if trimmed.hasPrefix("```") {
        isShell = !isShell && trimmed == "```sh"
        continue
      }
      guard isShell else { continue }
      begun += begun.isEmpty ? trimmed : " " + trimmed
      if begun.hasSuffix("\\") {
        begun.removeLast()
        continue
      }
      if begun.hasPrefix("mirage ") || begun.hasPrefix(".build/release/mirage ") { commands.append(begun) }
      begun = ""
    }
    return commands
  }

  @Test func commandsAreFound() {
    let text = """
      ```sh
      make demo
      mirage run a.yaml   # a comment
        .build/release/mirage stats \\
          b.yaml
      ```
      mirage not this
      ```yaml
      mirage nor this
      ```
      """
    #expect(Self.commands(in: text) == ["mirage run a.yaml   # a comment", ".build/release/mirage stats  b.yaml"])
  }

  static let isWritten = FileManager.default.fileExists(atPath: repository + "/README.md")

  @Test(.enabled(if: isWritten, "there is no README.md")) func everyCommandRuns() throws {
    let folder = TemporaryDirectory()
    let files = FileManager.default
    for name in ["Pipelines", "Samples"] {
      try files.copyItem(atPath: repository + "/" + name, toPath: folder.file(name))
    }
    try files.createDirectory(atPath: folder.file(".build/release"), withIntermediateDirectories: true)
    try files.createSymbolicLink(
      atPath: folder.file(".build/release/mirage"), withDestinationPath: CommandLineTool.path)
    var count = 0
    for document in Self.documents where files.fileExists(atPath: repository + "/" + document) {
      // One after the other, as a reader types them: some use what those before them wrote.
      for command in Self.commands(in: try String(contentsOfFile: repository + "/" + document, encoding: .utf8)) {
        count += 1
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", command]
        process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
        process.environment = ProcessInfo.processInfo.environment.merging(["PATH": path(folder)]) { $1 }
        process.standardInput = FileHandle.nullDevice
        try folder.write("errors", "")
        process.standardOutput = FileHandle.nullDevice
        process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: folder.file("errors")))
        try process.run()
        process.waitUntilExit()
        let errors = try String(contentsOfFile: folder.file("errors"), encoding: .utf8)
        #expect(process.terminationStatus == 0, "\(document): \(command)\n\(errors)")
      }
    }
    #expect(count >= 5)
  }

  /// The augmentation of one's own that README.md shows is the one that `make example` builds.
  @Test(arguments: ["Sources/own-mirage/Vignette.swift", "Sources/own-mirage/main.swift", "pipeline.yaml"])
  func theExampleIsShown(_ file: String) throws {
    let code = try String(contentsOfFile: "\(repository)/Examples/OwnAugmentation/\(file)", encoding: .utf8)
    let text = try String(contentsOfFile: repository + "/README.md", encoding: .utf8)
    #expect(text.contains("```\(file.hasSuffix("yaml") ? "yaml" : "swift")\n\(code)```\n"))
  }

  private func path(_ folder: TemporaryDirectory) -> String {
    folder.file(".build/release") + ":" + (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin")
  }
}
