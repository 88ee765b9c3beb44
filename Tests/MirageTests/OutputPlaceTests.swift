import Foundation
import Mirage
import TestSupport
import Testing

/// Places that an output must not, or may, go to; and what must come back from it.
@Suite struct OutputPlaceTests {
  /// A folder with one image of 8 x 8, its landmark, and a box with a category.
  private func source(_ folder: TemporaryDirectory) throws {
    let image = Image(height: 8, width: 8, channels: 1, fill: [7])
    try folder.write("in/a.png", PNG.encode(image))
    try folder.write(
      "in/metadata.jsonl",
      #"{"file_name": "a.png", "label": "x", "landmarks": [[1, 1]], "#
        + #""objects": {"bbox": [[1, 2, 3, 4]], "category": [5]}}"# + "\n")
  }

  @Test func insideItsInputIsRefused() throws {
    let folder = TemporaryDirectory()
    try source(folder)
    try folder.write("p.yaml", "source: {image-folder: in}\nsink: {image-folder: in/out}\n")
    let result = try CommandLineTool.run("run", folder.file("p.yaml"))
    #expect(result.status == 78 && result.errors.contains("lies inside the input"), "\(result.errors)")
    #expect(try directoryEntries(folder.file("in")) == ["a.png", "metadata.jsonl"])
  }

  @Test func theCurrentDirectoryIsRefused() throws {
    let folder = TemporaryDirectory()
    try source(folder)
    try folder.write("p.yaml", "source: {image-folder: in}\nsink: {image-folder: out}\n")
    try makeDirectories(folder.file("here"))
    let result = try CommandLineTool.run("run", "../p.yaml", "--output", ".", directory: folder.file("here"))
    #expect(result.status == 73 && result.errors.contains("current directory"), "\(result.errors)")
  }

  @Test func aSymbolicLinkIsFollowed() throws {
    let folder = TemporaryDirectory()
    try source(folder)
    try folder.write("p.yaml", "source: {image-folder: in}\nsink: {image-folder: link}\n")
    try makeDirectories(folder.file("real"))
    try FileManager.default.createSymbolicLink(atPath: folder.file("link"), withDestinationPath: folder.file("real"))
    #expect(try CommandLineTool.run("run", folder.file("p.yaml"), "--quiet").status == 0)
    #expect(isSymbolicLink(folder.file("link")))
    #expect(try directoryEntries(folder.file("real")).contains("mirage.json"))
  }

  /// Landmarks and boxes go through shards and move afterward; what stands beside a box stays with it.
  @Test func annotationsSurviveShards() throws {
    let folder = TemporaryDirectory()
    try source(folder)
    try folder.write(
      "one.yaml", "source: {image-folder: {directory: in, channels: keep}}\nsink: {webdataset: shards}\n")
    try folder.write(
      "two.yaml",
      "source: {webdataset: {directory: shards, channels: keep}}\nstages: [horizontal-flip: 1]\nsink: {image-folder: out}\n"
    )
    for file in ["one.yaml", "two.yaml"] {
      let result = try CommandLineTool.run("run", folder.file(file), "--quiet")
      #expect(result.status == 0, "\(result.errors)")
    }
    let row = try JSONValue(parsing: InputFile.contents(of: folder.file("out/metadata.jsonl")))
    #expect(row["landmarks"] == [[6, 1]])
    #expect(row["objects"] == ["bbox": [[4, 2, 3, 4]], "category": [5]])
    #expect(row["label"] == "x")
  }

  @Test func cifarClassesAreNotRenamed() throws {
    let folder = TemporaryDirectory()
    try folder.write("in/a/1.png", PNG.encode(Image(height: 32, width: 32, channels: 3, fill: [7])))
    try folder.write("other/b/1.png", PNG.encode(Image(height: 32, width: 32, channels: 3, fill: [7])))
    for format in ["binary", "python"] {
      for (source, split, status) in [("in", "train", 0), ("other", "test", 73), ("in", "test", 0)] {
        try folder.write(
          "p.yaml",
          "source: {image-folder: \(source)}\nsink: {cifar10: {directory: \(format), format: \(format), split: \(split)}}\n"
        )
        let result = try CommandLineTool.run("run", folder.file("p.yaml"), "--quiet")
        #expect(result.status == Int32(status), "\(format) \(split): \(result.errors)")
        if status != 0 { try removeTree(folder.file(format + ".partial")) }
      }
    }
  }
}
