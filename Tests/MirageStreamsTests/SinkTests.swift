import MirageMedia
import MirageStreams
import MirageSupport
import StreamsTestSupport
import TestSupport
import Testing

/// Sinks write their formats as the formats are, every sample once, and readers give the samples back.
@Suite struct SinkTests {
  let directory = TemporaryDirectory()
  private let classes = ["ant", "bee", "cat"]

  /// Samples whose pixels are all different, in color.
  private var source: TestSource { TestSource(count: 23, classes: classes, height: 32, width: 32, channels: 3) }

  private func write(_ sink: any SinkComponent) async throws {
    let report = try await Pipeline(source: source, sink: sink).run()
    #expect(report.counts.written == 23)
  }

  /// Pixels and class names of samples, in an order that does not depend on theirs.
  private func content(_ samples: [Sample], _ classes: [String]) -> [String] {
    samples.map { "\($0.label.flatMap(\.index).map { classes[$0] } ?? "none") \($0.bytes().pixels)" }.sorted()
  }

  static let sinks = ["idx", "idx-gzip", "folder", "web", "cifar", "cifar-python", "cifar-archive"]

  @Test(arguments: sinks) func readersGiveTheSamplesBack(_ name: String) async throws {
    let path = directory.file(name)
    let (sink, reader): (any SinkComponent, any Source<Sample>) =
      switch name {
      case "idx": (IDXSink(directory: path), MNIST(directory: path, classes: classes))
      case "idx-gzip": (IDXSink(directory: path, gzip: true), MNIST(directory: path, classes: classes))
      case "folder": (ImageFolderSink(directory: path), ImageFolder(directory: path))
      case "web": (WebDatasetSink(directory: path, samplesPerShard: 5), WebDataset(directory: path))
      case "cifar": (CIFARSink(directory: path), CIFAR10(directory: path))
      case "cifar-python": (CIFARSink(directory: path, format: .python), CIFAR10(directory: path))
      default: (CIFARSink(directory: path, archive: true), CIFAR10(directory: path))
      }
    try await write(sink)
    let flow = try await reader.flow()
    let expected = content((0..<23).map { source.sample($0) }, classes)
    let found = content(try await flow.samples(), flow.about.classes)
    #expect(found == expected)
  }

  /// A record is the label, then the red, the green and the blue plane.
  @Test(arguments: [CIFARSink.Format.binary, .python]) func cifarHasPlanes(_ format: CIFARSink.Format) async throws {
    try await write(CIFARSink(directory: directory.path + "/cifar", format: format))
    for batch in 0..<5 {
      let indices = Shard(index: batch, count: 5).range(of: 23)
      let planes = indices.map { TinyDataset.planes(source.sample($0).bytes()) }
      let name = "data_batch_\(batch + 1)"
      switch format {
      case .binary:
        let bytes = try InputFile.contents(of: directory.file("cifar/\(name).bin"))
        var expected: [UInt8] = []
        for (index, planes) in zip(indices, planes) { expected += [UInt8(index % 3)] + planes }
        #expect(bytes == expected, "\(name)")
      case .python:
        let bytes = try InputFile.contents(of: directory.file("cifar/cifar-10-batches-py/\(name)"))
        let all = planes.flatMap { $0 }
        #expect(bytes.firstRange(of: all) != nil, "\(name)")
      }
    }
  }

  /// The header says how many images there are, and they are all there.
  @Test func idxCountsItsSamples() async throws {
    try await write(IDXSink(directory: directory.path + "/idx", split: .test))
    let images = try InputFile.contents(of: directory.file("idx/t10k-images-idx3-ubyte"))
    let labels = try InputFile.contents(of: directory.file("idx/t10k-labels-idx1-ubyte"))
    var (expected, expectedLabels): ([UInt8], [UInt8]) = ([0, 0, 8, 4], [0, 0, 8, 1] + bigEndian(23))
    for side in [23, 32, 32, 3] { expected += bigEndian(side) }
    for index in 0..<23 {
      expected += source.sample(index).bytes().pixels
      expectedLabels.append(UInt8(index % 3))
    }
    #expect(images == expected && labels == expectedLabels)
  }

  @Test(arguments: [1, 5, 23, 40]) func shardsHoldNoMoreThanAskedFor(_ number: Int) async throws {
    try await write(WebDatasetSink(directory: directory.path + "/web", samplesPerShard: number))
    let shards = try directoryEntries(directory.file("web")).filter { $0.hasSuffix(".tar") }
    let counts = try shards.map { name in
      try TarIndex.scan(InputFile(directory.file("web/\(name)"))).count { $0.name.hasSuffix(".cls") }
    }
    let expected = stride(from: 0, to: 23, by: number).map { min(number, 23 - $0) }
    #expect(counts == expected)
  }

  @Test func metadataNamesTheFoldersClass() async throws {
    try await write(ImageFolderSink(directory: directory.path + "/folder"))
    let lines = try InputFile.lines(of: directory.file("folder/metadata.jsonl"))
    #expect(lines.count == 23)
    for line in lines {
      let row = try JSONValue(parsing: line.utf8)
      guard case .string(let file)? = row["file_name"], case .string(let label)? = row["label"],
        case .integer(let index)? = row["label_index"]
      else {
        Issue.record("\(line)")
        continue
      }
      #expect(file.hasPrefix(label + "/") && classes[index] == label)
      let pixels = try Image(decoding: InputFile.contents(of: directory.file("folder/\(file)"))).pixels
      #expect((0..<23).contains { $0 % 3 == index && source.sample($0).bytes().pixels == pixels }, "\(file)")
    }
  }
}
