import Foundation
import Mirage
import StreamsTestSupport
import TestSupport
import Testing

/// What commands show on a terminal while they work: one line that is drawn over and removed, and lines for events.
@Suite struct ProgressTests {
  private let folder = TemporaryDirectory()

  /// The lines that were drawn over, and what stays.
  private func drawn(_ text: String) -> (drawn: [String], stays: String) {
    let parts = text.replacing("\r\n", with: "\n").components(separatedBy: "\r\u{1B}[K")
    return (parts.filter { !$0.isEmpty && !$0.hasSuffix("\n") }, parts.filter { $0.hasSuffix("\n") }.joined())
  }

  @Test func aRun() throws {
    try folder.write(
      "p.yaml", "source: {mnist: {directory: \(repository)/Samples/fashion-mnist, split: test}}\nsink: {idx: out}\n")
    let (lines, stays) = drawn(try CommandLineTool.runOnTerminal("run", "p.yaml", directory: folder.path))
    #expect(lines.last?.hasPrefix("1,000 of 1,000") == true, "\(lines)")
    #expect(stays.isEmpty)
    let quiet = try CommandLineTool.runOnTerminal(
      "run", "p.yaml", "--overwrite", "--quiet", directory: folder.path)
    #expect(quiet.isEmpty)
  }

  @Test func aTraining() throws {
    try TinyDataset.writeMNIST(folder.file("mnist"), count: 5000)
    try TinyDataset.writeMNIST(folder.file("mnist"), split: .test, count: 10)
    let (lines, stays) = drawn(
      try CommandLineTool.runOnTerminal(
        "train-classifier", "mnist", "--output", "c.safetensors", "--epochs", "2", "--batch", "10",
        directory: folder.path))
    #expect(lines.first?.hasPrefix("training: 1 of 1,000  epoch 1 of 2, loss ") == true, "\(lines)")
    #expect(lines.contains { $0.contains(" steps/s  ") && $0.hasSuffix(" left") }, "\(lines)")
    #expect(stays.split(separator: "\n").count == 2 && stays.hasPrefix("epoch 1 of 2, loss "), "\(stays)")
  }
}
