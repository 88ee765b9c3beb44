/// The format of PyTorch before version 1.6, and of `_legacy_save` in `torch/serialization.py`: pickles of a magic
/// number, the format's version, the machine, the object and the keys of its storages, followed by the storages in the
/// order of the keys, each after the number of its elements.
struct PyTorchLegacyFile: PyTorchContents {
  private let file: InputFile
  private let tensors: [(name: String, view: PickleTensor)]
  private let places: [String: Range<Int>]

  /// Maximum size of the pickles in bytes.
  private static let pickleLimit = 1 << 26

  init(_ file: InputFile) throws {
    self.file = file
    var reader = ByteReader(try file.read(at: 0, count: min(file.size, Self.pickleLimit)))
    (tensors, places) = try PyTorchFile.located(file.path) {
      // The magic number, checked before, is not a 64-bit integer; a full stop ends its pickle.
      _ = try reader.take(PyTorchFile.legacyMagic.count + 1)
      guard try Unpickler.load(from: &reader, readsPyTorch: false).integer == 1001 else {
        throw MirageError.badData("another version of the old format than 1001", place: "byte \(reader.position)")
      }
      guard case .bool(true) = try Unpickler.load(from: &reader, readsPyTorch: false)["little_endian"] else {
        throw MirageError.badData("the numbers' byte order is not little-endian", place: "byte \(reader.position)")
      }
      let object = try Unpickler.load(from: &reader, readsPyTorch: true)
      guard case .list(let keys) = try Unpickler.load(from: &reader, readsPyTorch: false) else {
        throw MirageError.badData("no list of storages after the pickle", place: "byte \(reader.position)")
      }
      return (try object.namedTensors(), try Self.places(of: keys, in: file, from: reader.position, object.widths()))
    }
  }

  /// Returns the range of each storage's bytes in the file. `widths` are the numbers of bytes per element.
  private static func places(
    of keys: [PickleValue], in file: InputFile, from start: Int, _ widths: [String: Int]
  ) throws -> [String: Range<Int>] {
    var places: [String: Range<Int>] = [:]
    var position = start
    for key in keys {
      guard let key = key.text, let width = widths[key] else {
        throw MirageError.badData("a storage that no tensor is a view of", place: "byte \(position)")
      }
      let head = try file.read(at: position, count: min(8, file.size - position))
      let count = head.reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
      position += head.count
      guard head.count == 8, count <= UInt64((file.size - position) / width) else {
        throw MirageError.badData(
          "the file ends at byte \(file.size), before the numbers of storage \(key.prefix(100)) do", file: file.path,
          place: "byte \(position)", remedy: "Fetch the file again.")
      }
      places[key] = position..<position + Int(count) * width
      position += Int(count) * width
    }
    return places
  }

  func views() -> [(name: String, view: PickleTensor)] { tensors }

  func storage(_ key: String) throws -> ArraySlice<UInt8> {
    guard let place = places[key] else {
      throw PyTorchFile.damaged("storage \(key.prefix(100)) is missing", file: file.path, place: "byte \(file.size)")
    }
    return try file.read(at: place.lowerBound, count: place.count)[...]
  }
}

extension PickleValue {
  /// Returns the number of bytes per element of each storage that a tensor views.
  fileprivate func widths() -> [String: Int] {
    var widths: [String: Int] = [:]
    var waiting = [self]
    while let value = waiting.popLast() {
      switch value {
      case .tensor(let view): widths[view.storage.key] = view.storage.type.width
      case .list(let values), .tuple(let values): waiting += values
      case .dictionary(let entries): waiting += entries.flatMap { [$0.key, $0.value] }
      default: break
      }
    }
    return widths
  }
}
