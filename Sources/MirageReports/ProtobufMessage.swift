/// A protocol buffer that is written field by field (https://protobuf.dev/programming-guides/encoding).
struct ProtobufMessage {
  private(set) var bytes: [UInt8] = []

  private enum WireType: UInt64 {
    case varint = 0
    case eightBytes = 1
    case lengthDelimited = 2
    case fourBytes = 5
  }

  /// Appends an int64 or an enumeration.
  mutating func add(_ field: UInt64, integer value: Int) {
    key(field, .varint)
    varint(UInt64(bitPattern: Int64(value)))
  }

  mutating func add(_ field: UInt64, double value: Double) {
    key(field, .eightBytes)
    littleEndian(value.bitPattern)
  }

  mutating func add(_ field: UInt64, float value: Float) {
    key(field, .fourBytes)
    littleEndian(value.bitPattern)
  }

  mutating func add(_ field: UInt64, bytes value: some Collection<UInt8>) {
    key(field, .lengthDelimited)
    varint(UInt64(value.count))
    bytes += value
  }

  mutating func add(_ field: UInt64, string value: String) { add(field, bytes: value.utf8) }

  mutating func add(_ field: UInt64, message: ProtobufMessage) { add(field, bytes: message.bytes) }

  /// Appends a packed repeated field.
  mutating func add(_ field: UInt64, doubles values: [Double]) {
    var packed = ProtobufMessage()
    for value in values { packed.littleEndian(value.bitPattern) }
    add(field, message: packed)
  }

  private mutating func key(_ field: UInt64, _ type: WireType) { varint(field << 3 | type.rawValue) }

  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest > 0x7F {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  private mutating func littleEndian(_ value: some FixedWidthInteger) {
    withUnsafeBytes(of: value.littleEndian) { bytes += $0 }
  }
}
