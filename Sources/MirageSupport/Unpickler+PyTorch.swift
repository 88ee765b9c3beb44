/// Objects of torch.save beyond plain values (`torch/_utils.py`, `torch/serialization.py`): tensors, as views of
/// storages that persistent ids represent. Only their values are read, not their classes: a parameter is a tensor, a
/// size a tuple, an ordered dictionary a dictionary.
extension Unpickler {
  private static let storageTypes: [String: StoredType] = [
    "torch.DoubleStorage": .float64, "torch.FloatStorage": .float32, "torch.HalfStorage": .float16,
    "torch.BFloat16Storage": .bfloat16, "torch.LongStorage": .int64, "torch.IntStorage": .int32,
    "torch.ShortStorage": .int16, "torch.CharStorage": .int8, "torch.ByteStorage": .uint8, "torch.BoolStorage": .bool,
  ]

  static let namesOfPyTorch = Set(storageTypes.keys).union([
    "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_parameter", "torch.Size", "collections.OrderedDict",
  ])

  /// Parses the persistent id of a storage: ('storage', class, key, device, number of elements), and, in the format
  /// before 1.6, None (in the oldest files perhaps a part of a storage, which is not read).
  func storage(_ id: Item) throws -> PickleTensor.Storage {
    guard let parts = tuple(id), parts.count == 5 || parts.count == 6 && isNone(parts[5]),
      case .value(.string("storage")) = parts[0],
      case .global(let name) = parts[1], let type = Self.storageTypes[name],
      case .value(.string(let key)) = parts[2], case .value(.string) = parts[3],
      case .value(.integer(let count)) = parts[4], elementCount(of: [count]) != nil
    else { throw damaged("a persistent id that is not a storage of PyTorch") }
    return PickleTensor.Storage(key: key, type: type, count: count)
  }

  /// Returns the result of calling one of `namesOfPyTorch`; nil for an empty dictionary.
  func rebuilt(_ name: String, _ arguments: [Item]) throws -> Item? {
    switch (name, arguments.count) {
    case ("collections.OrderedDict", 0): return nil
    case ("torch.Size", 1) where tuple(arguments[0]) != nil: return arguments[0]
    // (tensor, requires_grad, backward_hooks)
    case ("torch._utils._rebuild_parameter", 3):
      guard case .value(.tensor) = arguments[0] else { throw damaged("a parameter without a tensor") }
      return arguments[0]
    // (storage, offset, size, stride, requires_grad, backward_hooks), and metadata with a bit for negated views
    case ("torch._utils._rebuild_tensor_v2", 6): return .value(.tensor(try tensor(arguments)))
    case ("torch._utils._rebuild_tensor_v2", 7):
      throw damaged("a view that negates its storage, which is not read (resolve_neg() makes a tensor of it)")
    default: throw damaged("the pickle calls \(name) with other arguments than PyTorch does")
    }
  }

  private func isNone(_ item: Item) -> Bool { if case .value(.none) = item { true } else { false } }

  func isDictionary(_ item: Item) -> Bool {
    if case .container(let container) = item { container.kind == .dictionary } else { false }
  }

  private func tensor(_ arguments: [Item]) throws -> PickleTensor {
    guard case .storage(let storage) = arguments[0], case .value(.integer(let offset)) = arguments[1],
      let shape = integers(arguments[2]), let strides = integers(arguments[3]), shape.count == strides.count
    else { throw damaged("a tensor whose storage, offset, size or stride is damaged") }
    guard offset >= 0, strides.allSatisfy({ $0 >= 0 }) else {
      throw damaged("a tensor with a negative offset or stride: \(offset), \(strides)")
    }
    guard let count = elementCount(of: shape) else {
      throw damaged("a tensor of the size \(shape), which is negative or too large")
    }
    // No stride is negative, so the last element is the farthest.
    var last = offset
    for (size, stride) in zip(shape, strides) where size > 1 && count > 0 {
      let (distance, tooFar) = stride.multipliedReportingOverflow(by: size - 1)
      let (sum, overflow) = last.addingReportingOverflow(distance)
      guard !tooFar, !overflow else { throw damaged("a tensor whose strides \(strides) overflow") }
      last = sum
    }
    guard count == 0 || last < storage.count else {
      throw damaged("a tensor that reaches to element \(last) of a storage of \(storage.count)")
    }
    return PickleTensor(
      storage: storage, offset: offset, shape: shape, strides: zip(shape, strides).map { $0 > 1 ? $1 : 0 }, count: count
    )
  }

  private func integers(_ item: Item) -> [Int]? {
    guard let items = tuple(item), items.count <= 64 else { return nil }
    let integers = items.compactMap { if case .value(.integer(let value)) = $0 { value } else { nil } }
    return integers.count == items.count ? integers : nil
  }
}
