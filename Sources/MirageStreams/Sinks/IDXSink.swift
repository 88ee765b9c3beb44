import MirageSupport
import MirageMedia

/// Part of a dataset.
public enum Split: String, Sendable, Codable, CaseIterable {
  case train, test

  /// File names of MNIST's distribution, without `.gz`.
  public var idxNames: (images: String, labels: String) {
    let prefix = self == .train ? "train" : "t10k"
    return ("\(prefix)-images-idx3-ubyte", "\(prefix)-labels-idx1-ubyte")
  }
}

/// MNIST's format: one file of images and one of labels, plain (as torchvision's MNIST and FashionMNIST classes open
/// them in `<Class>/raw`) or gzip-compressed. Another run may write the other split to the same directory.
///
/// All images must have one size. Color images get a fourth dimension, which torchvision's classes do not expect.
public struct IDXSink: SinkComponent {
  public static let declaration = Declaration(
    "idx", "MNIST's IDX files; both splits may share a folder", primary: "directory", of: IDXSink(directory: ""),
    .required("directory", .path, "Directory that is written; torchvision looks in <root>/FashionMNIST/raw"), .split,
    Setting("gzip", .boolean, "Whether to write .gz, which torchvision's classes do not open"),
    Setting("compression", .integer(1...9), "gzip compression level, 1 (fastest) to 9 (smallest)"))

  public var directory: String
  package var split: Split
  package var gzip: Bool
  /// gzip compression level, 1 (fastest) to 9 (smallest).
  package var compression: Int

  public init(directory: String, split: Split = .train, gzip: Bool = false, compression: Int = 6) {
    (self.directory, self.split, self.gzip, self.compression) = (directory, split, gzip, compression)
  }

  public struct Encoded: Sendable {
    let image: Image
    let label: UInt8
  }

  public func check(_ dataset: DatasetInfo) throws {
    try refuseSoftLabels(dataset, sink: Self.name)
    try refuseUnlabeled(dataset, sink: Self.name)
    guard dataset.classes.count <= 256 else {
      throw MirageError(.badPipeline, "idx holds at most 256 classes, and the data has \(dataset.classes.count)")
    }
  }

  public func encode(_ sample: Sample, of dataset: DatasetInfo) throws -> Encoded {
    Encoded(image: sample.bytes(), label: UInt8(try sample.requiredClass(for: Self.name)))
  }

  public func open(_ plan: OutputPlan) async throws -> (writer: Writer, resumeAt: Int) {
    let journal = plan.output.journal
    let writer = Writer(
      sink: self, data: plan.output.data,
      images: try OutputFile(plan.output.work + "/images", continuingAt: journal.files["images"] ?? 0),
      labels: try OutputFile(plan.output.work + "/labels", continuingAt: journal.files["labels"] ?? 0),
      shape: try shape(of: plan.output.work + "/images", length: journal.files["images"] ?? 0))
    return (writer, journal.position)
  }

  /// Returns height, width and channels of the images that an interrupted run wrote; nil if it wrote none.
  private func shape(of path: String, length: Int) throws -> [Int]? {
    guard length > 0 else { return nil }
    var reader = ByteReader(try InputFile(path).read(at: 0, count: min(length, 20)))
    let dimensions = Int(try reader.bigEndian(UInt32.self) & 0xFF)
    let shape = try (0..<dimensions).map { _ in Int(try reader.bigEndian(UInt32.self)) }.dropFirst()
    return shape.count == 2 ? shape + [1] : Array(shape)
  }

  public func sharedFiles() -> [String]? {
    [split.idxNames.images, split.idxNames.labels].map { gzip ? $0 + ".gz" : $0 }
  }

  public func mergedReport(_ report: JSONValue, existing: JSONValue?) -> JSONValue {
    mergedBySplit(report, existing: existing, split: split)
  }

  public struct Writer: SinkWriter {
    let sink: IDXSink
    let data: String
    let images: OutputFile
    let labels: OutputFile
    var shape: [Int]?

    public mutating func write(_ encoded: Encoded) throws {
      let image = encoded.image
      let shape = [image.height, image.width, image.channels]
      if self.shape == nil { try begin(shape) }
      guard shape == self.shape else {
        throw MirageError.badData(
          "idx needs images of one size, but after \(self.shape!) comes \(shape) (height, width, channels)",
          remedy: "Put a resize, a crop or a grayscale into the pipeline.")
      }
      try images.append(image.pixels)
      try labels.append([encoded.label])
    }

    private mutating func begin(_ shape: [Int]) throws {
      let sides = shape[2] == 1 ? Array(shape.prefix(2)) : shape
      try images.append([0, 0, 8, UInt8(sides.count + 1)] + bigEndian(0) + sides.flatMap(bigEndian))
      try labels.append([0, 0, 8, 1] + bigEndian(0))
      self.shape = shape
    }

    public mutating func flush() throws -> [String: Int] {
      try images.flush()
      try labels.flush()
      return ["images": images.length, "labels": labels.length]
    }

    public mutating func finish() throws {
      if shape == nil { try begin([0, 0, 1]) }
      let count = bigEndian(labels.length - 8)
      let names = sink.split.idxNames
      for (file, name) in [(images, names.images), (labels, names.labels)] {
        try file.patch(count, at: 4)
        if sink.gzip {
          try GzipWriter.compress(file.path, to: data + "/" + name + ".gz", level: sink.compression)
        } else {
          try linkFile(file.path, to: data + "/" + name)
        }
      }
    }
  }
}

private func bigEndian(_ value: Int) -> [UInt8] {
  [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
}

/// Returns a report with a part for each split in the directory.
func mergedBySplit(_ report: JSONValue, existing: JSONValue?, split: Split) -> JSONValue {
  var splits: [String: JSONValue] = [:]
  if case .object(let before)? = existing?["splits"] { splits = before }
  splits[split.rawValue] = report
  return ["splits": .object(splits)]
}
