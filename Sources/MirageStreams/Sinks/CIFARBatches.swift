import MirageSupport

/// One file of the dataset: a head, consecutive records with or without their labels, and a tail.
struct BatchContent {
  var head: [UInt8] = []
  let file: InputFile
  let records: Range<Int>
  let keepsLabels: Bool
  var tail: [UInt8] = []

  init(file: InputFile, records: Range<Int>, keepsLabels: Bool) {
    (self.file, self.records, self.keepsLabels) = (file, records, keepsLabels)
  }

  var size: Int { head.count + records.count * (CIFARSink.pixels + (keepsLabels ? 1 : 0)) + tail.count }

  /// Passes the content to `body` piece by piece, so that it is never all in memory.
  func pieces(_ body: ([UInt8]) throws -> Void) throws {
    try body(head)
    try forEachPiece { bytes in
      if keepsLabels { return try body(bytes) }
      var pixels: [UInt8] = []
      pixels.reserveCapacity(bytes.count)
      for start in stride(from: 0, to: bytes.count, by: CIFARSink.pixels + 1) {
        pixels += bytes[(start + 1)..<(start + CIFARSink.pixels + 1)]
      }
      try body(pixels)
    }
    try body(tail)
  }

  /// Passes the records to `body` as they are in the file, a few at a time.
  func forEachPiece(_ body: ([UInt8]) throws -> Void) throws {
    let size = CIFARSink.pixels + 1
    for start in stride(from: records.lowerBound, to: records.upperBound, by: 256) {
      try Task.checkCancellation()
      try body(file.read(at: start * size, count: min(256, records.upperBound - start) * size))
    }
  }
}

/// Output of the batches: files in a folder, or members of an archive.
struct BatchOutput {
  private let folder: String
  private let archive: GzipWriter?
  private let member: String

  init(_ sink: CIFARSink, data: String) throws {
    archive = sink.archive ? try GzipWriter(data + "/" + sink.sharedFiles()![0], level: 6) : nil
    member = sink.folder + "/"
    folder = !sink.archive && sink.format == .python ? data + "/" + sink.folder : data
    try makeDirectories(folder)
  }

  func put(_ name: String, _ content: [UInt8]) throws {
    if let archive {
      try archive.append(try TarWriter.member(member + name, content))
    } else {
      try OutputFile.write(folder + "/" + name, content)
    }
  }

  func put(_ name: String, _ batch: BatchContent) throws {
    if let archive {
      try archive.append(try TarWriter.header(member + name, size: batch.size))
      try batch.pieces(archive.append)
      try archive.append([UInt8](repeating: 0, count: (512 - batch.size % 512) % 512))
    } else {
      let file = try OutputFile(folder + "/" + name)
      try batch.pieces { try file.append($0) }
      try file.flush()
    }
  }

  func close() throws {
    try archive?.append(TarWriter.end)
    try archive?.close()
  }
}

/// The part of pickle protocol 2 that CIFAR's Python version needs, with text as Python 2 wrote it: `encoding="latin1"`
/// gives str keys, `encoding="bytes"` bytes keys, as with the original files.
private struct Pickler {
  var bytes: [UInt8] = [0x80, 2]

  mutating func op(_ character: Unicode.Scalar) { bytes.append(UInt8(ascii: character)) }

  mutating func text(_ text: some StringProtocol) {
    let utf8 = Array(text.utf8)
    if utf8.count < 256 {
      op("U")
      bytes.append(UInt8(utf8.count))
      bytes += utf8
    } else {
      dataHead(count: utf8.count)
      bytes += utf8
    }
  }

  /// Appends the header of `count` bytes, which follow.
  mutating func dataHead(count: Int) {
    op("T")
    bytes += littleEndian(count)
  }

  mutating func integer(_ value: Int) {
    op("J")
    bytes += littleEndian(value)
  }

  mutating func list<Item>(_ items: some Sequence<Item>, _ write: (inout Pickler, Item) -> Void) {
    op("]")
    op("(")
    for item in items { write(&self, item) }
    op("e")
  }

  /// Appends an array of bytes with two dimensions, up to its content; `arrayTail` ends it.
  mutating func arrayHead(rows: Int, columns: Int) {
    bytes += "cnumpy.core.multiarray\n_reconstruct\n".utf8
    bytes += "cnumpy\nndarray\n".utf8
    integer(0)
    bytes.append(0x85)
    text("b")
    bytes += [0x87, UInt8(ascii: "R"), UInt8(ascii: "(")]
    integer(1)
    integer(rows)
    integer(columns)
    bytes.append(0x86)
    bytes += "cnumpy\ndtype\n".utf8
    text("u1")
    integer(0)
    integer(1)
    bytes += [0x87, UInt8(ascii: "R"), UInt8(ascii: "(")]
    integer(3)
    text("|")
    bytes += "NNN".utf8
    integer(-1)
    integer(-1)
    integer(0)
    bytes += "tb".utf8
    bytes.append(0x89)
    dataHead(count: rows * columns)
  }

  static let arrayTail = Array("tb".utf8)

  private func littleEndian(_ value: Int) -> [UInt8] {
    [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: value >> $0) }
  }
}

extension BatchContent {
  /// Creates a batch of the Python version: a dictionary whose `data` are the records without their labels.
  init(pickling file: InputFile, records: Range<Int>, title: String, names: ArraySlice<Substring>) throws {
    self.init(file: file, records: records, keepsLabels: false)
    var labels: [UInt8] = []
    try forEachPiece { bytes in
      labels += stride(from: 0, to: bytes.count, by: CIFARSink.pixels + 1).map { bytes[$0] }
    }
    var pickler = Pickler()
    pickler.op("}")
    pickler.op("(")
    pickler.text("batch_label")
    pickler.text(title)
    pickler.text("labels")
    pickler.list(labels) { $0.integer(Int($1)) }
    pickler.text("data")
    pickler.arrayHead(rows: records.count, columns: CIFARSink.pixels)
    head = pickler.bytes
    pickler.bytes = Pickler.arrayTail
    pickler.text("filenames")
    pickler.list(names) { $0.text($1) }
    pickler.op("u")
    pickler.op(".")
    tail = pickler.bytes
  }
}

func pickledMeta(classes: [String], perBatch: Int) -> [UInt8] {
  var pickler = Pickler()
  pickler.op("}")
  pickler.op("(")
  pickler.text("num_cases_per_batch")
  pickler.integer(perBatch)
  pickler.text("label_names")
  pickler.list(classes) { $0.text($1) }
  pickler.text("num_vis")
  pickler.integer(CIFARSink.pixels)
  pickler.op("u")
  pickler.op(".")
  return pickler.bytes
}
