import CKernels

/// Computes an elementwise operation on two tensors, which broadcast by NumPy's rules. The result reuses the memory of an
/// operand of its shape that nothing else refers to.
func combined(
  _ operation: tensor_operator, _ x: consuming Tensor, _ y: consuming Tensor, _ a: Float = 0
) -> Tensor {
  let shape = broadcastShape(x.shape, y.shape, operation: operation.name)
  let storage: Storage
  var start = 0
  if x.shape == shape, isKnownUniquelyReferenced(&x.storage) {
    (storage, start) = (x.storage, x.offset)
  } else if y.shape == shape, isKnownUniquelyReferenced(&y.storage) {
    (storage, start) = (y.storage, y.offset)
  } else {
    storage = Storage(shape.product)
  }
  storage.forgetPacked()
  return combine(operation, x, y, a, into: Tensor(shape: shape, storage: storage, offset: start))
}

private func combine(
  _ operation: tensor_operator, _ x: Tensor, _ y: Tensor, _ a: Float, into result: Tensor
) -> Tensor {
  let rows = broadcastRows(result.shape, x.shape, y.shape)
  let (out, p, q) = (result.pointer, x.pointer, y.pointer)
  Profile.counted("elementwise, two operands") {
    if rows.rank == 0 {
      // A single row is divided among threads by elements.
      inParallel(rows.width, grain: grain) { range in
        var part = rows
        part.width = range.count
        let first = range.lowerBound
        tensor_binary(
          operation, out + first, p + (rows.x_step == 0 ? 0 : first), q + (rows.y_step == 0 ? 0 : first), &part, 0, 1,
          a)
      }
    } else {
      inParallel(result.count / max(1, rows.width), grain: rowGrain(rows.width)) { range in
        var part = rows
        tensor_binary(operation, out, p, q, &part, range.lowerBound, range.count, a)
      }
    }
  }
  keepAlive(x, y)
  return result
}

/// Returns the common shape, by NumPy's broadcasting rules: axes of size 1 and missing leading axes are repeated.
func broadcastShape(_ x: [Int], _ y: [Int], operation: @autoclosure () -> String) -> [Int] {
  if x == y { return x }
  let rank = max(x.count, y.count)
  return (0..<rank).map { axis in
    let a = axis < rank - x.count ? 1 : x[axis - rank + x.count]
    let b = axis < rank - y.count ? 1 : y[axis - rank + y.count]
    require(a == b || a == 1 || b == 1, "\(operation()): \(x) and \(y) do not broadcast")
    return a == 1 ? b : a
  }
}

/// Returns the loops of a broadcast: neighboring axes that both operands traverse in the same way are merged, and the last
/// axis is the row.
private func broadcastRows(_ shape: [Int], _ x: [Int], _ y: [Int]) -> tensor_rows {
  func strides(_ operand: [Int]) -> [Int] {
    var stride = 1
    var result = [Int](repeating: 0, count: shape.count)
    for axis in operand.indices.reversed() {
      result[axis + shape.count - operand.count] = operand[axis] == 1 ? 0 : stride
      stride *= operand[axis]
    }
    return result
  }
  let (xs, ys) = (strides(x), strides(y))
  var axes: [(size: Int, x: Int, y: Int)] = []
  for axis in shape.indices.reversed() where shape[axis] != 1 {
    if let inner = axes.last, xs[axis] == inner.x * inner.size, ys[axis] == inner.y * inner.size {
      axes[axes.count - 1].size *= shape[axis]
    } else {
      axes.append((shape[axis], xs[axis], ys[axis]))
    }
  }
  var rows = tensor_rows()
  let row = axes.first ?? (size: 1, x: 0, y: 0)
  rows.width = row.size
  rows.x_step = Int32(row.x)
  rows.y_step = Int32(row.y)
  rows.setOuter(axes.dropFirst().reversed().map { ($0.size, $0.x, $0.y) })
  return rows
}

extension tensor_operator {
  /// Name of the operation in messages.
  fileprivate var name: String {
    switch self {
    case binary_add: "add"
    case binary_subtract: "subtract"
    case binary_multiply: "multiply"
    case binary_divide: "divide"
    case binary_maximum: "maximum"
    case binary_minimum: "minimum"
    case binary_greater: "isGreater"
    case binary_less: "isLess"
    case binary_equal: "isEqual"
    default: "an elementwise gradient"
    }
  }
}

extension tensor_rows {
  /// Sets the outer axes, outermost first, by size and strides.
  mutating func setOuter(_ axes: [(size: Int, x: Int, y: Int)]) {
    require(axes.count <= 8, "a tensor of more than nine axes")
    rank = Int32(axes.count)
    withUnsafeMutableBytes(of: &size) { bytes in
      for (index, axis) in axes.enumerated() { bytes.bindMemory(to: Int.self)[index] = axis.size }
    }
    withUnsafeMutableBytes(of: &x_stride) { bytes in
      for (index, axis) in axes.enumerated() { bytes.bindMemory(to: Int.self)[index] = axis.x }
    }
    withUnsafeMutableBytes(of: &y_stride) { bytes in
      for (index, axis) in axes.enumerated() { bytes.bindMemory(to: Int.self)[index] = axis.y }
    }
  }
}

/// Adds two gradients of one tensor.
func added(_ x: consuming Tensor, _ y: consuming Tensor) -> Tensor {
  if x.isTracked || y.isTracked { return x + y }
  return combined(binary_add, x, y)
}

extension Tensor {
  /// Sums over the axes that a broadcast from `shape` repeated, which is the gradient of the broadcast.
  func summed(to shape: [Int]) -> Tensor {
    if self.shape == shape { return self }
    let extra = rank - shape.count
    let axes = self.shape.indices.filter { $0 < extra || (shape[$0 - extra] == 1 && self.shape[$0] != 1) }
    return sum(axes: axes, keepingDimensions: true).reshaped(shape)
  }

  /// Adds elementwise. Shapes broadcast as in NumPy: axes of size 1 and missing leading axes are repeated.
  public static func + (x: consuming Tensor, y: consuming Tensor) -> Tensor {
    let inputs = [x.trace, y.trace]
    return combined(binary_add, x, y).recorded("add", inputs) { gradient, record in
      [gradient.summed(to: record.shape(0)), gradient.summed(to: record.shape(1))]
    }
  }

  /// Subtracts elementwise; shapes broadcast as for `+`.
  public static func - (x: consuming Tensor, y: consuming Tensor) -> Tensor {
    let inputs = [x.trace, y.trace]
    return combined(binary_subtract, x, y).recorded("subtract", inputs) { gradient, record in
      [
        record.needs(0) ? gradient.summed(to: record.shape(0)) : nil,
        record.needs(1) ? (-gradient).summed(to: record.shape(1)) : nil,
      ]
    }
  }

  /// Multiplies elementwise; shapes broadcast as for `+`.
  public static func * (x: consuming Tensor, y: consuming Tensor) -> Tensor {
    if !x.isTracked && !y.isTracked { return combined(binary_multiply, x, y) }
    let inputs = [copy x, copy y]
    let saved = (y.isTracked ? [0] : []) + (x.isTracked ? [1] : [])  // each for the gradient of the other
    return combined(binary_multiply, x, y).recorded("multiply", inputs, saving: saved) { gradient, record in
      [
        record.needs(0) ? (gradient * record.input(1)).summed(to: record.shape(0)) : nil,
        record.needs(1) ? (gradient * record.input(0)).summed(to: record.shape(1)) : nil,
      ]
    }
  }

  /// Divides elementwise; shapes broadcast as for `+`.
  public static func / (x: Tensor, y: Tensor) -> Tensor {
    combined(binary_divide, x, y)
      .recorded("divide", [x, y], saving: y.isTracked ? [0, 1] : [1]) { gradient, record in
        [
          record.needs(0) ? (gradient / record.input(1)).summed(to: record.shape(0)) : nil,
          record.needs(1)
            ? (-(gradient * record.input(0)) / record.input(1).square()).summed(to: record.shape(1)) : nil,
        ]
      }
  }

  /// Negates each element.
  public static prefix func - (x: Tensor) -> Tensor { x.affine(-1, 0) }
  /// Adds a number to each element.
  public static func + (x: Tensor, y: Float) -> Tensor { x.affine(1, y) }
  /// Adds a number to each element.
  public static func + (x: Float, y: Tensor) -> Tensor { y.affine(1, x) }
  /// Subtracts a number from each element.
  public static func - (x: Tensor, y: Float) -> Tensor { x.affine(1, -y) }
  /// Subtracts each element from a number.
  public static func - (x: Float, y: Tensor) -> Tensor { y.affine(-1, x) }
  /// Multiplies each element by a number.
  public static func * (x: Tensor, y: Float) -> Tensor { x.affine(y, 0) }
  /// Multiplies each element by a number.
  public static func * (x: Float, y: Tensor) -> Tensor { y.affine(x, 0) }
  /// Multiplies each element by the reciprocal of a number.
  public static func / (x: Tensor, y: Float) -> Tensor { x.affine(1 / y, 0) }
  /// Divides a number by each element.
  public static func / (x: Float, y: Tensor) -> Tensor { y.reciprocal() * x }

  /// Returns 1 for elements greater than those of the other tensor and 0 for others; shapes broadcast, the gradient is 0.
  public func isGreater(than other: Tensor) -> Tensor { combined(binary_greater, detached(), other.detached()) }
  /// Returns 1 for elements less than those of the other tensor and 0 for others; shapes broadcast, the gradient is 0.
  public func isLess(than other: Tensor) -> Tensor { combined(binary_less, detached(), other.detached()) }
  /// Returns 1 for elements equal to those of the other tensor and 0 for others; shapes broadcast, the gradient is 0.
  public func isEqual(to other: Tensor) -> Tensor { combined(binary_equal, detached(), other.detached()) }
}

/// Returns the elementwise maximum; shapes broadcast. Equal elements get half of the gradient each.
public func maximum(_ x: Tensor, _ y: Tensor) -> Tensor { extremum("maximum", binary_maximum, binary_greater, x, y) }

/// Returns the elementwise minimum; shapes broadcast. Equal elements get half of the gradient each.
public func minimum(_ x: Tensor, _ y: Tensor) -> Tensor { extremum("minimum", binary_minimum, binary_less, x, y) }

private func extremum(
  _ name: StaticString, _ operation: tensor_operator, _ wins: tensor_operator, _ x: Tensor, _ y: Tensor
) -> Tensor {
  combined(operation, x, y).recorded(name, [x, y], saving: [0, 1]) { gradient, record in
    let (x, y) = (record.input(0).detached(), record.input(1).detached())
    let fraction = combined(wins, x, y) + combined(binary_equal, x, y) * 0.5
    return [
      record.needs(0) ? (gradient * fraction).summed(to: record.shape(0)) : nil,
      record.needs(1) ? (gradient * (1 - fraction)).summed(to: record.shape(1)) : nil,
    ]
  }
}

/// Selects elements of `x` where the mask is not 0, and of `y` where it is, as PyTorch's `where`; all three broadcast. The
/// gradient of the mask is 0.
public func select(_ mask: Tensor, _ x: Tensor, _ y: Tensor) -> Tensor {
  let shape = broadcastShape(
    broadcastShape(x.shape, y.shape, operation: "select"), mask.shape, operation: "select with a mask")
  let (m, a, b) = (
    mask.detached().broadcast(to: shape), x.detached().broadcast(to: shape), y.detached().broadcast(to: shape)
  )
  let result = Tensor(shape: shape) { out in
    inParallel(shape.product, grain: grain) { range in
      let first = range.lowerBound
      tensor_select(out + first, m.pointer + first, a.pointer + first, b.pointer + first, range.count)
    }
    keepAlive(m, a, b)
  }
  return result.recorded("select", [mask.detached(), x, y], saving: [0]) { gradient, record in
    let (mask, none) = (record.input(0), Tensor(0))
    return [
      nil,
      record.needs(1) ? select(mask, gradient, none).summed(to: record.shape(1)) : nil,
      record.needs(2) ? select(mask, none, gradient).summed(to: record.shape(2)) : nil,
    ]
  }
}
