import MirageSupport
import MirageMedia

/// MNIST and everything in its IDX format (Fashion-MNIST, KMNIST, EMNIST, …): images of unsigned bytes with labels, of
/// height × width or height × width × channels.
public struct MNIST: SourceComponent {
  public static let declaration = Declaration(
    "mnist", "MNIST and everything in its IDX format, plain or .gz", primary: "directory", of: MNIST(directory: ""),
    .required("directory", .path, "Directory of the files; MNIST/raw and the like are found below it"), .split,
    Setting("prefix", .string, "Text before train in the file names, such as emnist-letters-"),
    Setting("transpose", .boolean, "Whether rows and columns are swapped, as EMNIST needs"),
    Setting("classes", .strings, "Names of the classes; else those in classes.txt, or numbers"))

  /// Directory of the files, plain or `.gz`, in it or in `raw`, `MNIST/raw`, `FashionMNIST/raw` and the like below it.
  public var directory: String
  package var split: Split
  /// Text before `train` in the file names, such as `emnist-letters-`.
  package var prefix: String
  /// True if rows and columns are swapped, as EMNIST needs.
  package var transpose: Bool
  /// Names of the classes. If empty, they are those in a `classes.txt` beside the data, or numbers.
  package var classes: [String]

  public init(
    directory: String, split: Split = .train, prefix: String = "", transpose: Bool = false, classes: [String] = []
  ) {
    (self.directory, self.split, self.prefix, self.transpose) = (directory, split, prefix, transpose)
    self.classes = classes
  }

  public func flow(in context: Context = Context()) throws -> Flow<Sample> {
    let (imagesPath, labelsPath) = try find()
    let images = try IDXFile(imagesPath)
    let labels = try IDXFile(labelsPath)
    guard images.shape.count == 3 || images.shape.count == 4 && [1, 2, 3, 4].contains(images.shape[3]) else {
      throw MirageError.badData(
        "holds data of \(images.shape.count) dimensions, and images have 3 (or 4, the last of 1 to 4 channels)",
        file: imagesPath, place: "byte 3")
    }
    guard labels.shape.count == 1 else {
      throw MirageError.badData(
        "holds data of \(labels.shape.count) dimensions, and labels have 1", file: labelsPath, place: "byte 3")
    }
    let (count, height, width) = (images.shape[0], images.shape[1], images.shape[2])
    let channels = images.shape.count == 4 ? images.shape[3] : 1
    guard labels.shape[0] == count else {
      throw MirageError.badData(
        "holds \(labels.shape[0]) labels, but \(imagesPath) holds \(count) images", file: labelsPath, place: "byte 4",
        remedy: "Use the two files of one split of one dataset.")
    }
    // Sizes are checked even if there are no images, since the file's length does not bound them then.
    guard count == 0 || height > 0 && width > 0, height <= Image.sideLimit, width <= Image.sideLimit,
      height * width <= Image.pixelLimit
    else {
      throw MirageError.badData("claims images of \(height) x \(width)", file: imagesPath, place: "byte 8")
    }
    let labelBytes = try labels.file.read(at: labels.dataOffset, count: count)
    let names = try names(besides: imagesPath, labels: labelBytes)
    if let bad = labelBytes.firstIndex(where: { $0 >= names.count }) {
      throw MirageError.badData(
        "label \(labelBytes[bad]) is out of range: there are \(names.count) classes", file: labelsPath,
        place: "byte \(labels.dataOffset + bad)")
    }
    let size = height * width * channels
    let about = DatasetInfo(
      classes: names, inputs: [imagesPath, labelsPath], chunkSize: max(1, min(256, (1 << 18) / max(1, size))))
    let isTransposed = transpose
    return .readingRecords(
      count: count, about: about, origin: Origin(lastComponent(imagesPath)), recordSize: size,
      place: { (images.file, images.dataOffset + $0 * size) }, label: { Int(labelBytes[$0]) },
      image: { record in
        let image = Image(height: height, width: width, channels: channels, pixels: Array(record))
        return isTransposed ? image.transposed() : image
      })
  }

  private func find() throws -> (images: String, labels: String) {
    let (images, labels) = split.idxNames
    let folders = ["", "raw"] + ["MNIST", "FashionMNIST", "KMNIST", "QMNIST", "EMNIST"].map { $0 + "/raw" }
    // torchvision and the original site disagree about "idx3-ubyte" and "idx3.ubyte".
    func variants(_ name: String) -> [String] {
      let plain = prefix + (prefix.isEmpty ? name : name.replacing("t10k", with: "test"))
      return [plain, plain.replacing("-idx", with: ".idx")].flatMap { [$0, $0 + ".gz"] }
    }
    if FileKind(directory) == .missing {
      throw MirageError(.missingInput, "no such directory", file: directory, remedy: missingRemedy)
    }
    for folder in folders {
      let base = folder.isEmpty ? directory : joined(directory, folder)
      let found = [images, labels].compactMap { name in
        variants(name).map { joined(base, $0) }.first { FileKind($0) == .file }
      }
      if found.count == 2 { return (found[0], found[1]) }
      if found.count == 1 {
        let missing = found[0].contains("images") ? labels : images
        throw MirageError(
          .missingInput, "no such file (nor .gz), though \(found[0]) is there", file: joined(base, prefix + missing))
      }
    }
    throw MirageError(
      .missingInput, "holds no \(prefix)\(images) (nor .gz)", file: directory, remedy: missingRemedy)
  }

  private var missingRemedy: String? {
    directory.hasPrefix("/usr/share/datasets/fashion-mnist")
      ? "Install Debian's package dataset-fashion-mnist: apt-get install dataset-fashion-mnist." : nil
  }

  private func names(besides path: String, labels: [UInt8]) throws -> [String] {
    if !classes.isEmpty { return classes }
    let file = joined(parentDirectory(path), "classes.txt")
    if FileKind(file) == .file { return try classNames(in: file) }
    if path.contains("fashion-mnist") || path.contains("FashionMNIST") { return Self.fashionClasses }
    return (0..<max(10, Int(labels.max() ?? 0) + 1)).map(String.init)
  }

  static let fashionClasses = [
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
  ]
}

/// A file in IDX format, its header checked against its size.
struct IDXFile {
  let file: InputFile
  let shape: [Int]
  let dataOffset: Int

  /// Opens a file. Throws bad data naming the byte if it is not IDX of unsigned bytes, claims sizes that overflow, or
  /// has another length than its header says.
  init(_ path: String) throws {
    file = try InputFile.openInflated(path)
    if file.size == 0 { throw MirageError.badData("the file is empty", file: path) }
    var reader = ByteReader(try file.read(at: 0, count: min(file.size, 64)))
    do {
      let magic = try reader.bigEndian(UInt32.self)
      guard magic >> 16 == 0, [0x08, 0x09, 0x0B, 0x0C, 0x0D, 0x0E].contains(magic >> 8 & 0xFF), magic & 0xFF > 0,
        magic & 0xFF <= 8
      else { throw MirageError.badData("not an IDX file: it begins with \(magic)", place: "byte 0") }
      guard magic >> 8 & 0xFF == 0x08 else {
        throw MirageError.badData("holds numbers that are not unsigned bytes", place: "byte 2")
      }
      var sides: [Int] = []
      var size = 1
      for _ in 0..<(magic & 0xFF) {
        let side = Int(try reader.bigEndian(UInt32.self))
        sides.append(side)
        let (product, overflow) = size.multipliedReportingOverflow(by: side)
        guard !overflow else {
          throw MirageError.badData("claims a size of \(sides) that overflows", place: "byte \(reader.position - 4)")
        }
        size = product
      }
      guard file.size - reader.position == size else {
        throw MirageError.badData(
          "the header says \(size) bytes of data (\(sides.map(String.init).joined(separator: " x "))), but"
            + " \(file.size - reader.position) follow: the file is \(file.size - reader.position < size ? "truncated" : "too long")",
          place: "byte \(reader.position)", remedy: "Fetch the file again.")
      }
      shape = sides
      dataOffset = reader.position
    } catch let error as MirageError {
      throw error.located(file: path)
    }
  }
}

extension MNIST: SplitSource, RecognizedSource {
  public func selecting(_ split: Split) -> MNIST {
    var source = self
    source.split = split
    return source
  }

  public static func recognizes(_ place: DatasetPlace) -> Bool { place.deepEntries.contains { $0.contains("idx3") } }

  public static func source(at path: String, split: Split) -> (any SourceComponent)? {
    MNIST(directory: path, split: split)
  }
}
