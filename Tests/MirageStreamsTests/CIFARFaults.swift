import MirageSupport
import Glibc
import MirageStreams
import StreamsTestSupport
import TestSupport

extension Fault {
  /// CIFAR-10 in a folder with one of its files replaced, or removed where there is nothing.
  private static func cifar(
    _ name: String, python: Bool = false, _ file: String, _ content: [UInt8]?, says: String, place: String? = nil,
    kind: MirageError.Kind = .badData
  ) -> Fault {
    Fault(name: "CIFAR-10: \(name)", kind: kind, file: file, says: says, place: place) { directory in
      try TinyDataset.write(python ? TinyDataset.cifarPython() : TinyDataset.cifarBinary(), into: directory.path)
      if let content { try directory.write(file, content) } else { try removeTree(directory.file(file)) }
      return CIFAR10(directory: directory.path)
    }
  }

  /// CIFAR-10's archive of other bytes.
  private static func archive(
    _ name: String, says: String, kind: MirageError.Kind = .badData, file: String = "cifar-10-binary.tar.gz",
    _ bytes: @escaping @Sendable () throws -> [UInt8]
  ) -> Fault {
    Fault(name: "CIFAR-10.tar.gz: \(name)", kind: kind, file: file, says: says) { directory in
      try directory.write("cifar-10-binary.tar.gz", bytes())
      return CIFAR10(directory: directory.path)
    }
  }

  private static func tar(_ change: (inout [(name: String, bytes: [UInt8])]) -> Void) throws -> [UInt8] {
    var files = TinyDataset.cifarBinary()
    change(&files)
    return try gzipped(tarred(files))
  }

  private static let record = TinyDataset.cifarBinary()[0].bytes
  private static let planes = [UInt8](repeating: 1, count: 6144)

  static let cifar: [Fault] = [
    Fault(name: "CIFAR-10: no directory", kind: .missingInput, file: "/none", says: "no such") {
      CIFAR10(directory: $0.file("none"))
    },
    Fault(name: "CIFAR-10: nothing there", kind: .missingInput, file: "", says: "neither") {
      CIFAR10(directory: $0.path)
    },
    cifar("a batch is missing", "data_batch_4.bin", nil, says: "no such file", kind: .missingInput),
    cifar("an empty batch", "data_batch_2.bin", [], says: "empty"),
    cifar("half a record", "data_batch_2.bin", Array(record[..<1000]), says: "truncated", place: "byte 0"),
    cifar("a record and a label", "data_batch_2.bin", Array(record[..<3074]), says: "truncated", place: "byte 3073"),
    cifar("one byte too many", "data_batch_5.bin", record + [0], says: "truncated", place: "byte 9219"),
    cifar(
      "a label out of range", "data_batch_3.bin", record + [10] + record[1..<3073], says: "label 10", place: "byte 9219"
    ),
    cifar("names that are not UTF-8", "batches.meta.txt", [0xC0, 0x80], says: "UTF-8"),
    cifar("fewer names than labels", "batches.meta.txt", Array("a\nb\n".utf8), says: "out of range").naming(
      "data_batch_1.bin"),
    cifar("python: a batch is missing", python: true, "data_batch_4", nil, says: "no such file", kind: .missingInput),
    cifar("python: an empty batch", python: true, "data_batch_2", [], says: "empty"),
    cifar("python: no pickle", python: true, "data_batch_2", Array("not a pickle".utf8), says: "not allowed"),
    cifar(
      "python: truncated", python: true, "data_batch_2", TinyDataset.pickledBatch([1, 2], planes).dropLast(5),
      says: "ends"),
    cifar(
      "python: cut in its data", python: true, "data_batch_2",
      Array(TinyDataset.pickledBatch([1, 2], planes)[..<3000]), says: "ends"),
    cifar(
      "python: a harmful pickle", python: true, "data_batch_2", Array("cos\nsystem\n(S'true'\ntR.".utf8),
      says: "os.system"),
    cifar("python: another value", python: true, "data_batch_2", [0x80, 2, 0x4E, 0x2E], says: "no data"),
    cifar(
      "python: more rows than bytes", python: true, "data_batch_2", TinyDataset.pickledBatch([1, 2, 3], planes),
      says: "shape [3, 3072]"),
    cifar(
      "python: fewer labels", python: true, "data_batch_2", TinyDataset.pickledBatch([1], planes, rows: 2),
      says: "1 labels for 2 images"),
    cifar(
      "python: a label out of range", python: true, "data_batch_2", TinyDataset.pickledBatch([1, 200], planes),
      says: "out of range", place: "label 1"),
    cifar("python: no names", python: true, "batches.meta", [0x80, 2, 0x7D, 0x2E], says: "label_names"),
    Fault(name: "CIFAR-10: python: a batch of a terabyte", file: "data_batch_1", says: "limit") {
      try TinyDataset.write(TinyDataset.cifarPython(), into: $0.path)
      if truncate($0.file("data_batch_1"), 1 << 40) != 0 { try $0.write("data_batch_1", []) }
      return CIFAR10(directory: $0.path)
    },
    archive("empty", says: "truncated") { [] },
    archive("not gzip", says: "check sum") { [UInt8](repeating: 7, count: 2000) },
    archive("truncated gzip", says: "truncated") { try tar { _ in }.dropLast(30) },
    archive("corrupt gzip", says: "corrupt") {
      var bytes = try tar { _ in }
      bytes[bytes.count / 2] ^= 0xFF
      return bytes
    },
    archive("truncated tar", says: "truncated") {
      try gzipped(tarred(TinyDataset.cifarBinary()).dropLast(5000))
    },
    archive("corrupt tar", says: "check sum") {
      var bytes = try tarred(TinyDataset.cifarBinary())
      bytes[3] ^= 1
      return try gzipped(bytes)
    },
    archive("a batch is missing", says: "no member data_batch_3.bin", kind: .missingInput) {
      try tar { $0.remove(at: 2) }
    },
    archive("no batches", says: "neither", kind: .missingInput, file: "") { try tar { $0 = [] } },
    archive("an empty member", says: "empty", file: "data_batch_2.bin") { try tar { $0[1].bytes = [] } },
    archive("a member that climbs", says: "outside") { try tar { $0.append(("../x", [])) } },
    archive("an absolute member", says: "outside") { try tar { $0.append(("/tmp/x", [])) } },
    archive("a link", says: "link") {
      var header = try TarWriter.header("data_batch_1.bin", size: 0)
      header[156] = UInt8(ascii: "2")
      // One more in the type is one more in the check sum's last digit.
      header.replaceSubrange(148..<156, with: [UInt8](repeating: 32, count: 8))
      let sum = String(header.reduce(0) { $0 + Int($1) }, radix: 8)
      header.replaceSubrange(148..<156, with: Array("0\(sum)\0 ".utf8))
      return try gzipped(header + TarWriter.end)
    },
    Fault(name: "CIFAR-100: nothing there", kind: .missingInput, file: "train.bin", says: "no such file") {
      CIFAR100(directory: $0.path)
    },
    Fault(name: "CIFAR-100: truncated", file: "train.bin", says: "truncated", place: "byte 3074") {
      try $0.write("train.bin", Array(TinyDataset.cifar100()[0].bytes[..<4000]))
      return CIFAR100(directory: $0.path)
    },
    Fault(name: "CIFAR-100: a coarse label out of range", file: "train.bin", says: "label 20", place: "byte 3074") {
      var bytes = TinyDataset.cifar100()[0].bytes
      bytes[3074] = 20
      try $0.write("train.bin", bytes)
      return CIFAR100(directory: $0.path, labels: .coarse)
    },
    Fault(name: "CIFAR-100: names that are not UTF-8", file: "fine_label_names.txt", says: "UTF-8") {
      try TinyDataset.write(TinyDataset.cifar100(), into: $0.path)
      try $0.write("fine_label_names.txt", [0xFF])
      return CIFAR100(directory: $0.path)
    },
  ]

  /// The same fault, found in another file than the one that was changed.
  func naming(_ file: String) -> Fault {
    Fault(name: name, kind: kind, file: file, says: says, place: place, sample: sample, make: make)
  }
}
