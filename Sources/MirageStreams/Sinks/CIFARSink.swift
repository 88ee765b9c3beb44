import MirageSupport
import MirageMedia

/// CIFAR-10's formats: the binary batches, or the Python version's pickles, which torchvision's CIFAR10 class reads (if
/// its MD5 check is disabled). A train split is divided evenly over five batches. Images must be 32 × 32 RGB.
public struct CIFARSink: SinkComponent {
  public static let declaration = Declaration(
    "cifar10", "CIFAR-10's batches of 32 x 32 RGB images, binary or Python version", primary: "directory",
    of: CIFARSink(directory: ""), .output, Setting("format", .choice(Format.self), "Version of the format"), .split,
    Setting("archive", .boolean, "Whether to write the .tar.gz instead of plain files"))

  public var directory: String
  package var format: Format
  package var split: Split
  /// True if `cifar-10-python.tar.gz` or `cifar-10-binary.tar.gz` is written instead of the plain files.
  package var archive: Bool

  /// Version of the format.
  public enum Format: String, Sendable, Codable, CaseIterable { case binary, python }

  public init(directory: String, format: Format = .binary, split: Split = .train, archive: Bool = false) {
    (self.directory, self.format, self.split, self.archive) = (directory, format, split, archive)
  }

  static let pixels = 3072

  public func check(_ dataset: DatasetInfo) throws {
    try refuseSoftLabels(dataset, sink: Self.name)
    try refuseUnlabeled(dataset, sink: Self.name)
    guard dataset.classes.count <= 256 else {
      throw MirageError(.badPipeline, "cifar10 holds at most 256 classes, and the data has \(dataset.classes.count)")
    }
  }

  public struct Encoded: Sendable {
    let record: [UInt8]
    let name: String
  }

  /// Returns a record of the binary format: the label, then the red, green and blue planes.
  public func encode(_ sample: Sample, of dataset: DatasetInfo) throws -> Encoded {
    let image = sample.bytes()
    guard image.height == 32, image.width == 32, image.channels == 3 else {
      throw MirageError.badData(
        "cifar10 needs images of 32 x 32 x 3, not \(image.height) x \(image.width) x \(image.channels)",
        remedy: "Put `resize: {size: 32}`, and `grayscale: {channels: 3}` for gray images, into the pipeline.")
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
    if !archive { try checkClasses(plan.dataset.classes, in: plan.output.directory) }
    func part(_ name: String) throws -> OutputFile {
      try OutputFile(plan.output.work + "/" + name, continuingAt: journal.files[name] ?? 0)
    }
    let writer = Writer(
      sink: self, classes: plan.dataset.classes, data: plan.output.data, records: try part("records"),
      names: try part("names"))
    return (writer, journal.position)
  }

  /// Checks that the directory's other split has the same classes, since this one replaces their names.
  private func checkClasses(_ classes: [String], in directory: String) throws {
    let file = directory + "/" + (format == .python ? folder + "/batches.meta" : "batches.meta.txt")
    guard FileKind(file) == .file else { return }
    let bytes = try InputFile.contents(of: file, limit: 1 << 20)
    let there =
      format == .python
      ? try? Unpickler.load(bytes)["label_names"]?.elements?.compactMap(\.text)
      : String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    if there != classes {
      throw MirageError(
        .cannotCreate, "names other classes than the data to be written beside it", file: file,
        remedy: "Choose another --output.")
    }
  }

  /// Names of the batches in their folder.
  var batches: [String] {
    let plain = split == .train ? (1...5).map { "data_batch_\($0)" } : ["test_batch"]
    return format == .binary ? plain.map { $0 + ".bin" } : plain
  }

  /// Folder of the batches; plain binary batches are written without one.
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
      let output = try BatchOutput(sink, data: data)
      let file = try InputFile(records.path)
      let files = try InputFile.lines(of: names.path)
      let total = file.size / (CIFARSink.pixels + 1)
      let batches = sink.batches
      for (index, name) in batches.enumerated() {
        let range = Shard(index: index, count: batches.count).range(of: total)
        switch sink.format {
        case .binary: try output.put(name, BatchContent(file: file, records: range, keepsLabels: true))
        case .python:
          let title = sink.split == .train ? "training batch \(index + 1) of 5" : "testing batch 1 of 1"
          try output.put(name, BatchContent(pickling: file, records: range, title: title, names: files[range]))
        }
      }
      switch sink.format {
      case .binary: try output.put("batches.meta.txt", Array((classes.joined(separator: "\n") + "\n").utf8))
      case .python:
        try output.put(
          "batches.meta", pickledMeta(classes: classes, perBatch: (total + batches.count - 1) / batches.count))
      }
      try output.close()
    }
  }
}
