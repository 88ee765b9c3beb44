/// A tensor of a checkpoint file, in memory as Float32.
package struct StoredTensor: Sendable, Equatable {
  /// The sizes, outermost first; empty for a scalar. Their product is the number of values.
  package var shape: [Int]
  /// The values in row-major order: the last dimension varies fastest.
  package var values: [Float]

  /// Creates a tensor of a shape.
  package init(shape: [Int], values: [Float]) {
    self.shape = shape
    self.values = values
  }
}

/// Reads the tensors of a checkpoint by name, and its metadata, which only safetensors files have. The content decides
/// the format: a zip archive or a legacy pickle is PyTorch's, anything else must be safetensors.
/// - Throws: as `PyTorchFile.init(reading:)` and `SafeTensors.init(reading:)`.
package func readTensors(_ path: String) throws -> (tensors: [String: StoredTensor], metadata: [String: String]) {
  let file = try InputFile(path)
  let head = try file.read(at: 0, count: min(file.size, PyTorchFile.legacyMagic.count))
  if head.starts(with: PyTorchFile.zipMagic) || head == PyTorchFile.legacyMagic {
    return (try PyTorchFile(reading: path).tensors, [:])
  }
  let contents = try SafeTensors(reading: path)
  return (contents.tensors, contents.metadata)
}

/// Returns the number of elements of a shape; nil if a size is negative, there are more than 64 dimensions, or the
/// product of the sizes other than 0 is over 2^59, so that byte counts and strides cannot overflow.
func elementCount(of shape: [Int]) -> Int? {
  guard shape.count <= 64 else { return nil }
  var product = 1
  for size in shape {
    let (next, overflow) = product.multipliedReportingOverflow(by: max(size, 1))
    guard size >= 0, !overflow, next <= 1 << 59 else { return nil }
    product = next
  }
  return shape.contains(0) ? 0 : product
}

/// Number types in checkpoint files, with their names in safetensors.
enum StoredType: String {
  case float64 = "F64"
  case float32 = "F32"
  case float16 = "F16"
  case bfloat16 = "BF16"
  case int64 = "I64"
  case int32 = "I32"
  case int16 = "I16"
  case int8 = "I8"
  case uint8 = "U8"
  case bool = "BOOL"

  /// Number of bytes per number.
  var width: Int {
    switch self {
    case .float64, .int64: 8
    case .float32, .int32: 4
    case .float16, .bfloat16, .int16: 2
    case .int8, .uint8, .bool: 1
    }
  }

  /// Converts little-endian numbers to the nearest Float32; true becomes 1.
  func convert(_ bytes: ArraySlice<UInt8>, into values: UnsafeMutableBufferPointer<Float>) {
    precondition(bytes.count == values.count * width, "\(bytes.count) bytes for \(values.count) numbers")
    bytes.withUnsafeBytes { bytes in
      func each<Number: BitwiseCopyable>(_: Number.Type, _ float: (Number) -> Float) {
        for index in values.indices {
          values[index] = float(bytes.loadUnaligned(fromByteOffset: index * width, as: Number.self))
        }
      }
      switch self {
      case .float64: each(Double.self) { Float($0) }
      case .float32: UnsafeMutableRawBufferPointer(values).copyMemory(from: bytes)
      case .float16: each(Float16.self) { Float($0) }
      case .bfloat16: each(UInt16.self) { Float(bitPattern: UInt32($0) << 16) }
      case .int64: each(Int64.self) { Float($0) }
      case .int32: each(Int32.self) { Float($0) }
      case .int16: each(Int16.self) { Float($0) }
      case .int8: each(Int8.self) { Float($0) }
      case .uint8: each(UInt8.self) { Float($0) }
      case .bool: each(UInt8.self) { $0 == 0 ? 0 : 1 }
      }
    }
  }
}
