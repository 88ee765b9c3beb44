import MirageSupport
import Glibc
import MirageMedia
import MirageStreams
import StreamsTestSupport
import TestSupport

/// An image file that claims 100,000 × 100,000 pixels.
private let hugePNG =
  PNG.signature + bigEndian(13) + hugeHeader + bigEndian(Int(crc32(hugeHeader)))
private let hugeHeader =
  Array("IHDR".utf8) + bigEndian(100_000) + bigEndian(100_000) + [8, 2, 0, 0, 0]

extension Fault {
  /// CelebA with one of its lists changed.
  private static func list(
    _ name: String, _ list: String = "list_attr_celeba", says: String, place: String? = nil, csv: Bool = false,
    label: String = "", _ change: @escaping @Sendable (inout [String]) -> Void
  ) -> Fault {
    let file = list + (csv ? ".csv" : ".txt")
    return Fault(name: "CelebA: \(name)", file: file, says: says, place: place) { directory in
      let data = TinyCelebA(csv: csv)
      try data.write(directory.path)
      var lines = data.lists()[list]!.split(separator: "\n").map(String.init)
      change(&lines)
      try directory.write(file, lines.joined(separator: "\n"))
      return CelebA(directory: directory.path, label: label)
    }
  }

  /// CelebA's zip archive of other bytes.
  private static func zip(
    _ name: String, says: String, sample: Int? = nil, _ make: @escaping @Sendable (inout [UInt8]) -> Void = { _ in },
    adding: @escaping @Sendable (inout ZipWriter) -> Void = { _ in }
  ) -> Fault {
    Fault(name: "CelebA.zip: \(name)", file: "img_align_celeba.zip", says: says, sample: sample) { directory in
      var writer = ZipWriter()
      for (name, bytes) in try TinyCelebA(count: 2).images() { writer.add("img_align_celeba/" + name, bytes) }
      adding(&writer)
      var bytes = writer.finished()
      make(&bytes)
      try directory.write("img_align_celeba.zip", bytes)
      return CelebA(directory: directory.path, split: .all)
    }
  }

  static let celeba: [Fault] = [
    Fault(name: "CelebA: no directory", kind: .missingInput, file: "/none", says: "no such directory") {
      CelebA(directory: $0.file("none"))
    },
    Fault(name: "CelebA: nothing there", kind: .missingInput, file: "", says: "neither") { CelebA(directory: $0.path) },
    Fault(name: "CelebA: no images", kind: .missingInput, file: "img_align_celeba", says: "no images") {
      try makeDirectories($0.file("img_align_celeba"))
      return CelebA(directory: $0.path)
    },
    Fault(name: "CelebA: no partition", kind: .missingInput, file: "list_eval_partition.txt", says: "split train") {
      try TinyCelebA().write($0.path)
      try removeTree($0.file("list_eval_partition.txt"))
      return CelebA(directory: $0.path)
    },
    Fault(name: "CelebA: no identities", kind: .missingInput, file: "identity_CelebA.txt", says: "identity") {
      try TinyCelebA().write($0.path)
      try removeTree($0.file("identity_CelebA.txt"))
      return CelebA(directory: $0.path, label: "identity")
    },
    Fault(name: "CelebA: an image is missing", file: "list_eval_partition.txt", says: "000003.jpg is missing") {
      try TinyCelebA().write($0.path)
      try removeTree($0.file("img_align_celeba/000003.jpg"))
      return CelebA(directory: $0.path)
    },
    list("an empty list", says: "empty") { $0 = [] },
    list("no count", says: "no count", place: "line 1") { $0[0] = "many" },
    list("a negative count", says: "no count", place: "line 1") { $0[0] = "-6" },
    list("a count of 2^70", says: "no count", place: "line 1") { $0[0] = "1180591620717411303424" },
    list("a count alone", says: "names of its columns", place: "line 2") { $0 = ["6"] },
    list("no columns", says: "names no columns", place: "line 2") { $0[1] = " " },
    list("a count that disagrees", says: "says 7 rows", place: "line 1") { $0[0] = "7" },
    list("a row too few", says: "none for 000006.jpg") {
      $0[0] = "5"
      $0.removeLast()
    },
    list("a row of no image", says: "000007.jpg is missing") {
      $0[0] = "7"
      $0.append($0.last!.replacing("000006", with: "000007"))
    },
    list("a row twice", says: "second time", place: "line 9") {
      $0[0] = "7"
      $0.append($0.last!)
    },
    list("a short row", says: "39 values for 40", place: "line 4") { $0[3] = String($0[3].dropLast(3)) },
    list("letters", says: "no integer", place: "line 5") { $0[4] = String($0[4].dropLast(2)) + "x" },
    list("a number of 2^40", says: "no integer", place: "line 5") {
      $0[4] = String($0[4].dropLast(2)) + " 1099511627776"
    },
    list("a partition 3", "list_eval_partition", says: "partition 3") { $0[1] = "000002.jpg 3" },
    list("an identity that is missing", "identity_CelebA", says: "no row for 000001.jpg", label: "identity") {
      $0.removeFirst()
    },
    list("short landmarks", "list_landmarks_align_celeba", says: "for 10 columns", place: "line 3") {
      $0[2] = "000001.jpg 1"
    },
    list("csv: a short row", says: "values for 40", place: "line 2", csv: true) { $0[1] = "000001.jpg,1" },
    list("csv: letters", says: "no integer", place: "line 3", csv: true) { $0[2] = $0[2].replacing(",1", with: ",x") },
    list("csv: a head alone", says: "none for 000001.jpg", csv: true) { $0 = [$0[0]] },
    Fault(name: "CelebA: a list that is not UTF-8", file: "list_attr_celeba.txt", says: "UTF-8", place: "line 2") {
      try TinyCelebA().write($0.path)
      try $0.write("list_attr_celeba.txt", Array("6\n".utf8) + [0xFF])
      return CelebA(directory: $0.path)
    },
    Fault(name: "CelebA: a truncated image", file: "img_align_celeba/000002.jpg", says: "JPEG", sample: 1) {
      try TinyCelebA().write($0.path)
      let bytes = try InputFile.contents(of: $0.file("img_align_celeba/000002.jpg"))
      try $0.write("img_align_celeba/000002.jpg", bytes.dropLast(20))
      return CelebA(directory: $0.path, split: .all)
    },
    zip("empty", says: "not a zip") { $0 = [] },
    zip("truncated", says: "not a zip") { $0.removeLast(30) },
    zip("not a zip", says: "not a zip") { $0 = Array(repeating: 0x50, count: 5000) },
    zip("a name that climbs", says: "outside", adding: { $0.add("../x.jpg", []) }),
    zip("an absolute name", says: "outside", adding: { $0.add("/x.jpg", []) }),
    zip("a symbolic link", says: "symbolic link", adding: { $0.add("x.jpg", [1], mode: 0o120777) }),
    zip("a name that is not UTF-8", says: "UTF-8", adding: { $0.add([0xFF], []) }),
    zip("a corrupt member", says: "CRC", sample: 0, { $0[200] ^= 0xFF }),
    zip("an empty member", says: "empty", sample: 2, adding: { $0.add("x.jpg", []) }),
  ]

  /// A folder of images with one more.
  private static func image(_ name: String, _ bytes: [UInt8], says: String) -> Fault {
    Fault(name: "image folder: \(name)", file: "cat/1.png", says: says, sample: 1) { directory in
      try TinyDataset.writeImageFolder(directory.path)
      try directory.write("cat/1.png", bytes)
      return ImageFolder(directory: directory.path)
    }
  }

  private static func metadata(_ name: String, _ lines: String, says: String, place: String?) -> Fault {
    Fault(name: "metadata.jsonl: \(name)", file: "metadata.jsonl", says: says, place: place) { directory in
      try directory.write("metadata.jsonl", lines)
      return ImageFolder(directory: directory.path)
    }
  }

  private static let png = try! PNG.encode(TinyDataset.image(0))

  static let folders: [Fault] = [
    Fault(name: "image folder: no directory", kind: .missingInput, file: "/none", says: "no such") {
      ImageFolder(directory: $0.file("none"))
    },
    Fault(name: "image folder: nothing there", kind: .missingInput, file: "", says: "no PNG or JPEG") {
      ImageFolder(directory: $0.path)
    },
    Fault(name: "image folder: a file", kind: .missingInput, file: "/f", says: "no such file or directory") {
      ImageFolder(directory: try $0.write("f", []))
    },
    image("an empty image", [], says: "empty"),
    image("no image", Array("text".utf8), says: "neither"),
    image("a signature", Array(png[..<8]), says: "ends inside"),
    image("a truncated image", Array(png[..<(png.count / 2)]), says: "PNG"),
    image(
      "100,000 x 100,000", hugePNG + bigEndian(0) + Array("IEND".utf8) + [0xAE, 0x42, 0x60, 0x82],
      says: "PNG"),
    Fault(name: "image folder: an image of a terabyte", file: "cat/1.png", says: "limit", sample: 1) {
      try TinyDataset.writeImageFolder($0.path)
      try $0.write("cat/1.png", png)
      // Where the file system has no such files, the limit is not reached.
      if truncate($0.file("cat/1.png"), 1 << 40) != 0 { try $0.write("cat/1.png", hugePNG) }
      return ImageFolder(directory: $0.path)
    },
    Fault(name: "image folder: a pipe", kind: .missingInput, file: "cat/1.png", says: "not a regular file", sample: 1) {
      try TinyDataset.writeImageFolder($0.path)
      mkfifo($0.file("cat/1.png"), 0o644)
      return ImageFolder(directory: $0.path)
    },
    Fault(name: "image folder: a name that is not UTF-8", file: "/cat", says: "not UTF-8") {
      try TinyDataset.writeImageFolder($0.path)
      close(creat(Array("\($0.path)/cat/".utf8CString.dropLast()) + [-1, -2, 0], 0o644))
      return ImageFolder(directory: $0.path)
    },
    Fault(name: "image folder: links that lead back", file: "/cat/again", says: "leads back") {
      try TinyDataset.writeImageFolder($0.path)
      // Two of them make paths multiply.
      symlink($0.path, $0.file("cat/again"))
      symlink($0.path, $0.file("cat/once-more"))
      return ImageFolder(directory: $0.path)
    },
    Fault(name: "metadata.jsonl: empty", kind: .missingInput, file: "", says: "no PNG or JPEG") {
      try $0.write("metadata.jsonl", "")
      return ImageFolder(directory: $0.path)
    },
    Fault(
      name: "metadata.jsonl: an image is missing", kind: .missingInput, file: "none.png", says: "no such file",
      sample: 0
    ) {
      try $0.write("metadata.jsonl", #"{"file_name": "none.png"}"#)
      return ImageFolder(directory: $0.path)
    },
    metadata("no JSON", "{\"file_name\": \"a.png\"}\nfile_name\n", says: "no JSON object", place: "line 2"),
    metadata("half a line", "{\"file_name\": ", says: "no JSON object", place: "line 1"),
    metadata("a list", "[1]", says: "no JSON object", place: "line 1"),
    metadata("deep nesting", String(repeating: "[", count: 100_000), says: "no JSON object", place: "line 1"),
    metadata("no file_name", "{\"label\": 1}", says: "no file_name", place: "line 1"),
    metadata("an absolute file_name", "{\"file_name\": \"/etc/x.png\"}", says: "outside", place: "line 1"),
    metadata("a file_name that climbs", "\n{\"file_name\": \"a/../../x.png\"}", says: "outside", place: "line 2"),
    metadata("a negative label", "{\"file_name\": \"a.png\", \"label\": -1}", says: "out of range", place: "line 1"),
    metadata("a label of 10^12", "{\"file_name\": \"a.png\", \"label\": 1000000000000}", says: "limit", place: nil),
    metadata("a label that is a list", "{\"file_name\": \"a.png\", \"label\": [1]}", says: "neither", place: "line 1"),
    metadata(
      "names and numbers", "{\"file_name\": \"a.png\", \"label\": \"x\"}\n{\"file_name\": \"b.png\", \"label\": 0}",
      says: "a name in some lines", place: "line 2"),
  ]

  /// WebDataset's one shard of given members.
  private static func shard(
    _ name: String, _ members: [(name: String, bytes: [UInt8])], says: String, sample: Int? = nil,
    classes: [String] = [],
    kind: MirageError.Kind = .badData, file: String = "data.tar"
  ) -> Fault {
    Fault(name: "WebDataset: \(name)", kind: kind, file: file, says: says, sample: sample) { directory in
      try directory.write("shards/data.tar", tarred(members))
      return WebDataset(directory: directory.file("shards"), classes: classes)
    }
  }

  static let shards: [Fault] = [
    Fault(name: "WebDataset: no directory", kind: .missingInput, file: "/none", says: "no such") {
      WebDataset(directory: $0.file("none"))
    },
    Fault(name: "WebDataset: nothing there", kind: .missingInput, file: "", says: "no .tar shards") {
      WebDataset(directory: $0.path)
    },
    Fault(name: "WebDataset: an empty shard", file: "a.tar", says: "truncated", place: "byte 0") {
      WebDataset(directory: try $0.write("a.tar", []))
    },
    Fault(name: "WebDataset: no end mark", file: "data-000001.tar", says: "truncated") {
      try TinyDataset.writeWebDataset($0.path)
      let bytes = try InputFile.contents(of: $0.file("data-000001.tar"))
      try $0.write("data-000001.tar", bytes.dropLast(1024))
      return WebDataset(directory: $0.path)
    },
    Fault(name: "WebDataset: truncated gzip", file: "data-000001.tar.gz", says: "truncated") {
      try TinyDataset.writeWebDataset($0.path, gzip: true)
      let bytes = try InputFile.contents(of: $0.file("data-000001.tar.gz"))
      try $0.write("data-000001.tar.gz", bytes.dropLast(50))
      return WebDataset(directory: $0.path)
    },
    shard("no images", [("a.txt", [1])], says: "no PNG or JPEG", kind: .missingInput, file: "shards"),
    shard("a class that is no number", [("a.png", png), ("a.cls", Array("cat".utf8))], says: "class of a.cls"),
    shard("a negative class", [("a.png", png), ("a.cls", Array("-1".utf8))], says: "class of a.cls"),
    shard("a class of 10^12", [("a.png", png), ("a.cls", Array("1000000000000".utf8))], says: "class of a.cls"),
    shard(
      "a class of a kilobyte", [("a.png", png), ("a.cls", Array(repeating: 0x31, count: 1000))], says: "class of a.cls"),
    shard(
      "a class without name", [("a.png", png), ("a.cls", Array("2".utf8))], says: "label 2", classes: ["a"],
      file: "shards"),
    shard("a bad image", [("a.png", png), ("b.png", Array(png[..<50]))], says: "PNG", sample: 1),
    shard("an empty image", [("a.png", []), ("b.png", png)], says: "empty", sample: 0),
    shard("corrupt metadata", [("a.png", png), ("b.png", png), ("b.json", Array("{".utf8))], says: "json", sample: 1),
    shard("a name that climbs", [("../a.png", png)], says: "outside"),
    shard("an absolute name", [("/a.png", png)], says: "outside"),
  ]
}
