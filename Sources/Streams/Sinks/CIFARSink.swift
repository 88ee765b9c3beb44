import Foundations
import Media

/// CIFAR-10's formats: the binary batches, or the Python version's pickles, which torchvision's CIFAR10 class reads (once
/// its check of MD5 sums is out of the way). A train split is divided evenly over five batches. Images must be 32 × 32 RGB.
public struct CIFARSink: Component, Sink, Codable {
  public static let name = "cifar10"
  public var directory: String
  public var format: Format
  public var split: Split
  /// Write `cifar-10-python.tar.gz` or `cifar-10-binary.tar.gz` instead of the plain files.
  public var archive: Bool

  public enum Format: String, Sendable, Codable, CaseIterable { case binary, python }

  public init(directory: String, format: Format = .binary, split: Split = .train, archive: Bool = false) {
    self.directory = directory
    self.format = format
    self.split = split
    self.archive = archive
  }

  static let pixels = 3072

  public func check(_ dataset: DatasetInfo) throws {
    try refuseSoftLabels(dataset, sink: Self.name)
    try refuseUnlabelled(dataset, sink: Self.name)
    guard dataset.classes.count <= 256 else {
      throw MirageError(.badPipeline, "cifar10 holds at most 256 classes, and the data has \(dataset.classes.count)")
    }
  }

  public struct Encoded: Sendable {
    let record: [UInt8]
    let name: String
  }

  /// A record of the binary format: the label, then the red, green and blue planes.
  public func encode(_ sample: Sample, of dataset: DatasetInfo) throws -> Encoded {
    let image = sample.bytes()
    guard image.height == 32, image.width == 32, image.channels == 3 else {
      throw MirageError.badData(
        "cifar10 needs images of 32 x 32 x 3, not \(image.height) x \(image.width) x \(image.channels)",
        remedy: "Put `resize: {size: 32}`, and `grayscale: {channels: 3}` for grey images, into the pipeline.")
    }
    var record = [UInt8(try sample.requiredClass(for: Self.name))]
    record.reserveCapacity(Self.pixels + 1)
    for c in 0..<3 {
      for index in stride(from: c, to: image.pixels.count, by: 3) { record.append(image.pixels[index]) }
    }
    return Encoded(record: record, name: "\(sample.id).png\n")
  }

  public func open(_ plan: OutputPlan) async throws -> (writer: Writer, resumeAt: Int) {
    let journal = plan.output.journal
    func part(_ name: String) throws -> OutputFile {
      try OutputFile(plan.output.work + "/" + name, continuingAt: journal.files[name] ?? 0)
    }
    let writer = Writer(
      sink: self, classes: plan.dataset.classes, data: plan.output.data, records: try part("records"),
      names: try part("names"))
    return (writer, journal.position)
  }

  /// Batch names in their folder.
  var batches: [String] {
    let plain = split == .train ? (1...5).map { "data_batch_\($0)" } : ["test_batch"]
    return format == .binary ? plain.map { $0 + ".bin" } : plain
  }

  /// The folder inside the archive; plain binary batches stand without one.
  var folder: String { format == .python ? "cifar-10-batches-py" : "cifar-10-batches-bin" }

  public func sharedFiles() -> [String]? {
    if archive { return ["\(format == .python ? "cifar-10-python" : "cifar-10-binary").tar.gz"] }
    return format == .python ? batches.map { folder + "/" + $0 } : batches
  }

  public func mergedReport(_ report: JSONValue, existing: JSONValue?) -> JSONValue {
    mergedBySplit(report, existing: existing, split: split)
  }

  public struct Writer: SinkWriter {
    let sink: CIFARSink
    let classes: [String]
    let data: String
    let records: OutputFile
    let names: OutputFile

    public mutating func write(_ encoded: Encoded) throws {
      try records.append(encoded.record)
      try names.append(encoded.name.utf8)
    }

    public mutating func flush() throws -> [String: Int] {
      try records.flush()
      try names.flush()
      return ["records": records.length, "names": names.length]
    }

    public mutating func finish() throws {
      let archive = sink.archive ? try GzipWriter(data + "/" + sink.sharedFiles()![0], level: 6) : nil
      let folder = !sink.archive && sink.format == .python ? data + "/" + sink.folder : data
      try makeDirectories(folder)
      func put(_ name: String, _ content: [UInt8]) throws {
        if let archive {
          try archive.append(try TarWriter.member(sink.folder + "/" + name, content))
        } else {
          try OutputFile.write(folder + "/" + name, content)
        }
      }
      let file = try InputFile(records.path)
      let files = try InputFile.lines(of: names.path)
      let size = CIFARSink.pixels + 1
      let total = file.size / size
      let batches = sink.batches
      for (index, name) in batches.enumerated() {
        let range = Shard(index: index, count: batches.count).range(of: total)
        let bytes = try file.read(at: range.lowerBound * size, count: range.count * size)
        switch sink.format {
        case .binary: try put(name, bytes)
        case .python:
          let title = sink.split == .train ? "training batch \(index + 1) of 5" : "testing batch 1 of 1"
          try put(name, pickledBatch(title: title, records: bytes, names: files[range]))
        }
      }
      switch sink.format {
      case .binary: try put("batches.meta.txt", Array((classes.joined(separator: "\n") + "\n").utf8))
      case .python: try put("batches.meta", pickledMeta(classes: classes, perBatch: (total + 4) / batches.count))
      }
      try archive?.append(TarWriter.end)
      try archive?.close()
    }
  }
}

/// Just enough of pickle protocol 2 for CIFAR's Python version, with text as Python 2 wrote it: `encoding="latin1"` gives
/// str keys, `encoding="bytes"` bytes keys, as with the original files.
private struct Pickler {
  var bytes: [UInt8] = [0x80, 2]

  mutating func op(_ character: Unicode.Scalar) { bytes.append(UInt8(ascii: character)) }

  mutating func text(_ text: some StringProtocol) {
    let utf8 = Array(text.utf8)
    if utf8.count < 256 {
      op("U")
      bytes.append(UInt8(utf8.count))
      bytes += utf8
    } else {
      data(utf8)
    }
  }

  mutating func data(_ content: [UInt8]) {
    op("T")
    bytes += littleEndian(content.count)
    bytes += content
  }

  mutating func integer(_ value: Int) {
    op("J")
    bytes += littleEndian(value)
  }

  mutating func list<Item>(_ items: some Sequence<Item>, _ write: (inout Pickler, Item) -> Void) {
    op("]")
    op("(")
    for item in items { write(&self, item) }
    op("e")
  }

  /// An array of bytes with two dimensions.
  mutating func array(_ content: [UInt8], rows: Int, columns: Int) {
    bytes += "cnumpy.core.multiarray\n_reconstruct\n".utf8
    bytes += "cnumpy\nndarray\n".utf8
    integer(0)
    bytes.append(0x85)
    text("b")
    bytes += [0x87, UInt8(ascii: "R"), UInt8(ascii: "(")]
    integer(1)
    integer(rows)
    integer(columns)
    bytes.append(0x86)
    bytes += "cnumpy\ndtype\n".utf8
    text("u1")
    integer(0)
    integer(1)
    bytes += [0x87, UInt8(ascii: "R"), UInt8(ascii: "(")]
    integer(3)
    text("|")
    bytes += "NNN".utf8
    integer(-1)
    integer(-1)
    integer(0)
    bytes += "tb".utf8
    bytes.append(0x89)
    data(content)
    bytes += "tb".utf8
  }

  private func littleEndian(_ value: Int) -> [UInt8] {
    [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: value >> $0) }
  }
}

private func pickledBatch(title: String, records: [UInt8], names: ArraySlice<Substring>) -> [UInt8] {
  let size = CIFARSink.pixels + 1
  var pickler = Pickler()
  pickler.op("}")
  pickler.op("(")
  pickler.text("batch_label")
  pickler.text(title)
  pickler.text("labels")
  pickler.list(stride(from: 0, to: records.count, by: size)) { $0.integer(Int(records[$1])) }
  pickler.text("data")
  var pixels: [UInt8] = []
  pixels.reserveCapacity(records.count)
  for start in stride(from: 0, to: records.count, by: size) { pixels += records[(start + 1)..<(start + size)] }
  pickler.array(pixels, rows: records.count / size, columns: CIFARSink.pixels)
  pickler.text("filenames")
  pickler.list(names) { $0.text($1) }
  pickler.op("u")
  pickler.op(".")
  return pickler.bytes
}

private func pickledMeta(classes: [String], perBatch: Int) -> [UInt8] {
  var pickler = Pickler()
  pickler.op("}")
  pickler.op("(")
  pickler.text("num_cases_per_batch")
  pickler.integer(perBatch)
  pickler.text("label_names")
  pickler.list(classes) { $0.text($1) }
  pickler.text("num_vis")
  pickler.integer(CIFARSink.pixels)
  pickler.op("u")
  pickler.op(".")
  return pickler.bytes
}
