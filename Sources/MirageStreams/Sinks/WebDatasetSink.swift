import MirageSupport
import MirageMedia

/// Tar shards as the webdataset library reads them: for each sample adjacent members `<key>.png`, `<key>.cls` and
/// `<key>.json`.
public struct WebDatasetSink: SinkComponent {
  public static let declaration = Declaration(
    "webdataset", "WebDataset's tar shards", primary: "directory", of: WebDatasetSink(directory: ""), .output,
    Setting("prefix", .string, "Text before the number in the shard names: <prefix>-000000.tar"),
    Setting("samples-per-shard", .integer(1...Int.max), "Number of samples per shard"), .format, .compression, .quality)

  public var directory: String
  /// Text before the number in the shard names: `<prefix>-000000.tar`.
  package var prefix: String
  package var samplesPerShard: Int
  package var format: ImageFormat
  package var compression: Int
  package var quality: Int

  public init(
    directory: String, prefix: String = "data", samplesPerShard: Int = 10_000, format: ImageFormat = .png,
    compression: Int = 6, quality: Int = 95
  ) {
    (self.directory, self.prefix, self.samplesPerShard) = (directory, prefix, samplesPerShard)
    (self.format, self.compression, self.quality) = (format, compression, quality)
  }

  public func check(_ dataset: DatasetInfo) throws {}

  /// Returns the sample's tar members.
  public func encode(_ sample: Sample, of dataset: DatasetInfo) throws -> [UInt8] {
    let key = sample.id.description
    let encoding = ImageEncoding(format: format, compression: compression, quality: quality)
    var members = try TarWriter.member("\(key).\(format.rawValue)", encoding.encode(sample.bytes()))
    if let label = sample.label?.index { members += try TarWriter.member("\(key).cls", Array("\(label)".utf8)) }
    let row = sample.metadata(fileName: nil, classes: dataset.classes)
    return members + (try TarWriter.member("\(key).json", Array(row.text.utf8)))
  }

  public func open(_ plan: OutputPlan) async throws -> (writer: Writer, resumeAt: Int) {
    let files = plan.output.journal.files
    // Shards that were begun after the journal was saved are written again.
    for name in try directoryEntries(plan.output.data) where files[name] == nil {
      try removeTree(plan.output.data + "/" + name)
    }
    let writer = try Writer(
      data: plan.output.data, prefix: prefix, samplesPerShard: samplesPerShard,
      written: plan.output.journal.counts.written, files: files)
    return (writer, plan.output.journal.position)
  }

  public struct Writer: SinkWriter {
    let data: String
    let prefix: String
    let samplesPerShard: Int
    var written: Int
    var files: [String: Int]
    /// Shard that is being filled; it is ended when the next one begins, or by `finish`.
    var shard: OutputFile?

    init(data: String, prefix: String, samplesPerShard: Int, written: Int, files: [String: Int]) throws {
      self.data = data
      self.prefix = prefix
      self.samplesPerShard = samplesPerShard
      self.written = written
      self.files = files
      if written > 0 { try open((written - 1) / samplesPerShard) }
    }

    private mutating func open(_ index: Int) throws {
      let digits = String(index)
      let name = "\(prefix)-\(String(repeating: "0", count: max(0, 6 - digits.count)))\(digits).tar"
      shard = try OutputFile(data + "/" + name, continuingAt: files[name] ?? 0)
    }

    public mutating func write(_ members: [UInt8]) throws {
      if written % samplesPerShard == 0 {
        try end()
        try open(written / samplesPerShard)
      }
      try shard?.append(members)
      written += 1
    }

    private mutating func end() throws {
      try shard?.append(TarWriter.end)
      _ = try flush()
    }

    public mutating func flush() throws -> [String: Int] {
      if let shard {
        try shard.flush()
        files[lastComponent(shard.path)] = shard.length
      }
      return files
    }

    public mutating func finish() throws {
      if shard == nil { try open(0) }
      try end()
    }
  }
}
