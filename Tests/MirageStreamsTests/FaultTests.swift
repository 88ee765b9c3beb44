import MirageSupport
import Glibc
import MirageMedia
import MirageStreams
import StreamsTestSupport
import TestSupport
import Testing

/// A broken dataset, and the error it must give.
struct Fault: Sendable, CustomTestStringConvertible {
  let name: String
  var kind = MirageError.Kind.badData
  /// The file that the error names, as it ends.
  let file: String
  /// A part of the message.
  let says: String
  /// Where in the file, if the reader can know.
  var place: String?
  /// Which sample fails; nil where the dataset does not open.
  var sample: Int?
  let make: @Sendable (TemporaryDirectory) throws -> any Source<Sample>
  var testDescription: String { name }

  /// Opens and reads the source, and compares what goes wrong.
  func check() async throws {
    let directory = TemporaryDirectory()
    let source = try make(directory)
    var error: MirageError?
    do {
      let slots = try await slots(of: source)
      #expect(sample != nil, "the dataset opened")
      for (index, slot) in slots.enumerated() {
        // One bad sample leaves the others be: the policy to skip depends on it.
        switch slot {
        case .element: #expect(index != sample)
        case .failed(let failure):
          #expect(index == sample)
          error = failure.error
          if error?.file == nil { error?.file = failure.origin }
        case .absent: Issue.record("a position without sample")
        }
      }
    } catch let thrown as MirageError {
      #expect(sample == nil, "\(thrown)")
      error = thrown
    }
    #expect(error?.kind == kind)
    #expect(error?.message.contains(says) == true, "\(error?.message ?? "nothing")")
    #expect(error?.file?.hasSuffix(file) == true, "\(error?.file ?? "no file")")
    if let place { #expect(error?.place == place) }
  }
}

/// A reader's table: what is written, broken, and opened.
extension Fault {
  /// MNIST with one of its files replaced.
  private static func mnist(
    _ name: String, images: [UInt8]? = nil, labels: [UInt8]? = nil, says: String, place: String? = nil,
    classes: [String] = []
  ) -> Fault {
    let file = images != nil ? "train-images-idx3-ubyte" : "train-labels-idx1-ubyte"
    return Fault(name: "MNIST: \(name)", file: file, says: says, place: place) { directory in
      try TinyDataset.writeMNIST(directory.path)
      try directory.write(file, images ?? labels!)
      return MNIST(directory: directory.path, classes: classes)
    }
  }

  /// MNIST whose image file is gzip data.
  private static func zipped(_ name: String, says: String, _ change: @escaping @Sendable (inout [UInt8]) -> Void)
    -> Fault
  {
    Fault(name: "MNIST.gz: \(name)", file: "train-images-idx3-ubyte.gz", says: says) { directory in
      try TinyDataset.writeMNIST(directory.path, gzip: true)
      var bytes = try InputFile.contents(of: directory.file("train-images-idx3-ubyte.gz"))
      change(&bytes)
      try directory.write("train-images-idx3-ubyte.gz", bytes)
      return MNIST(directory: directory.path)
    }
  }

  private static let ten = [UInt8](repeating: 0, count: 10)
  private static let good = TinyDataset.idx([12, 6, 5], [UInt8](repeating: 0, count: 360))

  static let idx: [Fault] = [
    Fault(name: "MNIST: no directory", kind: .missingInput, file: "/none", says: "no such directory") {
      MNIST(directory: $0.file("none"))
    },
    Fault(name: "MNIST: nothing there", kind: .missingInput, file: "", says: "train-images-idx3-ubyte") {
      MNIST(directory: $0.path)
    },
    Fault(name: "MNIST: no labels", kind: .missingInput, file: "train-labels-idx1-ubyte", says: "no such file") {
      try TinyDataset.writeMNIST($0.path)
      try removeTree($0.file("train-labels-idx1-ubyte"))
      return MNIST(directory: $0.path)
    },
    Fault(name: "MNIST: no images", kind: .missingInput, file: "train-images-idx3-ubyte", says: "no such file") {
      try TinyDataset.writeMNIST($0.path)
      try removeTree($0.file("train-images-idx3-ubyte"))
      return MNIST(directory: $0.path)
    },
    mnist("empty images", images: [], says: "empty"),
    mnist("empty labels", labels: [], says: "empty"),
    mnist("half a magic", images: [0, 0], says: "ends", place: "byte 0"),
    mnist("a magic alone", images: Array(good[..<4]), says: "ends", place: "byte 4"),
    mnist("half a header", images: Array(good[..<14]), says: "ends", place: "byte 12"),
    mnist("a header alone", images: Array(good[..<16]), says: "truncated", place: "byte 16"),
    mnist("one byte too few", images: good.dropLast(), says: "truncated", place: "byte 16"),
    mnist("one byte too many", images: good + [0], says: "too long", place: "byte 16"),
    mnist("wrong magic", images: Array("not an IDX file".utf8), says: "not an IDX file", place: "byte 0"),
    mnist("little-endian magic", images: [3, 8, 0, 0] + good.dropFirst(4), says: "not an IDX file", place: "byte 0"),
    mnist("no dimensions", images: [0, 0, 8, 0], says: "not an IDX file"),
    mnist("200 dimensions", images: [0, 0, 8, 200] + ten, says: "not an IDX file"),
    mnist(
      "floats", images: TinyDataset.idx([1, 1, 1], [0, 0, 0, 0], type: 0x0D), says: "not unsigned bytes",
      place: "byte 2"),
    mnist(
      "labels for images", images: TinyDataset.idx([12], Array(repeating: 0, count: 12)), says: "1 dimensions",
      place: "byte 3"),
    mnist("images for labels", labels: good, says: "3 dimensions", place: "byte 3"),
    mnist("five channels", images: TinyDataset.idx([1, 2, 1, 5], ten), says: "4 dimensions", place: "byte 3"),
    mnist("fewer labels", labels: TinyDataset.idx([10], ten), says: "10 labels", place: "byte 4"),
    mnist(
      "a label out of range", labels: TinyDataset.idx([12], ten + [9, 200]), says: "label 200", place: "byte 19",
      classes: (0..<10).map(String.init)),
    mnist("terabytes", images: TinyDataset.idx([60_000, 100_000, 100_000], ten), says: "truncated", place: "byte 16"),
    mnist(
      "sides that overflow", images: TinyDataset.idx([0xFFFF_FFFF, 0xFFFF_FFFF, 0xFFFF_FFFF], ten), says: "overflows"),
    Fault(name: "MNIST: no images, of sides that overflow", file: "train-images-idx3-ubyte", says: "claims images of") {
      try $0.write("train-images-idx3-ubyte", TinyDataset.idx([0, 0xFFFF_FFFF, 0xFFFF_FFFF, 4], []))
      try $0.write("train-labels-idx1-ubyte", TinyDataset.idx([0], []))
      return MNIST(directory: $0.path)
    },
    mnist("images without pixels", images: TinyDataset.idx([12, 0, 5], []), says: "0 x 5", place: "byte 8"),
    mnist(
      "images of a million rows",
      images: TinyDataset.idx([12, 1_000_000, 1], [UInt8](repeating: 0, count: 12_000_000)), says: "1000000 x 1",
      place: "byte 8"),
    Fault(name: "MNIST: classes that are not UTF-8", file: "classes.txt", says: "UTF-8", place: "line 2") {
      try TinyDataset.writeMNIST($0.path)
      try $0.write("classes.txt", Array("a\n".utf8) + [0xFF])
      return MNIST(directory: $0.path)
    },
    zipped("truncated", says: "truncated") { $0.removeLast(20) },
    zipped("cut in its head", says: "truncated") { $0 = Array($0[..<5]) },
    zipped("corrupt", says: "corrupt") { $0[$0.count / 2] ^= 0xFF },
    zipped("wrong check sum", says: "corrupt") { $0[$0.count - 6] ^= 0xFF },
    zipped("empty", says: "empty") { $0 = [] },
    zipped("gzip of nothing", says: "empty") { $0 = try! gzipped([]) },
  ]
}

@Suite struct FaultTests {
  @Test(arguments: Fault.idx) func mnist(_ fault: Fault) async throws { try await fault.check() }
  @Test(arguments: Fault.cifar) func cifar(_ fault: Fault) async throws { try await fault.check() }
  @Test(arguments: Fault.celeba) func celeba(_ fault: Fault) async throws { try await fault.check() }
  @Test(arguments: Fault.folders) func folders(_ fault: Fault) async throws { try await fault.check() }
  @Test(arguments: Fault.shards) func shards(_ fault: Fault) async throws { try await fault.check() }

  /// A directory that may not be read is named, as something missing that the user can mend.
  @Test func withoutPermission() throws {
    let directory = TemporaryDirectory()
    try TinyDataset.writeImageFolder(directory.file("data"))
    try directory.write("mnist/train-images-idx3-ubyte", [])
    try directory.write("mnist/train-labels-idx1-ubyte", [])
    chmod(directory.path, 0o755)
    chmod(directory.file("data"), 0)
    chmod(directory.file("mnist/train-images-idx3-ubyte"), 0)
    // Nothing is forbidden to root, but to one thread of it that accesses files as somebody else. (Swift's view of the
    // C library lacks this Linux call.)
    typealias Call = @convention(c) (UInt32) -> Int32
    let setfsuid = unsafeBitCast(try #require(dlsym(nil, "setfsuid")), to: Call.self)
    _ = setfsuid(65534)
    defer { _ = setfsuid(getuid()) }
    for (source, file) in [
      (ImageFolder(directory: directory.file("data")).flow, "/data"),
      (WebDataset(directory: directory.file("data")).flow, "/data"),
      (CIFAR10(directory: directory.file("data")).flow, "/data"),
      (MNIST(directory: directory.file("mnist")).flow, "/train-images-idx3-ubyte"),
    ] as [((Context) throws -> Flow<Sample>, String)] {
      // The permissions are this thread's, which must not change.
      let error = #expect(throws: MirageError.self) { try source(Context()) }
      #expect(error?.kind == .missingInput)
      #expect(error?.message.contains("permission denied") == true)
      #expect(error?.file?.hasSuffix(file) == true, "\(error?.file ?? "")")
    }
  }
}
