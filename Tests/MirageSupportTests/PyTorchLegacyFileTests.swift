import MirageSupport
import TestSupport
import Testing

/// Files in the format of PyTorch before 1.6, made by hand; PyTorchFileTests reads one that PyTorch wrote.
@Suite struct PyTorchLegacyFileTests {
  let directory = TemporaryDirectory()

  private static let magic: [UInt8] = [
    0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19,
  ]

  /// The parts of a file with a tensor of 2 × 3, in the opcodes of protocol 0.
  struct Parts: Sendable {
    var version = "I1001\n."
    var machine = "(dVlittle_endian\nI01\ns."
    var view = "N"
    /// The tensor where left out.
    var object: String?
    var keys = "(lV0\na."
    var count: UInt64 = 6
    var numbers: [Float] = [0, 1, 2, 3, 4, 5]

    /// The tensor's pickle, without its end.
    var tensor: String {
      let storage = "(Vstorage\nctorch\nFloatStorage\nV0\nVcpu\nI6\n\(view)tQ"
      return "ctorch._utils\n_rebuild_tensor_v2\n(\(storage)I0\n(I2\nI3\nt(I3\nI1\ntI00\n(ttR"
    }

    var bytes: [UInt8] {
      let pickles = version + machine + (object ?? tensor + ".") + keys
      return PyTorchLegacyFileTests.magic + Array(".\(pickles)".utf8)
        + withUnsafeBytes(of: count.littleEndian) { Array($0) }
        + numbers.flatMap { number in withUnsafeBytes(of: number) { Array($0) } }
    }

    init(_ change: (inout Parts) -> Void = { _ in }) { change(&self) }
  }

  @Test func readsByHand() throws {
    let path = try directory.write("a.pth", Parts().bytes)
    #expect(try readTensors(path).tensors == ["": StoredTensor(shape: [2, 3], values: [0, 1, 2, 3, 4, 5])])
    let none = try directory.write("b.pth", Parts { ($0.object, $0.keys) = ("(l.", "(l.") }.bytes)
    #expect(try readTensors(none).tensors.isEmpty)
  }

  struct Fault: Sendable, CustomTestStringConvertible {
    let says: String
    let parts: Parts
    init(_ says: String, _ change: (inout Parts) -> Void) { (self.says, parts) = (says, Parts(change)) }
    var testDescription: String { says }
  }

  static let faults = [
    Fault("another version of the old format than 1001") { $0.version = "I1000\n." },
    Fault("another version") { $0.version = "N." },
    Fault("not little-endian") { $0.machine = "(dVlittle_endian\nI00\ns." },
    Fault("byte order") { $0.machine = "(d." },
    Fault("import os.system") { $0.machine = "cos\nsystem\n(Vtrue\ntR." },
    Fault("import posix.system") { $0.object = "cposix\nsystem\n(Vtrue\ntR." },
    Fault("import torch.FloatStorage") { $0.keys = "ctorch\nFloatStorage\n." },
    Fault("persistent id") { $0.view = "(V1\nI0\nI6\nt" },
    Fault("persistent id that is") { $0.view = "NN" },
    Fault("no list of storages") { $0.keys = "I1\n." },
    Fault("a storage that no tensor is a view of") { $0.keys = "(lV1\na." },
    Fault("that no tensor") { $0.keys = "(lI0\na." },
    Fault("storage 0 is missing") { $0.keys = "(l." },
    Fault("before the numbers of storage 0 do") { $0.count = 7 },
    Fault("before the numbers of") { $0.count = 1 << 63 },
    Fault("20 bytes, where 6 numbers") { $0.count = 5 },
    Fault("two tensors have the name") { $0.object = "(dI1\n\($0.tensor)sV1\n\($0.tensor)s." },
  ]

  @Test(arguments: faults) func refuses(_ fault: Fault) throws {
    let path = try directory.write("a.pth", fault.parts.bytes)
    let error = #expect(throws: MirageError.self) { try readTensors(path) }
    #expect(error?.kind == .badData && error?.file == path)
    #expect(error?.message.contains(fault.says) == true, "\(error?.message ?? "nothing")")
    #expect(error?.remedy != nil)
  }

  /// Wherever the file is cut off, it is an error.
  @Test func refusesTruncated() throws {
    let bytes = Parts().bytes
    for count in bytes.indices {
      let path = try directory.write("cut-\(count).pth", bytes[..<count])
      #expect(throws: MirageError.self) { try readTensors(path) }
    }
  }
}
