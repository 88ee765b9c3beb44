import MirageSupport
import TestSupport
import MirageMedia
import MirageStreams

/// Tiny datasets in the exact layout of the real ones, which are too large for a test, or may not be passed on.
public enum TinyDataset {
  /// A small image that no other index has, smooth enough to survive JPEG.
  public static func image(_ index: Int, height: Int = 32, width: Int = 32, channels: Int = 3) -> Image {
    Image(height: height, width: width, channels: channels) { pixels in
      for place in pixels.indices {
        let (y, x, c) = (place / (width * channels), place / channels % width, place % channels)
        pixels[place] = UInt8(truncatingIfNeeded: index * 29 + y * 3 + x * 2 + c * 40)
      }
    }
  }

  /// The label that the tiny dataset gives to this index.
  public static func label(_ index: Int, classes: Int = 10) -> Int { index * 7 % classes }
}

// MARK: IDX

extension TinyDataset {
  /// An IDX file of unsigned bytes.
  public static func idx(_ shape: [Int], _ data: [UInt8], type: UInt8 = 8) -> [UInt8] {
    [0, 0, type, UInt8(shape.count)] + shape.flatMap { bigEndian($0) } + data
  }

  /// MNIST's two files of one split: `train-…` or `t10k-…`, as `image` and `label` make them.
  ///
  /// - Parameter channels: 1 writes three dimensions, more write four.
  public static func writeMNIST(
    _ directory: String, split: Split = .train, count: Int = 12, height: Int = 6, width: Int = 5, channels: Int = 1,
    gzip: Bool = false
  ) throws {
    let pixels = (0..<count).flatMap { image($0, height: height, width: width, channels: channels).pixels }
    let shape = [count, height, width] + (channels == 1 ? [] : [channels])
    let name = split == .train ? "train" : "t10k"
    try makeDirectories(directory)
    for (file, bytes) in [
      ("\(name)-images-idx3-ubyte", idx(shape, pixels)),
      ("\(name)-labels-idx1-ubyte", idx([count], (0..<count).map { UInt8(label($0)) })),
    ] {
      try OutputFile.write("\(directory)/\(file)\(gzip ? ".gz" : "")", gzip ? gzipped(bytes) : bytes)
    }
  }
}

// MARK: CIFAR

extension TinyDataset {
  public static let cifarClasses = [
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
  ]

  /// The red, green and blue planes of an image.
  public static func planes(_ image: Image) -> [UInt8] {
    (0..<3).flatMap { c in stride(from: c, to: image.pixels.count, by: 3).map { image.pixels[$0] } }
  }

  /// The files of CIFAR-10's binary version by name, `perBatch` images in each; indices run on from batch to batch.
  public static func cifarBinary(perBatch: Int = 3) -> [(name: String, bytes: [UInt8])] {
    batches.enumerated().map { batch, name in
      let indices = batch * perBatch..<(batch + 1) * perBatch
      return (name + ".bin", indices.flatMap { [UInt8(label($0))] + planes(image($0)) })
    } + [("batches.meta.txt", Array((cifarClasses.joined(separator: "\n") + "\n\n").utf8))]
  }

  /// The files of CIFAR-10's Python version, pickled as the original's are.
  public static func cifarPython(perBatch: Int = 3) -> [(name: String, bytes: [UInt8])] {
    batches.enumerated().map { batch, name in
      let indices = Array(batch * perBatch..<(batch + 1) * perBatch)
      return (name, pickledBatch(indices.map { label($0) }, indices.flatMap { planes(image($0)) }))
    } + [("batches.meta", pickledMeta())]
  }

  /// CIFAR-100's binary version: a coarse and a fine label before each image.
  public static func cifar100(count: Int = 4) -> [(name: String, bytes: [UInt8])] {
    let records = (0..<count).flatMap { [UInt8($0 % 20), UInt8(label($0, classes: 100))] + planes(image($0)) }
    return [
      ("train.bin", records), ("test.bin", records),
      ("fine_label_names.txt", Array((0..<100).map { "fine \($0)\n" }.joined().utf8)),
      ("coarse_label_names.txt", Array((0..<20).map { "coarse \($0)\n" }.joined().utf8)),
    ]
  }

  private static let batches = (1...5).map { "data_batch_\($0)" } + ["test_batch"]

  /// A batch as cPickle of Python 2 wrote it with protocol 2 (byte strings, memo entries, an old name of numpy's module).
  public static func pickledBatch(_ labels: [Int], _ data: [UInt8], rows: Int? = nil) -> [UInt8] {
    func short(_ text: String) -> [UInt8] { [UInt8(ascii: "U"), UInt8(text.utf8.count)] + Array(text.utf8) }
    func number(_ value: Int) -> [UInt8] { [UInt8(ascii: "M"), UInt8(value & 0xFF), UInt8(value >> 8)] }
    var bytes: [UInt8] = [0x80, 2] + Array("}q\u{1}(".utf8)
    bytes += short("batch_label") + Array("q\u{2}".utf8)
    bytes += short("training batch 1 of 5") + Array("q\u{3}".utf8)
    bytes += short("labels") + Array("q\u{4}]q\u{5}(".utf8)
    for label in labels { bytes += [UInt8(ascii: "K"), UInt8(label)] }
    bytes += Array("e".utf8) + short("data") + Array("q\u{6}cnumpy.core.multiarray\n_reconstruct\nq\u{7}".utf8)
    bytes += Array("cnumpy\nndarray\nq\u{8}K\0".utf8) + [0x85] + short("b") + [0x87]
    bytes += Array("Rq\t(K\u{1}".utf8) + number(rows ?? labels.count) + number(3072) + [0x86]
    bytes += Array("cnumpy\ndtype\nq\n".utf8) + short("u1") + Array("K\0K\u{1}".utf8) + [0x87]
    bytes += Array("Rq\u{B}(K\u{3}".utf8) + short("|") + Array("NNN".utf8)
    for _ in 0..<2 { bytes += [UInt8(ascii: "J"), 255, 255, 255, 255] }
    bytes += Array("K\0tb".utf8) + [0x89, UInt8(ascii: "T")] + bigEndian(data.count).reversed()
    bytes += data + Array("tb".utf8)
    bytes += short("filenames") + Array("q\u{C}](".utf8)
    for index in labels.indices { bytes += short("leptodactylus_pentadactylus_s_\(index).png") }
    return bytes + Array("eu.".utf8)
  }

  private static func pickledMeta() -> [UInt8] {
    func short(_ text: String) -> [UInt8] { [UInt8(ascii: "U"), UInt8(text.utf8.count)] + Array(text.utf8) }
    let names = cifarClasses.flatMap { short($0) }
    var bytes: [UInt8] = [0x80, 2] + Array("}q\u{1}(".utf8)
    bytes += short("num_cases_per_batch") + Array("M\u{10}'".utf8)
    bytes += short("label_names") + Array("](".utf8) + names
    return bytes + Array("eu.".utf8)
  }
}

// MARK: WebDataset and image folders

extension TinyDataset {
  /// The members of one shard: an image, its class and its metadata a sample.
  public static func webDatasetMembers(_ indices: Range<Int>) throws -> [(name: String, bytes: [UInt8])] {
    try indices.flatMap { index in
      let picture = image(index, height: 8, width: 9)
      let number = label(index, classes: 3)
      let json: JSONValue = ["label": .string("class \(number)"), "weight": .integer(index)]
      return [
        ("\(index).cls", Array(String(number).utf8)), ("\(index).json", Array(json.text.utf8)),
        index % 2 == 0 ? ("\(index).png", try PNG.encode(picture)) : ("\(index).jpg", try JPEG.encode(picture)),
      ]
    }
  }

  /// Shards `data-000000.tar` and so on, the odd ones gzip-compressed where `gzip` says so.
  public static func writeWebDataset(_ directory: String, shards: Int = 2, perShard: Int = 3, gzip: Bool = false) throws
  {
    try makeDirectories(directory)
    for shard in 0..<shards {
      let bytes = try tarred(webDatasetMembers(shard * perShard..<(shard + 1) * perShard))
      let isZipped = gzip && shard % 2 == 1
      try OutputFile.write(
        "\(directory)/data-00000\(shard).tar\(isZipped ? ".gz" : "")", isZipped ? gzipped(bytes) : bytes)
    }
  }

  /// `cat/0.png`, `dog/1.jpg` and so on.
  public static func writeImageFolder(
    _ directory: String, classes: [String] = ["cat", "dog"], count: Int = 6, height: Int = 8, width: Int = 9
  ) throws {
    for index in 0..<count {
      let folder = directory + "/" + classes[index % classes.count]
      try makeDirectories(folder)
      let picture = image(index, height: height, width: width)
      try index / classes.count % 2 == 0
        ? OutputFile.write("\(folder)/\(index).png", PNG.encode(picture))
        : OutputFile.write("\(folder)/\(index).jpg", JPEG.encode(picture))
    }
  }

  /// A flat folder of PNG files with the `metadata.jsonl` of Hugging Face's `imagefolder`.
  public static func writeMetadataFolder(_ directory: String, count: Int = 4) throws {
    try makeDirectories(directory + "/images")
    var lines = ""
    for index in 0..<count {
      try OutputFile.write("\(directory)/images/\(index).png", PNG.encode(image(index, height: 8, width: 9)))
      let row: JSONValue = [
        "file_name": .string("images/\(index).png"), "label": .string(index % 2 == 0 ? "wolf" : "ant"),
        "weight": .integer(index), "objects": ["bbox": [[1, 2, 3, 4]]], "landmarks": [[0.5, 1]],
      ]
      lines += row.text + "\n"
    }
    try OutputFile.write(directory + "/metadata.jsonl", lines.utf8)
  }
}

// MARK: Files

extension TinyDataset {
  /// Writes the files into a folder.
  public static func write(_ files: [(name: String, bytes: [UInt8])], into folder: String) throws {
    try makeDirectories(folder)
    for file in files { try OutputFile.write("\(folder)/\(file.name)", file.bytes) }
  }

  /// Writes the files as a `.tar.gz` in which they stand under `folder`.
  public static func writeArchive(_ files: [(name: String, bytes: [UInt8])], folder: String, to path: String) throws {
    try OutputFile.write(path, gzipped(tarred(files.map { ("\(folder)/\($0.name)", $0.bytes) })))
  }
}

// MARK: Reading

/// What each position of a source gives.
public func slots(of source: some Source<Sample>) async throws -> [Slot<Sample>] {
  let flow = try await source.flow()
  return try await flow.read(Array(0..<flow.count), flow.run)
}

/// The samples of a source, in order.
/// - Throws: the first failure.
public func samples(of source: some Source<Sample>) async throws -> [Sample] {
  try await slots(of: source).compactMap {
    switch $0 {
    case .element(let sample): sample
    case .failed(let error): throw error
    case .absent: nil
    }
  }
}
