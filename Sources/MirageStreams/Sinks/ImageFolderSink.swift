import MirageSupport
import MirageMedia

/// One image file per sample, in a folder for its class, and `metadata.jsonl` beside the folders. torchvision's
/// ImageFolder and Hugging Face's `imagefolder` load it as it is.
public struct ImageFolderSink: SinkComponent {
  public static let declaration = Declaration(
    "image-folder", "Image files in class folders, with metadata.jsonl", primary: "directory",
    of: ImageFolderSink(directory: ""), .output, .format, .compression, .quality)

  public var directory: String
  package var format: ImageFormat
  package var compression: Int
  package var quality: Int

  public init(directory: String, format: ImageFormat = .png, compression: Int = 6, quality: Int = 95) {
    (self.directory, self.format, self.compression, self.quality) = (directory, format, compression, quality)
  }

  public struct Encoded: Sendable {
    let name: String
    let image: [UInt8]
    let row: String
  }

  public func check(_ dataset: DatasetInfo) throws {}

  public func encode(_ sample: Sample, of dataset: DatasetInfo) throws -> Encoded {
    let file = "\(sample.id).\(format.rawValue)"
    let folder = sample.label?.index.map { index in
      index < dataset.classes.count ? dataset.folders[index] : String(index)
    }
    let name = (folder.map { $0 + "/" } ?? "") + file
    let image = try ImageEncoding(format: format, compression: compression, quality: quality).encode(sample.bytes())
    return Encoded(
      name: name, image: image, row: sample.metadata(fileName: name, classes: dataset.classes).text + "\n")
  }

  public func open(_ plan: OutputPlan) async throws -> (writer: Writer, resumeAt: Int) {
    for folder in plan.dataset.folders { try makeDirectories(plan.output.data + "/" + folder) }
    let writer = Writer(
      data: plan.output.data,
      metadata: try OutputFile(
        plan.output.data + "/metadata.jsonl", continuingAt: plan.output.journal.files["metadata.jsonl"] ?? 0))
    return (writer, plan.output.journal.position)
  }

  public struct Writer: SinkWriter {
    let data: String
    let metadata: OutputFile

    public mutating func write(_ encoded: Encoded) throws {
      try OutputFile.write(data + "/" + encoded.name, encoded.image)
      try metadata.append(encoded.row.utf8)
    }

    public mutating func flush() throws -> [String: Int] {
      try metadata.flush()
      return ["metadata.jsonl": metadata.length]
    }

    public mutating func finish() throws {
      // Empty folders are removed, since torchvision would count them as classes.
      for name in try directoryEntries(data) where FileKind(data + "/" + name) == .directory {
        if try directoryEntries(data + "/" + name).isEmpty { try removeTree(data + "/" + name) }
      }
    }
  }
}
