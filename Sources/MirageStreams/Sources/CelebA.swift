import MirageSupport
import MirageMedia

/// CelebA's aligned faces, in the folder `img_align_celeba` or read in place from `img_align_celeba.zip`, with their
/// annotation lists beside it (the original `.txt` or Kaggle's `.csv`).
///
/// Attributes become columns (true or false), and the five landmarks move with the pixels. The lists of boxes are not
/// read, since their coordinates are those of the original images and do not fit the aligned ones.
public struct CelebA: SourceComponent {
  public static let declaration = Declaration(
    "celeba", "CelebA's aligned faces, in a folder or in their zip archive, with annotations", primary: "directory",
    of: CelebA(directory: ""),
    .required("directory", .path, "Directory of img_align_celeba or its .zip, and of the lists"),
    Setting("split", .choice(Part.self), "Part of the dataset"),
    Setting("label", .string, "Label: an attribute such as Smiling, or identity; none if empty"), .channels)

  /// Directory of the images and the lists.
  public var directory: String
  package var split: Part
  /// Label: one of the forty attributes (`Smiling`; classes `no` and `yes`), `identity`, or empty for none.
  package var label: String
  /// Color mode of all images.
  package var channels: ColorMode

  /// Part of the dataset.
  public enum Part: String, Sendable, Codable, CaseIterable { case train, valid, test, all }

  public init(directory: String, split: Part = .train, label: String = "", channels: ColorMode = .rgb) {
    (self.directory, self.split, self.label, self.channels) = (directory, split, label, channels)
  }

  public func flow(in context: Context = Context()) throws -> Flow<Sample> {
    let images = try Images(directory)
    let attributes = try Table(directory, "list_attr_celeba", columns: nil)
    let landmarks = try Table(directory, "list_landmarks_align_celeba", columns: nil)
    let partition = try Table(directory, "list_eval_partition", columns: ["partition"])
    let identity = try Table(directory, "identity_CelebA", columns: ["identity"])

    // Files of the split, in the order of their names.
    var files = images.names
    if let partition {
      let wanted = Part.allCases.firstIndex(of: split)!
      try partition.check(against: images)
      if split != .all {
        files = try files.filter { name in
          guard let value = try partition.value(name, 0) else { return false }
          guard (0...2).contains(value) else {
            throw MirageError.badData("partition \(value) of \(name) is not 0, 1 or 2", file: partition.path)
          }
          return value == wanted
        }
      }
    } else if split != .all {
      throw MirageError(
        .missingInput, "no such file, which says what belongs to split \(split.rawValue)",
        file: joined(directory, "list_eval_partition.txt"), remedy: "Add it, or use `split: all`.")
    }
    try attributes?.check(against: images)
    try landmarks?.check(against: images)

    let (classes, labels) = try labels(of: files, attributes, identity)
    let names = files
    let channels = channels
    let about = DatasetInfo(
      classes: classes,
      inputs: [images.path] + [attributes, landmarks, partition, identity].compactMap { $0?.path }, chunkSize: 8)
    return .reading(
      count: names.count, about: about, origin: { Origin(names[$0]) },
      label: { labels.isEmpty ? nil : Int(labels[$0]) },
      image: { try images.decode(names[$0], as: channels) },
      finish: { index, sample in
        let name = names[index]
        if let attributes, let row = attributes.row(name) {
          for (column, value) in zip(attributes.columns, row) { sample.attributes[column] = .bool(value == 1) }
        }
        if let row = identity?.row(name) { sample.attributes["identity"] = .integer(Int(row[0])) }
        if let row = landmarks?.row(name) {
          sample.landmarks = stride(from: 0, to: row.count - 1, by: 2).map {
            Point(Double(row[$0]), Double(row[$0 + 1]))
          }
        }
      })
  }

  private func labels(of files: [String], _ attributes: Table?, _ identity: Table?) throws -> ([String], [Int32]) {
    if label.isEmpty { return ([], []) }
    let isIdentity = label == "identity"
    guard let table = isIdentity ? identity : attributes else {
      throw MirageError(
        .missingInput, "no such file, which label \(label) needs",
        file: joined(directory, isIdentity ? "identity_CelebA.txt" : "list_attr_celeba.txt"))
    }
    guard let column = table.columns.firstIndex(of: label) else {
      let near = nearest(to: label, among: table.columns + ["identity"])
      throw MirageError(
        .badPipeline, "celeba has no attribute \(label)", remedy: near.map { "Did you mean \($0)?" })
    }
    let values = try files.map { name in
      guard let value = try table.value(name, column) else {
        throw MirageError.badData("has no row for \(name)", file: table.path)
      }
      return value
    }
    if !isIdentity { return (["no", "yes"], values.map { $0 == 1 ? 1 : 0 }) }
    // The classes are the identities of this split, in the order of their numbers.
    let numbers = Set(values).sorted()
    let index = Dictionary(uniqueKeysWithValues: numbers.enumerated().map { ($1, Int32($0)) })
    return (numbers.map(String.init), values.map { index[$0]! })
  }

  /// Image files in a folder or a zip archive.
  private struct Images: Sendable {
    let path: String
    let names: [String]
    private let folder: String?
    private let zip: Zip?
    private let places: [String: Int]

    init(_ directory: String) throws {
      if FileKind(directory) == .missing { throw MirageError(.missingInput, "no such directory", file: directory) }
      let candidates = ["img_align_celeba", "img_align_celeba.zip", "img_align_celeba/img_align_celeba"]
      // Kaggle's copy nests the folder in itself.
      let nested = joined(directory, candidates[2])
      let folder = FileKind(nested) == .directory ? nested : joined(directory, candidates[0])
      if FileKind(folder) == .directory {
        (path, self.folder, zip, places) = (folder, folder, nil, [:])
        names = try directoryEntries(folder).filter { ImageFormat.names($0) && !$0.hasPrefix(".") }
      } else {
        path = joined(directory, candidates[1])
        if FileKind(path) == .missing {
          throw MirageError(
            .missingInput, "holds neither img_align_celeba/ nor img_align_celeba.zip", file: directory)
        }
        let zip = try Zip(path)
        self.folder = nil
        self.zip = zip
        var places: [String: Int] = [:]
        for (place, name) in zip.names.enumerated() where ImageFormat.names(name) && !name.hasPrefix("__MACOSX/") {
          places[lastComponent(name)] = place
        }
        self.places = places
        names = places.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
      }
      if names.isEmpty { throw MirageError(.missingInput, "holds no images", file: path) }
    }

    func decode(_ name: String, as mode: ColorMode) throws -> Image {
      do {
        if let zip { return try Image(decoding: zip.contents(at: places[name]!), as: mode) }
        return try Image(decoding: InputFile.contents(of: joined(folder!, name)), as: mode)
      } catch let error as MirageError {
        throw error.located(
          file: folder == nil ? path : joined(path, name), place: folder == nil ? "member \(name)" : nil)
      }
    }
  }

  /// An annotation list: a row of integers for each file name. Columns are separated by spaces in the `.txt` and by
  /// commas in the `.csv`; lines may end in CR LF.
  private struct Table: Sendable {
    let path: String
    let columns: [String]
    private let rows: [String: Int]
    private let values: [Int32]

    /// Reads a list; nil if there is no such file. `columns` names the columns of a `.txt` without a header; it is nil
    /// for one that begins with a count and names.
    init?(_ directory: String, _ name: String, columns fixed: [String]?) throws {
      let text = joined(directory, name + ".txt")
      let csv = joined(directory, name + ".csv")
      let file = FileKind(text) == .file || FileKind(csv) != .file ? text : csv
      if FileKind(file) != .file { return nil }
      let isCSV = file == csv
      var lines = try InputFile.lines(of: file)[...]
      let all = lines.count
      func wrong(_ message: String, line: Int) -> MirageError {
        .badData(message, file: file, place: "line \(line)")
      }
      if lines.isEmpty { throw MirageError.badData("the file is empty", file: file) }
      let columns: [String]
      var claimed: Int?
      func fields(_ line: Substring) -> [Substring] {
        isCSV ? line.split(separator: ",", omittingEmptySubsequences: false) : line.split { $0 == " " || $0 == "\t" }
      }
      if isCSV {
        columns = fields(lines.removeFirst()).dropFirst().map(\.trimmed)
      } else if let fixed {
        columns = fixed
      } else {
        guard let count = Int(lines.removeFirst().trimmed), count >= 0 else {
          throw wrong("is no count of rows", line: 1)
        }
        claimed = count
        guard let head = lines.popFirst() else { throw wrong("ends before the names of its columns", line: 2) }
        columns = fields(head).map(String.init)
      }
      guard !columns.isEmpty, columns.count <= 1000 else { throw wrong("names no columns", line: isCSV ? 1 : 2) }
      var rows: [String: Int] = [:]
      var values: [Int32] = []
      for (index, line) in lines.enumerated() where !line.allSatisfy(\.isWhitespace) {
        let number = all - lines.count + index + 1
        let parts = fields(line)
        guard parts.count == columns.count + 1 else {
          throw wrong("has \(parts.count - 1) values for \(columns.count) columns", line: number)
        }
        for part in parts.dropFirst() {
          guard let value = Int32(part.trimmed) else {
            throw wrong("\(part.debugDescription) is no integer", line: number)
          }
          values.append(value)
        }
        guard rows.updateValue(rows.count, forKey: parts[0].trimmed) == nil else {
          throw wrong("names \(parts[0]) a second time", line: number)
        }
      }
      (path, self.columns, self.rows, self.values) = (file, columns, rows, values)
      if let claimed, claimed != rows.count {
        throw wrong("says \(claimed) rows, but there are \(rows.count)", line: 1)
      }
    }

    /// Checks that each image has a row, and each row an image.
    func check(against images: Images) throws {
      if rows.count == images.names.count, images.names.allSatisfy({ rows[$0] != nil }) { return }
      if let missing = images.names.first(where: { rows[$0] == nil }) {
        throw MirageError.badData(
          "has \(rows.count) rows for \(images.names.count) images, none for \(missing)", file: path)
      }
      let known = Set(images.names)
      let extra = rows.keys.filter { !known.contains($0) }.min() ?? "?"
      throw MirageError.badData(
        "has \(rows.count) rows, but there are \(images.names.count) images in \(images.path); \(extra) is missing",
        file: path, remedy: "Complete the images, or remove the rows.")
    }

    func row(_ name: String) -> [Int32]? {
      rows[name].map { Array(values[$0 * columns.count..<($0 + 1) * columns.count]) }
    }

    func value(_ name: String, _ column: Int) throws -> Int32? {
      rows[name].map { values[$0 * columns.count + column] }
    }
  }
}

extension CelebA: SplitSource {
  public func selecting(_ split: Split) -> CelebA {
    var source = self
    source.split = split == .train ? .train : .test
    return source
  }
}
