/// Content of a safetensors file: named tensors and metadata.
///
/// The file is eight bytes with the header's length, the header (`SafeTensorsHeader`), and the numbers of all tensors,
/// little-endian and without gaps (https://github.com/huggingface/safetensors, "Format").
package struct SafeTensors: Sendable {
  /// The tensors by name, such as `features.0.weight`.
  package var tensors: [String: StoredTensor]
  /// Texts by name: the header's `__metadata__`.
  package var metadata: [String: String]

  /// Creates content for a new file.
  package init(tensors: [String: StoredTensor] = [:], metadata: [String: String] = [:]) {
    self.tensors = tensors
    self.metadata = metadata
  }

  /// Reads a file of any of the types F64, F32, F16, BF16, I64, I32, I16, I8, U8 and BOOL; the numbers become Float32,
  /// so integers over 2^24 are rounded. Memory is allocated for data that is there, not for sizes that a header claims.
  /// - Throws: missing input; bad data naming the byte or the tensor if the header is malformed, a type is not one of
  ///   these, or the tensors do not cover the file exactly; an I/O error.
  package init(reading path: String) throws {
    let file = try InputFile(path)
    try self.init(path: path, size: file.size) { try file.read(at: $0, count: $1)[...] }
  }

  /// Reads the content from the bytes of a file.
  ///
  /// - Parameters:
  ///   - bytes: the file's bytes.
  ///   - path: path of the file, for messages.
  /// - Throws: as `init(reading:)`.
  package init(parsing bytes: [UInt8], path: String) throws {
    try self.init(path: path, size: bytes.count) { bytes[$0..<$0 + $1] }
  }

  private init(path: String, size: Int, read: (_ offset: Int, _ count: Int) throws -> ArraySlice<UInt8>) throws {
    guard size >= 8 else {
      throw SafeTensorsHeader.damaged("\(size) bytes are too few for a safetensors file", path: path, place: "byte 0")
    }
    let length = try read(0, 8).reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
    guard length <= SafeTensorsHeader.limit, length <= UInt64(size - 8) else {
      throw SafeTensorsHeader.damaged(
        length <= SafeTensorsHeader.limit
          ? "the header should have \(length) bytes, but the file ends after \(size - 8)"
          : "a header of \(length) bytes, over the limit of \(SafeTensorsHeader.limit): not a safetensors file",
        path: path, place: "byte 0")
    }
    let start = 8 + Int(length)
    let header = try SafeTensorsHeader(parsing: read(8, Int(length)), dataSize: size - start, path: path)
    tensors = [:]
    metadata = header.metadata
    for entry in header.entries {
      let width = entry.type.width
      let count = entry.range.count / width
      let values = try [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
        // In pieces, since a large tensor would otherwise be in memory twice.
        for piece in stride(from: 0, to: count, by: 1 << 20) {
          let part = piece..<min(count, piece + 1 << 20)
          let bytes = try read(start + entry.range.lowerBound + piece * width, part.count * width)
          entry.type.convert(bytes, into: UnsafeMutableBufferPointer(rebasing: buffer[part]))
        }
        initialized = count
      }
      tensors[entry.name] = StoredTensor(shape: entry.shape, values: values)
    }
  }

  /// Writes the tensors as F32. The same tensors and metadata give the same bytes: names are sorted, and spaces pad
  /// the header to a multiple of eight bytes. A reader, or a crash, finds either the earlier file or the whole new one.
  ///
  /// - Precondition: the number of values of each tensor is that of its shape.
  /// - Throws: bad data if a tensor is named `__metadata__`, or names and metadata exceed 100 MB, which no reader
  ///   accepts; cannot-create; an I/O error, such as a full disk, after which no new file remains.
  package func write(to path: String) throws {
    let sorted = tensors.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    let header = try header(of: sorted, path: path)
    try OutputFile.replace(path) { append in
      try append(withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) })
      try append(header)
      for (_, tensor) in sorted { try tensor.values.withUnsafeBytes { try append($0) } }
    }
  }

  private func header(of sorted: [(key: String, value: StoredTensor)], path: String) throws -> [UInt8] {
    func quoted(_ text: String) -> String { JSONValue.string(text).text }
    var fields: [String] = []
    if !metadata.isEmpty {
      let texts = metadata.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        .map { "\(quoted($0.key)):\(quoted($0.value))" }
      fields.append("\(quoted(SafeTensorsHeader.metadataName)):{\(texts.joined(separator: ","))}")
    }
    var offset = 0
    for (name, tensor) in sorted {
      guard name != SafeTensorsHeader.metadataName else {
        throw MirageError.badData(
          "a tensor may not be named \(name) in a safetensors file", file: path, place: "tensor \(name)",
          remedy: "Rename it.")
      }
      precondition(
        elementCount(of: tensor.shape) == tensor.values.count,
        "tensor \(name) of shape \(tensor.shape) has \(tensor.values.count) values")
      let end = offset + 4 * tensor.values.count
      let shape = tensor.shape.map(String.init).joined(separator: ",")
      fields.append("\(quoted(name)):{\"dtype\":\"F32\",\"shape\":[\(shape)],\"data_offsets\":[\(offset),\(end)]}")
      offset = end
    }
    var header = Array("{\(fields.joined(separator: ","))}".utf8)
    header += [UInt8](repeating: UInt8(ascii: " "), count: (8 - header.count % 8) % 8)
    guard header.count <= SafeTensorsHeader.limit else {
      throw MirageError.badData(
        "names and metadata of \(header.count) bytes, over the format's limit of \(SafeTensorsHeader.limit)",
        file: path, remedy: "Store less metadata.")
    }
    return header
  }
}
