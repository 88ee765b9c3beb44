import MirageSupport
import MirageMedia

/// CIFAR-10, binary or Python version, as a folder or a `.tar.gz`; the version is detected from the file names.
public struct CIFAR10: SourceComponent {
  public static let declaration = Declaration(
    "cifar10", "CIFAR-10, binary or Python version, folder or .tar.gz", primary: "directory",
    of: CIFAR10(directory: ""), .required("directory", .path, "Folder or archive, or a folder that holds it"), .split)

  /// Folder with the batches, archive, or folder that holds one of these.
  public var directory: String
  package var split: Split

  public init(directory: String, split: Split = .train) { (self.directory, self.split) = (directory, split) }

  public func flow(in context: Context = Context()) throws -> Flow<Sample> {
    let files = try BatchFiles(
      directory, archives: ["cifar-10-binary.tar.gz", "cifar-10-python.tar.gz"],
      folders: ["cifar-10-batches-bin", "cifar-10-batches-py"])
    let binary = split == .train ? (1...5).map { "data_batch_\($0).bin" } : ["test_batch.bin"]
    let python = binary.map { String($0.dropLast(4)) }
    let isBinary = files.has(binary[0])
    guard isBinary || files.has(python[0]) else {
      throw MirageError(.missingInput, "holds neither \(binary[0]) nor \(python[0])", file: directory)
    }
    let classes = try (isBinary ? Self.textClasses(files) : Self.pickledClasses(files)) ?? Self.defaultClasses
    let batches = try (isBinary ? binary : python).map { name in
      try isBinary
        ? Batch(binary: files.open(name), labelBytes: 1, labelAt: 0, classes: classes.count)
        : Batch(pickled: files.open(name), classes: classes.count)
    }
    return Batch.flow(batches, classes: classes, input: files.input)
  }

  static let defaultClasses = [
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
  ]

  private static func textClasses(_ files: BatchFiles) throws -> [String]? {
    guard files.has("batches.meta.txt") else { return nil }
    let names = try files.open("batches.meta.txt").lines()
    return names.isEmpty ? nil : names
  }

  private static func pickledClasses(_ files: BatchFiles) throws -> [String]? {
    guard files.has("batches.meta") else { return nil }
    let part = try files.open("batches.meta")
    let names = try part.unpickled()["label_names"]?.elements?.compactMap(\.text)
    guard let names, !names.isEmpty else { throw MirageError.badData("holds no label_names", file: part.path) }
    return names
  }
}

/// CIFAR-100's binary version, labeled by its 100 fine or its 20 coarse classes.
public struct CIFAR100: SourceComponent {
  public static let declaration = Declaration(
    "cifar100", "CIFAR-100, binary version, folder or .tar.gz", primary: "directory", of: CIFAR100(directory: ""),
    .required("directory", .path, "Folder or archive, or a folder that holds it"), .split,
    Setting("labels", .choice(Labels.self), "Labels: the 100 classes or the 20 groups"))

  /// Folder with `train.bin` and `test.bin`, `cifar-100-binary.tar.gz`, or folder that holds one of these.
  public var directory: String
  package var split: Split
  package var labels: Labels

  /// Labels: the 100 fine or the 20 coarse classes.
  public enum Labels: String, Sendable, Codable, CaseIterable { case fine, coarse }

  public init(directory: String, split: Split = .train, labels: Labels = .fine) {
    (self.directory, self.split, self.labels) = (directory, split, labels)
  }

  public func flow(in context: Context = Context()) throws -> Flow<Sample> {
    let files = try BatchFiles(directory, archives: ["cifar-100-binary.tar.gz"], folders: ["cifar-100-binary"])
    let name = split == .train ? "train.bin" : "test.bin"
    let list = labels == .fine ? "fine_label_names.txt" : "coarse_label_names.txt"
    var classes = (0..<(labels == .fine ? 100 : 20)).map(String.init)
    if files.has(list) {
      let names = try files.open(list).lines()
      if names.count == classes.count { classes = names }
    }
    let batch = try Batch(
      binary: files.open(name), labelBytes: 2, labelAt: labels == .fine ? 1 : 0, classes: classes.count)
    return Batch.flow([batch], classes: classes, input: files.input)
  }
}

/// The files of a dataset, in a folder or unpacked from its archive.
private struct BatchFiles {
  let input: String
  private let folder: String?
  private let archive: InputFile?
  private let members: [String: TarMember]

  /// A file in a folder, or a member of an archive.
  struct Part {
    let path: String
    let file: InputFile
    let offset: Int
    let size: Int

    func read() throws -> [UInt8] {
      guard size <= 1 << 30 else {
        throw MirageError.badData("\(size) bytes, over the limit of \(1 << 30) for such a file", file: path)
      }
      return try file.read(at: offset, count: size)
    }

    /// Returns the lines of a text that are not blank.
    func lines() throws -> [String] {
      guard let text = String(validating: try read(), as: UTF8.self) else {
        throw MirageError.badData("the text is not UTF-8", file: path)
      }
      return text.split(whereSeparator: \.isNewline).map(\.trimmed).filter { !$0.isEmpty }
    }

    func unpickled() throws -> PickleValue {
      guard size > 0 else { throw MirageError.badData("the file is empty", file: path) }
      do { return try Unpickler.load(read()) } catch let error as MirageError { throw error.located(file: path) }
    }
  }

  init(_ path: String, archives: [String], folders: [String]) throws {
    var path = path
    switch FileKind(path) {
    case .missing: throw MirageError(.missingInput, "no such file or directory", file: path)
    case .directory:
      let known = try directoryEntries(path)
      if let inner = folders.first(where: known.contains) {
        path = joined(path, inner)
      } else if let inner = archives.first(where: known.contains), !known.contains(where: { $0.hasSuffix(".bin") }) {
        path = joined(path, inner)
      }
    case .file: break
    }
    input = path
    if FileKind(path) == .directory {
      (folder, archive, members) = (path, nil, [:])
    } else {
      let file = try InputFile.openInflated(path)
      (folder, archive) = (nil, file)
      members = Dictionary(try TarIndex.scan(file).map { (lastComponent($0.name), $0) }) { first, _ in first }
    }
  }

  func has(_ name: String) -> Bool {
    folder.map { FileKind(joined($0, name)) == .file } ?? (members[name] != nil)
  }

  func open(_ name: String) throws -> Part {
    if let folder {
      let file = try InputFile(joined(folder, name))
      return Part(path: file.path, file: file, offset: 0, size: file.size)
    }
    guard let archive, let member = members[name] else {
      throw MirageError(.missingInput, "holds no member \(name)", file: input)
    }
    return Part(path: "\(input)/\(member.name)", file: archive, offset: member.offset, size: member.size)
  }
}

/// One batch of planar 32 × 32 images: their location and labels.
private struct Batch {
  let file: InputFile
  /// Byte offset of the first image's planes.
  let offset: Int
  let recordSize: Int
  let labels: [UInt8]
  let name: String

  static let side = 32
  static let imageSize = 3 * side * side

  init(binary part: BatchFiles.Part, labelBytes: Int, labelAt: Int, classes: Int) throws {
    recordSize = labelBytes + Batch.imageSize
    guard part.size > 0 else { throw MirageError.badData("the file is empty", file: part.path) }
    guard part.size % recordSize == 0 else {
      throw MirageError.badData(
        "\(part.size) bytes are not a whole number of records of \(recordSize): the file is truncated", file: part.path,
        place: "byte \(part.size / recordSize * recordSize)", remedy: "Fetch the file again.")
    }
    file = part.file
    offset = part.offset + labelBytes
    name = lastComponent(part.path)
    // The labels are read in pieces, so that the images are never all in memory.
    var labels: [UInt8] = []
    let step = 512
    for start in stride(from: 0, to: part.size / recordSize, by: step) {
      let count = min(step, part.size / recordSize - start)
      let bytes = try file.read(at: part.offset + start * recordSize, count: count * recordSize)
      for record in 0..<count { labels.append(bytes[record * recordSize + labelAt]) }
    }
    self.labels = labels
    if let bad = labels.firstIndex(where: { $0 >= classes }) {
      throw MirageError.badData(
        "label \(labels[bad]) is out of range: there are \(classes) classes", file: part.path,
        place: "byte \(bad * recordSize + labelAt)")
    }
  }

  init(pickled part: BatchFiles.Part, classes: Int) throws {
    let content = try part.unpickled()
    guard case .array(let array)? = content["data"], array.type == "u1", array.shape.count == 2,
      array.shape[1] == Batch.imageSize, !array.fortranOrder
    else { throw MirageError.badData("holds no data of N x 3072 bytes", file: part.path) }
    guard let labels = (content["labels"] ?? content["fine_labels"])?.elements else {
      throw MirageError.badData("holds no labels", file: part.path)
    }
    guard labels.count == array.shape[0] else {
      throw MirageError.badData("holds \(labels.count) labels for \(array.shape[0]) images", file: part.path)
    }
    self.labels = try labels.enumerated().map { index, label in
      guard let label = label.integer, label >= 0, label < min(classes, 256) else {
        throw MirageError.badData(
          "a label is out of range: there are \(classes) classes", file: part.path, place: "label \(index)")
      }
      return UInt8(label)
    }
    recordSize = Batch.imageSize
    name = lastComponent(part.path)
    if array.inPlace {
      file = part.file
      offset = part.offset + array.data.startIndex
    } else {
      file = try InputFile.spooled(array.data, path: part.path)
      offset = 0
    }
  }

  static func flow(_ batches: [Batch], classes: [String], input: String) -> Flow<Sample> {
    // Index of the first sample of each batch.
    let starts = batches.reduce(into: [0]) { $0.append($0.last! + $1.labels.count) }
    @Sendable func batch(of index: Int) -> Int { starts.lastIndex { $0 <= index }! }
    let about = DatasetInfo(classes: classes, inputs: [input], chunkSize: 128)
    let labels = batches.flatMap(\.labels)
    let skip = batches[0].recordSize - imageSize
    return .readingRecords(
      count: labels.count, about: about, origin: Origin(lastComponent(input)), recordSize: batches[0].recordSize,
      place: { index in
        let which = min(batch(of: index), batches.count - 1)
        let batch = batches[which]
        return (batch.file, batch.offset - skip + (index - starts[which]) * batch.recordSize)
      }, label: { Int(labels[$0]) },
      image: { record in
        let plane = side * side
        return Image(height: side, width: side, channels: 3) { pixels in
          for pixel in 0..<plane {
            for c in 0..<3 { pixels[pixel * 3 + c] = record[skip + c * plane + pixel] }
          }
        }
      })
  }
}

extension CIFAR10: SplitSource, RecognizedSource {
  public func selecting(_ split: Split) -> CIFAR10 { CIFAR10(directory: directory, split: split) }

  public static func recognizes(_ place: DatasetPlace) -> Bool {
    place.entries == nil
      ? place.name.hasPrefix("cifar-10") : place.holds { $0.hasPrefix("cifar-10-") || $0.hasPrefix("data_batch_1") }
  }

  public static func source(at path: String, split: Split) -> (any SourceComponent)? {
    CIFAR10(directory: path, split: split)
  }
}

extension CIFAR100: SplitSource, RecognizedSource {
  public func selecting(_ split: Split) -> CIFAR100 { CIFAR100(directory: directory, split: split, labels: labels) }

  public static func recognizes(_ place: DatasetPlace) -> Bool {
    place.entries == nil
      ? place.name.hasPrefix("cifar-100") : place.holds { $0.hasPrefix("cifar-100") || $0 == "train.bin" }
  }

  public static func source(at path: String, split: Split) -> (any SourceComponent)? {
    CIFAR100(directory: path, split: split)
  }
}
