/// The tensors of a file of torch.save: a zip archive with a pickle and the storages that its tensors view, or, before
/// PyTorch 1.6, pickles followed by storages.
///
/// Nothing in the file is executed: `Unpickler` knows the names of tensors and containers, and refuses every other
/// name.
package struct PyTorchFile: Sendable {
  /// The tensors by name, as Float32. Names in nested dictionaries are joined by dots, as in
  /// `optimizer.state.0.exp_avg`; elements of lists and tuples have their index as name. A single tensor without a
  /// dictionary has the empty name.
  package let tensors: [String: StoredTensor]

  static let zipMagic = Array("PK\u{3}\u{4}".utf8)
  /// First bytes of a file of PyTorch before 1.6: the pickle of 0x1950a86a20f9469cfc6c.
  static let legacyMagic: [UInt8] = [
    0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19,
  ]

  /// Reads the tensors in nested dictionaries, lists and tuples. The elements of transposed, sliced and expanded views
  /// are in row-major order. Values that are not tensors are ignored, as are entries of dictionaries whose keys are
  /// neither text nor integers. Numbers of all types become Float32, so integers over 2^24 are rounded.
  /// - Throws: missing input; bad data naming the member and the byte if the archive or the pickle is damaged, imports
  ///   anything but tensors, or was written on a big-endian machine; bad data if the tensors have over 2^31 elements in
  ///   all, or far more than the file has bytes; an I/O error.
  package init(reading path: String) throws {
    let file = try InputFile(path)
    let isOld = try file.read(at: 0, count: min(file.size, Self.legacyMagic.count)) == Self.legacyMagic
    let contents: any PyTorchContents = isOld ? try PyTorchLegacyFile(file) : try PyTorchArchive(path)
    let views = try contents.views()
    // Views may repeat elements, and members of the archive may be compressed, both without limit.
    let limit = min(1 << 31, 1 << 24 + 64 * file.size)
    var total = 0
    for (name, view) in views {
      total += min(view.count, limit + 1)
      guard total <= limit, view.storage.count <= limit else {
        throw Self.damaged(
          "the tensors up to this one have over \(limit) elements, more than is plausible for the file's size",
          file: path, place: "tensor \(name.prefix(100))")
      }
    }
    var tensors: [String: StoredTensor] = [:]
    // Each storage is read once, however many tensors share it, and only one is in memory at a time.
    for (key, group) in Dictionary(grouping: views, by: \.view.storage.key).sorted(by: { $0.key < $1.key }) {
      let bytes = try contents.storage(key)
      var whole: (type: StoredType, values: [Float])?
      for (name, view) in group {
        let type = view.storage.type
        guard bytes.count == view.storage.count * type.width else {
          throw Self.damaged(
            "storage \(key) has \(bytes.count) bytes, where \(view.storage.count) numbers of type \(type.rawValue) "
              + "are claimed", file: path, place: "tensor \(name.prefix(100))")
        }
        let values =
          if let whole, whole.type == type {
            whole.values
          } else {
            [Float](unsafeUninitializedCapacity: view.storage.count) { buffer, initialized in
              type.convert(bytes, into: UnsafeMutableBufferPointer(rebasing: buffer[..<view.storage.count]))
              initialized = view.storage.count
            }
          }
        whole = (type, values)
        tensors[name] = StoredTensor(shape: view.shape, values: view.elements(of: values))
      }
    }
    self.tensors = tensors
  }

  static func damaged(_ message: String, file: String, place: String?) -> MirageError {
    .badData(
      message, file: file, place: place,
      remedy: "Save only the state dict, with a current PyTorch: torch.save(model.state_dict(), path).")
  }

  /// Adds the file, and the place of its pickle, to errors that `body` throws.
  static func located<Result>(_ path: String, _ place: String? = nil, _ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch let error as MirageError where error.file == nil {
      let places = [place, error.place].compactMap(\.self)
      throw damaged(error.message, file: path, place: places.isEmpty ? nil : places.joined(separator: ", "))
    }
  }
}

extension PickleValue {
  /// Returns the tensors with their full names, sorted by these.
  func namedTensors() throws -> [(name: String, view: PickleTensor)] {
    var views: [String: PickleTensor] = [:]
    var budget = 1 << 26
    try collect(at: [], into: &views, budget: &budget)
    return views.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  /// - Parameter budget: number of bytes left for names, since a few shared containers can contain very many.
  private func collect(at path: [String], into views: inout [String: PickleTensor], budget: inout Int) throws {
    switch self {
    case .tensor(let view):
      budget -= path.reduce(0) { $0 + $1.utf8.count + 1 }
      guard budget > 0 else { throw MirageError.badData("names of over 64 MB in all") }
      let name = path.joined(separator: ".")
      guard views.updateValue(view, forKey: name) == nil else {
        throw MirageError.badData("two tensors have the name \(name.prefix(100))")
      }
    case .list(let values), .tuple(let values):
      for (index, value) in values.enumerated() {
        try value.collect(at: path + [String(index)], into: &views, budget: &budget)
      }
    case .dictionary(let entries):
      for (key, value) in entries {
        guard let name = key.text ?? key.integer.map(String.init) else { continue }
        try value.collect(at: path + [name], into: &views, budget: &budget)
      }
    default: break
    }
  }
}

extension PickleTensor {
  /// Returns the elements in row-major order.
  ///
  /// - Parameter values: the whole storage.
  fileprivate func elements(of values: [Float]) -> [Float] {
    guard count > 0 else { return [] }
    var dense = 1
    let isDense = zip(shape, strides).reversed().allSatisfy { size, stride in
      defer { dense *= size }
      return size == 1 || stride == dense
    }
    if isDense { return count == values.count ? values : Array(values[offset..<offset + count]) }
    return [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      let (columns, step) = (shape.last!, strides.last!)
      var index = shape.map { _ in 0 }
      var place = offset
      for row in stride(from: 0, to: count, by: columns) {
        for column in 0..<columns { buffer[row + column] = values[place + column * step] }
        for axis in shape.indices.dropLast().reversed() {
          index[axis] += 1
          place += strides[axis]
          if index[axis] < shape[axis] { break }
          place -= strides[axis] * shape[axis]
          index[axis] = 0
        }
      }
      initialized = count
    }
  }
}
