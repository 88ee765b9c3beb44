/// A value of a pickle: a plain value, a container or a numeric array.
package indirect enum PickleValue: Sendable {
  case none, bool(Bool), integer(Int), float(Double), string(String)
  case bytes(ArraySlice<UInt8>)
  case list([PickleValue]), tuple([PickleValue])
  case dictionary([(key: PickleValue, value: PickleValue)])
  case array(PickleArray)
  /// A tensor; only in files that `PyTorchFile` reads.
  case tensor(PickleTensor)

  /// The value of a key that is text, or bytes of that text as Python 2 writes it; nil if there is none.
  package subscript(key: String) -> PickleValue? {
    guard case .dictionary(let entries) = self else { return nil }
    return entries.first { $0.key.text == key }?.value
  }

  /// The text of a string, or of bytes that are UTF-8; nil for other values.
  package var text: String? {
    switch self {
    case .string(let text): text
    case .bytes(let bytes): String(validating: bytes, as: UTF8.self)
    default: nil
    }
  }

  /// The elements of a list or tuple; nil for other values.
  package var elements: [PickleValue]? {
    switch self {
    case .list(let elements), .tuple(let elements): elements
    default: nil
    }
  }

  /// The integer; nil for other values.
  package var integer: Int? {
    if case .integer(let value) = self { value } else { nil }
  }
}

/// A numpy array of a pickle.
package struct PickleArray: Sendable {
  /// The sizes, outermost first.
  package var shape: [Int]
  /// numpy's type code without byte order, such as `u1`.
  package var type: String
  /// True if the first dimension varies fastest.
  package var fortranOrder: Bool
  /// The numbers' bytes.
  package var data: ArraySlice<UInt8>
  /// True if the indices of `data` are offsets in the pickled bytes, which contain the data unchanged.
  package var inPlace: Bool
}

/// A PyTorch tensor of a pickle: a view of a storage, whose numbers are outside the pickle.
package struct PickleTensor: Sendable {
  /// Description of a storage by a persistent id.
  struct Storage {
    let key: String
    let type: StoredType
    /// Number of elements.
    let count: Int
  }

  let storage: Storage
  /// Index of the first element in the storage.
  let offset: Int
  let shape: [Int]
  /// Distance in the storage between neighbors along each dimension; 0 if a dimension has no neighbors.
  let strides: [Int]
  /// Number of elements, all of which are within the storage.
  let count: Int
}
