import MirageMedia
import MirageSupport

/// Pairs of images: both side by side in each file, as in pix2pix's datasets, or in two folders under the same names.
///
/// The first images are the samples. The second ones are the partner's, at the same positions under the same ids. Folders
/// are read with all folders in them, and names are compared without their extensions.
public struct ImagePairs: SourceComponent, PairedSource {
  public static let declaration = Declaration(
    "image-pairs", "Pairs of images, side by side in one file or in two folders", primary: "directory",
    of: ImagePairs(directory: ""),
    .required("directory", .path, "Directory of the pairs, or of the first images"),
    .optional(
      "partner-directory", .path,
      "Directory of the second images, under the same names; both are side by side in each file if not given"),
    Setting("first", .choice(Side.self), "Half of each file that is the first image"), .channels)

  /// Half of a file.
  public enum Side: String, Sendable, Codable, CaseIterable { case left, right }

  /// Directory of the pairs, or of the first images.
  public var directory: String
  /// Directory of the second images; nil if each file holds both side by side.
  public var partnerDirectory: String?
  /// Half of each file that is the first image, if a file holds both.
  package var first: Side
  /// Color mode of all images.
  package var channels: ColorMode

  /// Creates a source of files that hold two images side by side.
  public init(directory: String, first: Side = .left, channels: ColorMode = .rgb) {
    (self.directory, self.first, self.channels) = (directory, first, channels)
  }

  /// Creates a source of two folders, whose images of the same name are pairs.
  public init(directory: String, partnerDirectory: String, channels: ColorMode = .rgb) {
    self.init(directory: directory, channels: channels)
    self.partnerDirectory = partnerDirectory
  }

  public func validate() throws {
    try checkSettings()
    if partnerDirectory != nil && first != .left {
      throw MirageError(
        .badPipeline, "first is the half of a file, and here each file holds one image", place: "first",
        remedy: "Leave it out, and exchange the two directories for pairs the other way around.")
    }
  }

  /// The same pairs, the other way around.
  public var partner: any SourceComponent {
    var other = self
    if let partnerDirectory {
      (other.directory, other.partnerDirectory) = (partnerDirectory, directory)
    } else {
      other.first = first == .left ? .right : .left
    }
    return other
  }

  public func flow(in context: Context) throws -> Flow<Sample> {
    guard let partnerDirectory else { return try halves() }
    return try matched(with: partnerDirectory)
  }

  /// Reads one half of each file.
  private func halves() throws -> Flow<Sample> {
    let files = try imageFiles(in: directory)
    let (directory, first, channels) = (directory, first, channels)
    return try pairs(files, of: [directory]) { index in
      let path = joined(directory, files[index])
      let image = try Image(file: path, as: channels)
      guard image.width % 2 == 0 else {
        throw MirageError.badData(
          "is \(image.width) pixels wide, which are not two halves", file: path,
          remedy: "Fix or remove the file, or skip bad samples with --on-error skip.")
      }
      let half = image.width / 2
      return image.cropped(x: first == .left ? 0 : half, y: 0, width: half, height: image.height)
    }
  }

  /// Reads the images of `directory`. A name that only one of the two has is a position that fails.
  private func matched(with partnerDirectory: String) throws -> Flow<Sample> {
    let (own, others) = (try filesByName(in: directory), try filesByName(in: partnerDirectory))
    let names = Set(own.keys).union(others.keys).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    let (directory, channels) = (directory, channels)
    return try pairs(names.map { own[$0] ?? $0 }, of: [directory, partnerDirectory].sorted()) { index in
      let name = names[index]
      guard let file = own[name], others[name] != nil else {
        let (has, lacks) = own[name] == nil ? (partnerDirectory, directory) : (directory, partnerDirectory)
        throw MirageError.badData(
          "has no partner in \(lacks)", file: joined(has, own[name] ?? others[name]!),
          remedy: "Add \(joined(lacks, name)).png, remove the file, or skip bad samples with --on-error skip.")
      }
      return try Image(file: joined(directory, file), as: channels)
    }
  }

  private func pairs(
    _ files: [String], of inputs: [String], image: @escaping @Sendable (Int) throws -> Image
  ) throws -> Flow<Sample> {
    if files.isEmpty {
      throw MirageError(.missingInput, "holds no PNG or JPEG images, neither itself nor in folders", file: directory)
    }
    let about = DatasetInfo(classes: [], inputs: inputs, chunkSize: 8)
    return .reading(
      count: files.count, about: about, origin: { Origin(files[$0]) }, label: { _ in nil }, image: image)
  }
}

/// Returns the images in a directory and the folders in it, by their names without extension.
/// - Throws: missing input if there is no such directory; bad data if two images have one name.
private func filesByName(in directory: String) throws -> [String: String] {
  var files: [String: String] = [:]
  for file in try imageFiles(in: directory) {
    let name = String(file[..<file.lastIndex(of: ".")!])
    if let other = files.updateValue(file, forKey: name) {
      throw MirageError.badData(
        "\(lastComponent(other)) and \(lastComponent(file)) have one name", file: joined(directory, file),
        remedy: "Remove or rename one of them.")
    }
  }
  return files
}
