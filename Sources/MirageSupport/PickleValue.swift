/// What a restricted unpickler gives: plain values, containers and numeric arrays.
public indirect enum PickleValue: Sendable {
  case none, bool(Bool), integer(Int), float(Double), string(String)
  case bytes(ArraySlice<UInt8>)
  case list([PickleValue]), tuple([PickleValue])
  case dictionary([(key: PickleValue, value: PickleValue)])
  case array(PickleArray)
  /// Only in what `PyTorchFile` reads.
  case tensor(PickleTensor)

  /// The value under a key that is text, or the bytes of that text as Python 2 wrote it.
  public subscript(key: String) -> PickleValue? {
    guard case .dictionary(let entries) = self else { return nil }
    return entries.first { $0.key.text == key }?.value
  }

  /// The text of a string, or of bytes that are UTF-8.
  public var text: String? {
    switch self {
    case .string(let text): text
    case .bytes(let bytes): String(validating: bytes, as: UTF8.self)
    default: nil
    }
  }

  /// The elements of a list or tuple.
  public var elements: [PickleValue]? {
    switch self {
    case .list(let elements), .tuple(let elements): elements
    default: nil
    }
  }

  public var integer: Int? {
    if case .integer(let value) = self { value } else { nil }
  }
}

/// A numpy array as it was pickled.
public struct PickleArray: Sendable {
  public var shape: [Int]
  /// numpy's type code without byte order, such as `u1`.
  public var type: String
  public var fortranOrder: Bool
  public var data: ArraySlice<UInt8>
  /// Whether `data`'s indices are offsets in the pickled bytes: it stands there as it is.
  public var inPlace: Bool
}

/// A tensor of PyTorch as it was pickled: a view of a storage, whose numbers stand outside the pickle.
public struct PickleTensor: Sendable {
  /// What a persistent id says of a storage.
  struct Storage {
    let key: String
    let type: StoredType
    /// Numbers, not bytes.
    let count: Int
  }

  let storage: Storage
  /// Where in the storage the first element stands.
  let offset: Int
  let shape: [Int]
  /// How far apart in the storage neighbors along each dimension are; 0 where a dimension has no neighbors.
  let strides: [Int]
  /// The number of elements, all of which lie within the storage.
  let count: Int
}
