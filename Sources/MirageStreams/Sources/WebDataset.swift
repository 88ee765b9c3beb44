import MirageSupport
import MirageMedia

/// WebDataset's tar shards, plain or gzip-compressed: a sample is a group of adjacent members of one key, with an image
/// (`png`, `jpg`, `jpeg`) and optionally a class (`cls`) and further columns (`json`).
public struct WebDataset: SourceComponent {
  public static let declaration = Declaration(
    "webdataset", "WebDataset's tar shards", primary: "directory", of: WebDataset(directory: ""),
    .required("directory", .path, "Directory of shards, or one shard"), .channels,
    Setting("classes", .strings, "Names of the classes; else those of the json members, or numbers"))

  /// Folder of shards, or path of one shard.
  public var directory: String
  /// Color mode of all images.
  package var channels: ColorMode
  /// Names of the classes. If empty, they are the `label` of the `json` members, or numbers.
  package var classes: [String]

  public init(directory: String, channels: ColorMode = .rgb, classes: [String] = []) {
    (self.directory, self.channels, self.classes) = (directory, channels, classes)
  }

  private static let jsonLimit = 1 << 24

  private struct Entry: Sendable {
    let shard: Int32
    let label: Int32
    let imageOffset, jsonOffset: Int
    let imageSize, jsonSize: Int
  }

  public func flow(in context: Context = Context()) throws -> Flow<Sample> {
    let paths = try shards()
    let files = try paths.map { try InputFile.openInflated($0) }
    var entries: [Entry] = []
    var names: [Int: String] = [:]
    for (shard, file) in files.enumerated() {
      var group: [TarMember] = []
      var key: Substring = ""
      func finish() throws {
        if let entry = try entry(group, file, shard: shard, names: &names) { entries.append(entry) }
        group = []
      }
      for member in try TarIndex.scan(file) {
        let memberKey = Self.split(member.name).key
        if memberKey != key { try finish() }
        key = memberKey
        group.append(member)
      }
      try finish()
    }
    guard !entries.isEmpty else {
      throw MirageError(.missingInput, "its shards hold no PNG or JPEG members", file: directory)
    }
    let all = entries
    let count = Int(entries.map(\.label).max()!) + 1
    var classNames = (0..<count).map { names[$0] ?? String($0) }
    if !classes.isEmpty {
      guard classes.count >= count else {
        throw MirageError.badData(
          "label \(count - 1) is out of range: there are \(classes.count) classes", file: directory)
      }
      classNames = classes
    }
    let channels = channels
    let about = DatasetInfo(classes: classNames, inputs: paths, chunkSize: 16)
    return .reading(
      count: entries.count, about: about,
      origin: { Origin(lastComponent(files[Int(all[$0].shard)].path), member: $0) },
      label: { all[$0].label < 0 ? nil : Int(all[$0].label) },
      image: { index in
        let entry = all[index]
        let file = files[Int(entry.shard)]
        do {
          return try Image(decoding: file.read(at: entry.imageOffset, count: entry.imageSize), as: channels)
        } catch let error as MirageError {
          throw error.located(file: file.path, place: "byte \(entry.imageOffset)")
        }
      },
      finish: { index, sample in
        let entry = all[index]
        guard entry.jsonSize > 0 else { return }
        let file = files[Int(entry.shard)]
        let bytes = try file.read(at: entry.jsonOffset, count: min(entry.jsonSize, Self.jsonLimit + 1))
        guard bytes.count <= Self.jsonLimit, let document = try? JSONValue(parsing: bytes) else {
          throw MirageError.badData(
            "the sample's json member is not valid JSON of at most \(Self.jsonLimit) bytes", file: file.path,
            place: "byte \(entry.jsonOffset)")
        }
        guard case .object(var row) = document else { return }
        for own in ["label", "label_index"] { row[own] = nil }
        sample.restore(row)
      })
  }

  private func shards() throws -> [String] {
    if FileKind(directory) == .file { return [directory] }
    let names = try directoryEntries(directory).filter {
      $0.hasSuffix(".tar") || $0.hasSuffix(".tar.gz") || $0.hasSuffix(".tgz")
    }
    guard !names.isEmpty else { throw MirageError(.missingInput, "holds no .tar shards", file: directory) }
    return names.map { joined(directory, $0) }
  }

  /// Splits a name into key and extension at the first dot of its last component.
  private static func split(_ name: String) -> (key: Substring, type: String) {
    let base = name.lastIndex(of: "/").map { name.index(after: $0) } ?? name.startIndex
    guard let dot = name[base...].firstIndex(of: ".") else { return (name[...], "") }
    return (name[..<dot], name[name.index(after: dot)...].lowercased())
  }

  /// Returns the sample that a group of members forms; nil if it holds no image.
  private func entry(_ group: [TarMember], _ file: InputFile, shard: Int, names: inout [Int: String]) throws -> Entry? {
    func member(_ types: String...) -> TarMember? { group.first { types.contains(Self.split($0.name).type) } }
    guard let image = member("png", "jpg", "jpeg") else { return nil }
    let json = member("json")
    var label = -1
    if let cls = member("cls") {
      let text = cls.size <= 32 ? String(decoding: try file.read(at: cls.offset, count: cls.size), as: UTF8.self) : ""
      guard let number = Int(text.trimmed), number >= 0, number < 1_000_000 else {
        throw MirageError.badData(
          "the class of \(cls.name) is not a number from 0 to a million", file: file.path, place: "byte \(cls.offset)")
      }
      label = number
      // Class names are learned from the first sample of each class.
      if names[number] == nil, let json, json.size <= Self.jsonLimit {
        let row = try? JSONValue(parsing: file.read(at: json.offset, count: json.size))
        if case .string(let name)? = row?["label"] { names[number] = name } else { names[number] = String(number) }
      }
    }
    return Entry(
      shard: Int32(shard), label: Int32(label), imageOffset: image.offset, jsonOffset: json?.offset ?? 0,
      imageSize: image.size, jsonSize: json?.size ?? 0)
  }
}

extension WebDataset: RecognizedSource {
  public static func recognizes(_ place: DatasetPlace) -> Bool { place.holds { $0.hasSuffix(".tar") } }

  public static func source(at path: String, split: Split) -> (any SourceComponent)? {
    split == .train ? WebDataset(directory: path) : nil
  }
}
