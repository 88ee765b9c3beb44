import MirageSupport
import TestSupport
import MirageMedia

/// A tiny CelebA: aligned faces with their lists.
public struct TinyCelebA: Sendable {
  public var count = 6
  /// True if the images stand in `img_align_celeba.zip` instead of a folder.
  public var zip = false
  /// True if the lists are Kaggle's `.csv`.
  public var csv = false
  /// What ends the lists' lines.
  public var lineEnd = "\n"

  public init(count: Int = 6, zip: Bool = false, csv: Bool = false, lineEnd: String = "\n") {
    (self.count, self.zip, self.csv, self.lineEnd) = (count, zip, csv, lineEnd)
  }

  /// The forty attributes; the tests only need some of their names.
  public static let attributes = ["5_o_Clock_Shadow", "Eyeglasses", "Smiling"] + (4...40).map { "Attribute_\($0)" }
  static let points = ["lefteye", "righteye", "nose", "leftmouth", "rightmouth"].flatMap { ["\($0)_x", "\($0)_y"] }

  public static func name(_ index: Int) -> String {
    let digits = String(index + 1)
    return String(repeating: "0", count: 6 - digits.count) + digits + ".jpg"
  }

  public static func has(_ attribute: Int, _ index: Int) -> Bool { (index + attribute) % 3 == 0 }
  public static func coordinate(_ place: Int, _ index: Int) -> Int { 2 * place + index }
  /// 0 train, 1 valid, 2 test: half of the images train, the rest by turns.
  public static func partition(_ index: Int) -> Int { index % 2 == 0 ? 0 : 1 + index / 2 % 2 }
  public static func identity(_ index: Int) -> Int { 2000 + index % 3 * 100 }

  /// 24 wide × 30 high, the aspect of the aligned originals.
  public static func face(_ index: Int) -> Image { TinyDataset.image(index, height: 30, width: 24) }

  /// The lists by name, without `.txt` or `.csv`.
  public func lists() -> [String: String] {
    func text(_ columns: [String]?, hasCount: Bool, _ values: (Int) -> [Int]) -> String {
      var lines: [String] = []
      if csv {
        lines.append((["image_id"] + (columns ?? ["value"])).joined(separator: ","))
      } else if hasCount {
        lines += [String(count), columns!.joined(separator: " ") + " "]
      }
      for index in 0..<count {
        let fields = values(index).map(String.init)
        // The originals pad their columns with a varying number of spaces.
        lines.append(
          csv
            ? ([Self.name(index)] + fields).joined(separator: ",")
            : ([Self.name(index)] + fields.map { String(repeating: " ", count: max(0, 3 - $0.count)) + $0 })
              .joined(separator: " "))
      }
      return lines.joined(separator: lineEnd) + lineEnd
    }
    return [
      "list_attr_celeba": text(Self.attributes, hasCount: true) { index in
        Self.attributes.indices.map { Self.has($0, index) ? 1 : -1 }
      },
      "list_landmarks_align_celeba": text(Self.points, hasCount: true) { index in
        (0..<10).map { Self.coordinate($0, index) }
      },
      "list_eval_partition": text(csv ? ["partition"] : nil, hasCount: false) { [Self.partition($0)] },
      "identity_CelebA": text(csv ? ["identity"] : nil, hasCount: false) { [Self.identity($0)] },
    ]
  }

  /// The images as JPEG files.
  public func images() throws -> [(name: String, bytes: [UInt8])] {
    try (0..<count).map { (Self.name($0), try JPEG.encode(Self.face($0))) }
  }

  public func write(_ directory: String) throws {
    try makeDirectories(directory)
    for (name, text) in lists() { try OutputFile.write("\(directory)/\(name).\(csv ? "csv" : "txt")", text.utf8) }
    if zip {
      var writer = ZipWriter()
      writer.add("img_align_celeba/", [], mode: 0o40755)
      for (name, bytes) in try images() { writer.add("img_align_celeba/" + name, bytes) }
      try OutputFile.write(directory + "/img_align_celeba.zip", writer.finished())
    } else {
      try TinyDataset.write(images(), into: directory + "/img_align_celeba")
    }
  }
}
