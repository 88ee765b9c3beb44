import MirageSupport
import MirageMedia

/// PNG and JPEG files in class folders (torchvision's ImageFolder), flat without labels, or described by a
/// `metadata.jsonl` (the format of Hugging Face's `imagefolder` and of `ImageFolderSink`).
public struct ImageFolder: SourceComponent {
  public static let declaration = Declaration(
    "image-folder", "PNG and JPEG files in class folders, flat, or listed in metadata.jsonl", primary: "directory",
    of: ImageFolder(directory: ""), .required("directory", .path, "Directory of the images"), .channels,
    Setting("label", .string, "Column of metadata.jsonl that holds the label"))

  /// Directory of the images.
  public var directory: String
  /// Color mode of all images.
  package var channels: ColorMode
  /// Column of `metadata.jsonl` that holds the label, as a name or a number.
  package var label: String

  public init(directory: String, channels: ColorMode = .rgb, label: String = "label") {
    (self.directory, self.channels, self.label) = (directory, channels, label)
  }

  public func flow(in context: Context = Context()) throws -> Flow<Sample> {
    let metadata = joined(directory, "metadata.jsonl")
    let listing = FileKind(metadata) == .file ? try described(by: metadata) : try found()
    guard !listing.files.isEmpty else {
      throw MirageError(
        .missingInput, "holds no PNG or JPEG images, neither itself nor in folders", file: directory)
    }
    let (directory, channels) = (directory, channels)
    let about = DatasetInfo(classes: listing.classes, inputs: [directory], chunkSize: 8)
    return .reading(
      count: listing.files.count, about: about, origin: { Origin(listing.files[$0]) },
      label: { listing.labels.isEmpty ? nil : listing.labels[$0].map(Int.init) },
      image: { index in
        try Image(file: joined(directory, listing.files[index]), as: channels)
      }, finish: { listing.rows?.finish($0, &$1) })
  }

  private struct Listing: Sendable {
    var files: [String] = []
    var labels: [Int32?] = []
    var classes: [String] = []
    var rows: Rows?
  }

  /// Lists the images in class folders or, if there are no folders, in the directory. Names that begin with a dot are
  /// left out.
  private func found() throws -> Listing {
    var listing = Listing()
    let names = try directoryEntries(directory).filter { !$0.hasPrefix(".") }
    let folders = names.filter { FileKind(joined(directory, $0)) == .directory }
    if folders.isEmpty {
      listing.files = names.filter { FileKind(joined(directory, $0)) == .file && ImageFormat.names($0) }
    } else {
      let top = Set([FileIdentity(directory)].compactMap(\.self))
      for (index, folder) in folders.enumerated() {
        listing.files += try imageFiles(in: directory, folder: folder, below: top)
        listing.labels += Array(repeating: Int32(index), count: listing.files.count - listing.labels.count)
      }
      listing.classes = folders
    }
    return listing
  }

  /// Lists the images in `metadata.jsonl`. Class names are sorted, as class folders are, unless the rows number them.
  private func described(by path: String) throws -> Listing {
    let lines = try InputFile.lines(of: path)
    var listing = Listing()
    var names: [String?] = []
    var numbers: [Int?] = []
    var rows: [Substring] = []
    var hasNames = false
    var hasNumbers = false
    for (index, line) in lines.enumerated() where !line.allSatisfy(\.isWhitespace) {
      func wrong(_ message: String) -> MirageError {
        .badData(message, file: path, place: "line \(index + 1)")
      }
      guard let row = try? JSONValue(parsing: line.utf8), case .object = row else { throw wrong("is no JSON object") }
      guard case .string(let file)? = row["file_name"], !file.isEmpty else { throw wrong("has no file_name") }
      guard !file.hasPrefix("/"), !file.split(separator: "/").contains("..") else {
        throw wrong("file_name \(file.debugDescription) points outside the directory")
      }
      listing.files.append(file)
      rows.append(line)
      switch row[label] {
      case .string(let name):
        names.append(name)
        numbers.append(row.index(under: label))
        hasNames = true
      case .integer(let number):
        guard number >= 0 else { throw wrong("label \(number) is out of range") }
        names.append(nil)
        numbers.append(number)
        hasNumbers = true
      case nil, .null:
        names.append(nil)
        numbers.append(nil)
      default: throw wrong("\(label) is neither a name nor a number")
      }
      if hasNames && hasNumbers { throw wrong("\(label) is a name in some lines and a number in others") }
    }
    listing.rows = Rows(lines: rows, label: label)
    let known = Set(names.compactMap(\.self))
    if !known.isEmpty {
      // This tool's files give the number of each name; names in other files are numbered in sorted order.
      var indexed: [String: Int] = [:]
      for (name, number) in zip(names, numbers) { if let name, let number { indexed[name] = number } }
      let isIndexed = indexed.count == known.count && Set(indexed.values).count == known.count
      if isIndexed && indexed.values.allSatisfy({ $0 >= 0 && $0 < 100_000 }) {
        let names = Dictionary(uniqueKeysWithValues: indexed.map { ($1, $0) })
        listing.classes = (0...names.keys.max()!).map { names[$0] ?? String($0) }
      } else {
        listing.classes = known.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        indexed = Dictionary(uniqueKeysWithValues: listing.classes.enumerated().map { ($1, $0) })
      }
      listing.labels = names.map { $0.flatMap { indexed[$0] }.map(Int32.init) }
    } else if let most = numbers.compactMap(\.self).max() {
      guard most < 1_000_000 else {
        throw MirageError.badData("label \(most) is over the limit of a million classes", file: path)
      }
      listing.classes = (0...most).map(String.init)
      listing.labels = numbers.map { $0.map(Int32.init) }
    }
    return listing
  }

  /// Further columns of each image, parsed when the image is read.
  private struct Rows: Sendable {
    let lines: [Substring]
    let label: String

    func finish(_ index: Int, _ sample: inout Sample) {
      guard case .object(var row)? = try? JSONValue(parsing: lines[index].utf8) else { return }
      for own in [label, label + "_index"] { row[own] = nil }
      sample.restore(row)
    }
  }
}

extension JSONValue {
  fileprivate func index(under label: String) -> Int? {
    if case .integer(let number)? = self[label + "_index"] { number } else { nil }
  }
}

extension ImageFolder: RecognizedSource {
  /// Returns whether the path is a directory: this format is chosen if no other is recognized.
  public static func recognizes(_ place: DatasetPlace) -> Bool { place.entries != nil }

  /// Returns the folder itself, or its folders `train` and `test` if it has a `train` and no `metadata.jsonl`.
  public static func source(at path: String, split: Split) throws -> (any SourceComponent)? {
    let place = try DatasetPlace(path)
    guard place.folders.contains("train"), !place.holds({ $0 == "metadata.jsonl" }) else {
      return split == .train ? ImageFolder(directory: path) : nil
    }
    return place.folders.contains(split.rawValue) ? ImageFolder(directory: joined(path, split.rawValue)) : nil
  }
}
