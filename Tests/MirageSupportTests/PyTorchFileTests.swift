import MirageSupport
import TestSupport
import Testing

@Suite struct PyTorchFileTests {
  let directory = TemporaryDirectory()

  /// What torch.save wrote (Tests/Golden/make_checkpoints.py).
  @Test(arguments: ["types", "views", "model", "model-4", "training", "bare", "legacy"])
  func readsWhatPyTorchWrites(_ name: String) throws {
    let tensors = try PyTorchFile(reading: goldenCheckpoints + name + ".pth").tensors
    let expected = try expectedTensors(name + ".pth")
    #expect(!expected.isEmpty)
    #expect(Set(tensors.keys) == Set(expected.keys))
    for (name, tensor) in expected { #expect(tensors[name] == tensor, "\(name)") }
    #expect(try readTensors(goldenCheckpoints + name + ".pth").tensors == expected)
  }

  /// The content decides, whatever the file is called.
  @Test func recognisesByContent() throws {
    for (name, copy) in [("model.pth", "a.safetensors"), ("types.safetensors", "a.pth")] {
      try directory.write(copy, InputFile.contents(of: goldenCheckpoints + name))
      #expect(try readTensors(directory.file(copy)).tensors == expectedTensors(name))
    }
  }

  // MARK: Pickles made by hand

  private static let storage = "(Vstorage\nctorch\nFloatStorage\nV0\nVcpu\nI6\ntQ"

  /// A tensor in the opcodes of protocol 0, without the end of the pickle.
  private static func tensor(
    _ storage: String = storage, offset: String = "I0\n", size: String = "(I2\nI3\nt", stride: String = "(I3\nI1\nt",
    rest: String = "I00\n(t", name: String = "_rebuild_tensor_v2"
  ) -> String { "ctorch._utils\n\(name)\n(\(storage)\(offset)\(size)\(stride)\(rest)tR" }

  /// An archive whose storage 0 has the six numbers 0 to 5.
  private func file(
    _ pickle: some Sequence<UInt8>, order: String? = "little", folder: String = "archive/", storage: Bool = true
  ) throws -> String {
    var zip = ZipWriter()
    zip.add(folder + "data.pkl", Array(pickle))
    if let order { zip.add(folder + "byteorder", Array(order.utf8)) }
    let numbers = (0..<6).flatMap { value in withUnsafeBytes(of: Float(value)) { Array($0) } }
    if storage { zip.add(folder + "data/0", numbers) }
    try removeTree(directory.file("a.pth"))  // to write over a file waits for the disk
    return try directory.write("a.pth", zip.finished())
  }

  @Test func readsByHand() throws {
    let dense = StoredTensor(shape: [2, 3], values: [0, 1, 2, 3, 4, 5])
    #expect(try PyTorchFile(reading: file((Self.tensor() + ".").utf8)).tensors == ["": dense])
    #expect(try PyTorchFile(reading: file((Self.tensor() + ".").utf8, order: nil)).tensors == ["": dense])
    let ordered = Self.tensor(rest: "I00\nccollections\nOrderedDict\n(tR")
    let nested = "(dVa\n(lI1\na\(Self.tensor())a\(ordered)asI7\n(I1\n\(Self.tensor())tsNNs."
    #expect(try PyTorchFile(reading: file(nested.utf8)).tensors == ["a.1": dense, "a.2": dense, "7.1": dense])
    // The corners of a storage: its last element alone, and rows that overlap.
    let last = Self.tensor(offset: "I5\n", size: "(I1\nt", stride: "(I9223372036854775807\nt")
    #expect(try PyTorchFile(reading: file((last + ".").utf8)).tensors[""]?.values == [5])
    let rows = Self.tensor(offset: "I1\n", size: "(I3\nI2\nI2\nt", stride: "(I1\nI1\nI1\nt")
    #expect(
      try PyTorchFile(reading: file((rows + ".").utf8)).tensors[""]?.values == [1, 2, 2, 3, 2, 3, 3, 4, 3, 4, 4, 5])
    #expect(try PyTorchFile(reading: file("(l.".utf8)).tensors == [:])
  }

  struct Fault: Sendable, CustomTestStringConvertible {
    let name, says: String
    let pickle: [UInt8]
    init(_ name: String, says: String, _ text: String) {
      (self.name, self.says, pickle) = (name, says, Array(text.utf8))
    }
    var testDescription: String { name }
  }

  private static func storage(_ parts: String) -> String { tensor("(\(parts)tQ") + "." }
  private static func repeating(_ text: String, _ count: Int) -> String { String(repeating: text, count: count) }

  static let faults: [Fault] = [
    Fault("empty", says: "ends", ""),
    Fault("os.system", says: "import os.system", "cos\nsystem\n(Vtrue\ntR."),
    Fault("os.system alone", says: "import os.system", "(l\(tensor())acos\nsystem\na."),
    Fault("posix.system", says: "import posix.system", "cposix\nsystem\n(Vtrue\ntR."),
    Fault("builtins.eval", says: "import builtins.eval", "cbuiltins\neval\n(V1\ntR."),
    Fault("another name of torch", says: "import torch.load", "ctorch\nload\n(Vx\ntR."),
    Fault("a class of torch.nn", says: "import torch.nn.modules.linear.Linear", "ctorch.nn.modules.linear\nLinear\n."),
    Fault("an untyped storage", says: "import torch.storage.UntypedStorage", "ctorch.storage\nUntypedStorage\n."),
    Fault("a name within a name", says: "import torch.FloatStorage.x", "ctorch\nFloatStorage.x\n."),
    Fault("an instance", says: "not allowed", "(Vx\nios\nsystem\n."),
    Fault("a textual persistent id", says: "not allowed", "P0\n."),
    Fault("a storage called", says: "other arguments", "ctorch\nFloatStorage\n(I3\ntR."),
    Fault("a tensor called", says: "refused", "\(tensor())(tR."),
    Fault("a tensor's state", says: "unknown state", "\(tensor())(db."),
    Fault("a dictionary's state of another kind", says: "unknown state", "ccollections\nOrderedDict\n(tR(tb."),
    Fault("an ordered dictionary of pairs", says: "other arguments", "ccollections\nOrderedDict\n((ltR."),
    Fault("a size of nothing", says: "other arguments", "ctorch\nSize\n(tR."),
    Fault("a size of a number", says: "other arguments", "ctorch\nSize\n(I3\ntR."),
    Fault("a name as a value", says: "where a value is needed", "(lctorch\nFloatStorage\na."),
    Fault("a storage as a value", says: "a storage where", "(l\(storage)a."),
    Fault("a parameter of a number", says: "without a tensor", "ctorch._utils\n_rebuild_parameter\n(I3\nI00\n(ttR."),
    Fault("a parameter alone", says: "other arguments", "ctorch._utils\n_rebuild_parameter\n(\(tensor())tR."),
    Fault("a tensor of nothing", says: "other arguments", "ctorch._utils\n_rebuild_tensor_v2\n(tR."),
    Fault("a tensor of five arguments", says: "other arguments", tensor(rest: "N") + "."),
    Fault("a negated view", says: "resolve_neg", tensor(rest: "I00\n(t(Vneg\nI01\nd") + "."),
    Fault("a tensor of eight arguments", says: "other arguments", tensor(rest: "NNNN") + "."),
    Fault("a tensor without storage", says: "is damaged", tensor("N") + "."),
    Fault("a tensor of a tensor", says: "is damaged", tensor(tensor()) + "."),
    Fault("an offset that is text", says: "is damaged", tensor(offset: "V0\n") + "."),
    Fault("a size that is a list", says: "is damaged", tensor(size: "(I2\nI3\nl") + "."),
    Fault("a size with text", says: "is damaged", tensor(size: "(V2\nI3\nt") + "."),
    Fault("fewer strides", says: "is damaged", tensor(stride: "(I1\nt") + "."),
    Fault(
      "65 dimensions", says: "is damaged",
      tensor(size: "(\(repeating("I1\n", 65))t", stride: "(\(repeating("I1\n", 65))t") + "."),
    Fault("a negative offset", says: "negative offset", tensor(offset: "I-1\n") + "."),
    Fault("a negative stride", says: "negative offset or stride", tensor(stride: "(I-3\nI1\nt") + "."),
    Fault("a negative size", says: "negative or too large", tensor(size: "(I-2\nI3\nt") + "."),
    Fault("a size of 2^62", says: "negative or too large", tensor(size: "(I4611686018427387904\nI3\nt") + "."),
    Fault("sizes that overflow", says: "negative or too large", tensor(size: "(I4294967296\nI4294967296\nt") + "."),
    Fault("overflow beside 0", says: "negative or too large", tensor(size: "(I0\nI4611686018427387904\nt") + "."),
    Fault("one too far", says: "element 6 of a storage of 6", tensor(offset: "I1\n") + "."),
    Fault("strides too far", says: "element 7 of", tensor(stride: "(I3\nI2\nt") + "."),
    Fault("an offset of 2^63 - 1", says: "overflow", tensor(offset: "I9223372036854775807\n") + "."),
    Fault("a stride of 2^63 - 1", says: "overflow", tensor(stride: "(I1\nI9223372036854775807\nt") + "."),
    Fault("10^12 elements", says: "plausible", tensor(size: "(I1000000\nI1000000\nt", stride: "(I0\nI0\nt") + "."),
    Fault("2^31 elements", says: "plausible", tensor(size: "(I2147483648\nI1\nt", stride: "(I0\nI0\nt") + "."),
    Fault(
      "many tensors of a million", says: "plausible",
      "(l" + repeating(tensor(size: "(I1000000\nt", stride: "(I0\nt") + "a", 20) + "."),
    Fault(
      "names that multiply", says: "64 MB", "(dV\(repeating("x", 1 << 20))\n(l" + repeating("\(tensor())a", 70) + "s."),
    Fault("two tensors of one name", says: "the name a.b", "(dVa\n(dVb\n\(tensor())ssVa.b\n\(tensor())s."),
    Fault("a dictionary in itself", says: "referring to themselves", "(dp0\nVa\ng0\ns."),
    Fault("nested lists", says: "nested too deeply", repeating("(", 200_000) + repeating("l", 200_000) + "."),
    Fault("an id that is text", says: "persistent id", tensor("Vstorage\nQ") + "."),
    Fault("an empty id", says: "persistent id", storage("")),
    Fault("an id of another kind", says: "persistent id", storage("Vmodule\nctorch\nFloatStorage\nV0\nVcpu\nI6\n")),
    Fault("an id of four parts", says: "persistent id", storage("Vstorage\nctorch\nFloatStorage\nV0\nVcpu\n")),
    Fault("an id of six parts", says: "persistent id", storage("Vstorage\nctorch\nFloatStorage\nV0\nVcpu\nI6\nI0\n")),
    Fault("an id of a class's name", says: "persistent id", storage("Vstorage\nVFloatStorage\nV0\nVcpu\nI6\n")),
    Fault("an id of another class", says: "persistent id", storage("Vstorage\ncnumpy\ndtype\nV0\nVcpu\nI6\n")),
    Fault(
      "an id whose key is a number", says: "persistent id", storage("Vstorage\nctorch\nFloatStorage\nI0\nVcpu\nI6\n")),
    Fault("an id without a place", says: "persistent id", storage("Vstorage\nctorch\nFloatStorage\nV0\nNI6\n")),
    Fault("a negative count", says: "persistent id", storage("Vstorage\nctorch\nFloatStorage\nV0\nVcpu\nI-6\n")),
    Fault(
      "a count of 2^63 - 1", says: "persistent id", storage("Vstorage\nctorch\nFloatStorage\nV0\nVcpu\nI\(Int.max)\n")),
    Fault("a count of 2^40", says: "plausible", storage("Vstorage\nctorch\nFloatStorage\nV0\nVcpu\nI1099511627776\n")),
    Fault(
      "a count that is too large", says: "24 bytes, where 7", storage("Vstorage\nctorch\nFloatStorage\nV0\nVcpu\nI7\n")),
    Fault("another type", says: "24 bytes, where 6", storage("Vstorage\nctorch\nHalfStorage\nV0\nVcpu\nI6\n")),
    Fault("a storage that is not there", says: "missing", storage("Vstorage\nctorch\nFloatStorage\nV1\nVcpu\nI6\n")),
    Fault("a storage elsewhere", says: "missing", storage("Vstorage\nctorch\nFloatStorage\nV../data.pkl\nVcpu\nI6\n")),
  ]

  @Test(arguments: faults) func refuses(_ fault: Fault) throws {
    let path = try file(fault.pickle)
    let error = #expect(throws: MirageError.self) { try readTensors(path) }
    #expect(error?.kind == .badData)
    #expect(error?.message.contains(fault.says) == true, "\(error?.message ?? "nothing")")
    #expect(error?.file == path)
    #expect(error?.place?.hasPrefix("member archive/data") == true || error?.place?.hasPrefix("tensor ") == true)
    #expect(error?.remedy?.contains("torch.save") == true)
  }

  /// The names of PyTorch mean something in its own files only.
  @Test(arguments: [
    "ccollections\nOrderedDict\n(tR.", "ctorch\nFloatStorage\n.", "ctorch\nSize\n((ttR.", "(Vstorage\ntQ.",
    "ctorch._utils\n_rebuild_tensor_v2\n.", "ctorch._utils\n_rebuild_parameter\n.",
  ]) func otherPicklesDoNotKnowPyTorch(_ pickle: String) {
    let error = #expect(throws: MirageError.self) { try Unpickler.load(pickle.utf8) }
    #expect(
      error?.message.contains("wants to import") == true || error?.message.contains("operation 81 is not") == true)
  }

  @Test func refusesOtherFiles() throws {
    func message(_ path: String) -> String {
      let error = #expect(throws: MirageError.self) { try readTensors(path) }
      #expect(error?.file == path)
      return error.map { "\($0)" } ?? ""
    }
    let module = message(goldenCheckpoints + "module.pth")
    #expect(module.contains("import torch.nn.modules.linear.Linear") && module.contains("model.state_dict()"))
    let pickle = (Self.tensor() + ".").utf8
    #expect(message(try file(pickle, order: "big")).contains("byte order is big"))
    #expect(message(try file(pickle, order: "")).contains("byte order"))
    #expect(message(try file(pickle, storage: false)).contains("storage is missing"))
    #expect(message(try file(pickle, folder: "")).contains("without data.pkl"))
    var twice = ZipWriter()
    for _ in 0..<2 { twice.add("archive/data.pkl", Array(pickle)) }
    #expect(!message(try directory.write("twice", twice.finished())).isEmpty)
    #expect(throws: MirageError.self) { try PyTorchFile(reading: goldenCheckpoints + "types.safetensors") }
    #expect(throws: MirageError.self) { try PyTorchFile(reading: "/nowhere") }
  }

  /// Wherever the file, or the pickle in it, is cut off, it is an error.
  @Test func refusesTruncated() throws {
    let bytes = try InputFile.contents(of: goldenCheckpoints + "bare.pth")
    let zip = try Zip(goldenCheckpoints + "model.pth")
    let pickle = try zip.contents(at: zip.names.firstIndex(of: "model/data.pkl")!)
    for count in bytes.indices {
      let path = try directory.write("cut-\(count).pth", bytes[..<count])
      #expect(throws: MirageError.self) { try readTensors(path) }
    }
    for count in pickle.indices {
      let path = try file(pickle[..<count])
      #expect(throws: MirageError.self) { try PyTorchFile(reading: path) }
    }
  }
}
