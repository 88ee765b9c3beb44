import CKernels

extension Tensor {
  /// Returns the same elements in row-major order with another shape, without a copy. One size may be -1, for the number that
  /// the others leave.
  public consuming func reshaped(_ shape: [Int]) -> Tensor {
    var shape = shape
    if let open = shape.firstIndex(of: -1) {
      let rest = shape.reduce(-1, *)
      require(rest > 0 && count % rest == 0, "reshaped: \(self.shape) into \(shape)")
      shape[open] = count / rest
    }
    require(shape.product == count && shape.allSatisfy { $0 >= 0 }, "reshaped: \(self.shape) into \(shape)")
    let input = trace
    return Tensor(shape: shape, storage: storage, offset: offset).recorded("reshaped", [input]) { gradient, record in
      [gradient.reshaped(record.shape(0))]
    }
  }

  /// Permutes the axes: axis i of the result is axis `permutation[i]` of this tensor.
  public func transposed(_ permutation: [Int]) -> Tensor {
    require(permutation.sorted() == Array(0..<rank), "transposed: \(shape) by \(permutation)")
    let result = permutedCopy(permutation)
    let inverse = (0..<rank).map { axis in permutation.firstIndex(of: axis)! }
    return result.recorded("transposed", [self]) { gradient, _ in [gradient.transposed(inverse)] }
  }

  private func permutedCopy(_ permutation: [Int]) -> Tensor {
    // Axes that remain neighbors are merged.
    var sizes: [Int] = []
    var groups: [[Int]] = []
    for axis in permutation where shape[axis] != 1 {
      if let last = groups.last?.last, last < axis, shape[(last + 1)..<axis].allSatisfy({ $0 == 1 }) {
        groups[groups.count - 1].append(axis)
        sizes[sizes.count - 1] *= shape[axis]
      } else {
        groups.append([axis])
        sizes.append(shape[axis])
      }
    }
    let newShape = permutation.map { shape[$0] }
    let order = groups.indices.sorted { groups[$0][0] < groups[$1][0] }
    if order == Array(groups.indices) { return Tensor(shape: newShape, storage: storage, offset: offset) }
    return Tensor(shape: newShape) { out in
      defer { keepAlive(storage) }
      let from = pointer
      if order == [1, 0] || order == [0, 2, 1] {
        let (rows, columns) = (sizes[order.count - 1], sizes[order.count - 2])
        let batch = order.count == 3 ? sizes[0] : 1
        if batch > 1 {
          inParallel(batch, grain: rowGrain(rows * columns)) { range in
            let start = range.lowerBound * rows * columns
            tensor_transpose(out + start, from + start, range.count, rows, columns, 0, rows)
          }
        } else {
          inParallel(rows, grain: rowGrain(columns)) { range in
            tensor_transpose(out, from, 1, rows, columns, range.lowerBound, range.count)
          }
        }
        return
      }
      var strides = [Int](repeating: 1, count: groups.count)
      var stride = 1
      for index in order.reversed() {
        strides[index] = stride
        stride *= sizes[index]
      }
      var rows = tensor_rows()
      rows.width = sizes.last!
      rows.setOuter(zip(sizes, strides).dropLast().map { ($0, $1, 0) })
      let total = sizes.dropLast().product
      inParallel(total, grain: rowGrain(sizes.last!)) { range in
        var part = rows
        tensor_copy_rows(out, from, &part, strides.last!, range.lowerBound, range.count)
      }
    }
  }

  /// Repeats axes of size 1 and missing leading axes, to the given shape.
  public func broadcast(to shape: [Int]) -> Tensor {
    if self.shape == shape { return self }
    require(
      broadcastShape(self.shape, shape, operation: "broadcast") == shape, "broadcast: \(self.shape) to \(shape)")
    return combined(binary_add, detached(), .zeros(shape)).recorded("broadcast", [self]) { gradient, record in
      [gradient.summed(to: record.shape(0))]
    }
  }

  /// Returns the elements at the given indices along an axis. An index may occur several times.
  public func gathered(_ indices: [Int], axis: Int) -> Tensor {
    require(shape.indices.contains(axis), "gathered: axis \(axis) of \(shape)")
    require(shape[axis] <= Int(Int32.max), "gathered: axis \(axis) of \(shape), of more than 2³¹ elements")
    let stray = indices.first { !(0..<shape[axis]).contains($0) }
    require(stray == nil, "gathered: place \(stray!) of axis \(axis) of \(shape)")
    return gathered(indices.map { Int32($0) }, along: axis)
  }

  /// Returns the elements at the given indices along an axis, and zeros for negative indices.
  func gathered(_ indices: [Int32], along axis: Int) -> Tensor {
    var shape = shape
    let size = shape[axis]
    shape[axis] = indices.count
    let (outer, inner) = (shape[..<axis].product, shape[(axis + 1)...].product)
    let result = Tensor(shape: shape) { out in
      Profile.counted("gather") {
        defer { keepAlive(storage) }
        if outer == 1 {
          inParallel(indices.count, grain: rowGrain(inner)) { range in
            let part = Array(indices[range])
            tensor_gather(out + range.lowerBound * inner, pointer, part, part.count, size, inner, 0, 1)
          }
        } else {
          inParallel(outer, grain: rowGrain(indices.count * inner)) { range in
            tensor_gather(out, pointer, indices, indices.count, size, inner, range.lowerBound, range.count)
          }
        }
      }
    }
    return result.recorded("gathered", [self]) { gradient, _ in [gradient.scattered(indices, along: axis, size: size)] }
  }

  /// Adds each element to the one at its index, in a tensor of zeros with `size` along the axis: the transpose of
  /// `gathered`.
  func scattered(_ indices: [Int32], along axis: Int, size: Int) -> Tensor {
    var shape = shape
    shape[axis] = size
    let (outer, inner) = (shape[..<axis].product, shape[(axis + 1)...].product)
    let result = Tensor(shape: shape) { out in
      Profile.counted("scatter") {
        defer { keepAlive(storage) }
        inParallel(outer, grain: rowGrain(indices.count * inner)) { range in
          tensor_scatter_add(out, pointer, indices, indices.count, size, inner, range.lowerBound, range.count)
        }
      }
    }
    return result.recorded("scattered", [self]) { gradient, _ in [gradient.gathered(indices, along: axis)] }
  }

  /// Returns a range along an axis, without a copy if all axes before it have size 1.
  public func sliced(axis: Int, _ range: Range<Int>) -> Tensor {
    require(
      shape.indices.contains(axis) && 0 <= range.lowerBound && range.upperBound <= shape[axis],
      "sliced: \(range) of axis \(axis) of \(shape)")
    var newShape = shape
    newShape[axis] = range.count
    let (outer, inner, size) = (shape[..<axis].product, shape[(axis + 1)...].product, shape[axis])
    let result: Tensor
    if outer == 1 {
      result = Tensor(shape: newShape, storage: storage, offset: offset + range.lowerBound * inner)
    } else {
      result = Tensor(shape: newShape) { out in
        copyRows(
          from: pointer + range.lowerBound * inner, stride: size * inner, to: out, stride: range.count * inner,
          width: range.count * inner, rows: outer)
      }
    }
    return result.recorded("sliced", [self]) { gradient, _ in
      var amounts = [(Int, Int)](repeating: (0, 0), count: gradient.rank)
      amounts[axis] = (range.lowerBound, size - range.upperBound)
      return [gradient.padded(amounts)]
    }
  }

  /// Pads with a constant.
  ///
  /// - Parameters:
  ///   - amounts: Number of elements before and after, for each axis.
  ///   - value: Constant, 0 by default.
  public func padded(_ amounts: [(Int, Int)], value: Float = 0) -> Tensor {
    require(
      amounts.count == rank && amounts.allSatisfy { $0.0 >= 0 && $0.1 >= 0 }, "padded: \(shape) by \(amounts)")
    var result = self.detached()
    for (axis, amount) in amounts.enumerated() where amount != (0, 0) {
      let inner = result.shape[(axis + 1)...].product
      let outer = result.shape[..<axis].product
      let (before, width) = (amount.0 * inner, result.shape[axis] * inner)
      let newWidth = width + (amount.0 + amount.1) * inner
      var newShape = result.shape
      newShape[axis] += amount.0 + amount.1
      let source = result
      result = Tensor(shape: newShape) { out in
        for row in 0..<outer {
          (out + row * newWidth).update(repeating: value, count: before)
          (out + row * newWidth + before + width).update(repeating: value, count: newWidth - before - width)
        }
        source.copyRows(
          from: source.pointer, stride: width, to: out + before, stride: newWidth, width: width, rows: outer)
      }
    }
    return result.recorded("padded", [self]) { gradient, record in
      var inner = gradient
      for (axis, amount) in amounts.enumerated() where amount != (0, 0) {
        inner = inner.sliced(axis: axis, amount.0..<amount.0 + record.shape(0)[axis])
      }
      return [inner]
    }
  }

  private func copyRows(
    from source: UnsafeMutablePointer<Float>, stride: Int, to out: UnsafeMutablePointer<Float>, stride outStride: Int,
    width: Int, rows: Int
  ) {
    withExtendedLifetime(storage) {
      inParallel(rows, grain: rowGrain(width)) { range in
        for row in range { (out + row * outStride).update(from: source + row * stride, count: width) }
      }
    }
  }

  /// Pads the spatial axes of N × L × C or N × H × W × C with their reflection, without repeating the border element.
  ///
  /// - Parameter amounts: Number of elements before and after, for each spatial axis, less than its size.
  package func reflectionPadded(_ amounts: [(Int, Int)]) -> Tensor {
    require(rank == amounts.count + 2, "reflectionPadded: \(shape) by \(amounts)")
    // All spatial axes are gathered as one axis, in one pass.
    var places: [Int32] = [0]
    var newShape = [shape[0]]
    for (size, amount) in zip(shape.dropFirst(), amounts) {
      require(
        (0..<size).contains(amount.0) && (0..<size).contains(amount.1), "reflectionPadded: \(shape) by \(amounts)")
      let reflected = (-amount.0..<size + amount.1).map { place in
        Int32(place < 0 ? -place : place >= size ? 2 * size - 2 - place : place)
      }
      places = places.flatMap { outer in reflected.map { outer * Int32(size) + $0 } }
      newShape.append(reflected.count)
    }
    let channels = shape[rank - 1]
    return reshaped([shape[0], -1, channels]).gathered(places, along: 1).reshaped(newShape + [channels])
  }

  /// Reverses the order of elements along an axis.
  public func flipped(axis: Int) -> Tensor { gathered(Array((0..<shape[axis]).reversed()), axis: axis) }
}

/// Concatenates tensors along an axis; their other sizes must be equal.
///
/// - Precondition: There is at least one tensor.
public func concatenated(_ tensors: [Tensor], axis: Int) -> Tensor {
  guard let first = tensors.first else { fatalError("concatenated: no tensor") }
  var shape = first.shape
  require(shape.indices.contains(axis), "concatenated: axis \(axis) of \(shape)")
  for tensor in tensors {
    var other = tensor.shape
    require(other.count == shape.count, "concatenated: \(first.shape) and \(tensor.shape)")
    other[axis] = first.shape[axis]
    require(other == first.shape, "concatenated along axis \(axis): \(first.shape) and \(tensor.shape)")
  }
  let sizes = tensors.map { $0.shape[axis] }
  shape[axis] = sizes.reduce(0, +)
  let (outer, inner) = (shape[..<axis].product, shape[(axis + 1)...].product)
  let result = Tensor(shape: shape) { out in
    var start = 0
    for tensor in tensors {
      let width = tensor.shape[axis] * inner
      tensor.withValues { values in
        inParallel(outer, grain: rowGrain(width)) { range in
          guard let from = values.baseAddress else { return }
          for row in range { (out + row * shape[axis] * inner + start).update(from: from + row * width, count: width) }
        }
      }
      start += width
    }
  }
  return result.recorded("concatenated", tensors) { gradient, record in
    var start = 0
    return sizes.enumerated().map { index, size in
      defer { start += size }
      return record.needs(index) ? gradient.sliced(axis: axis, start..<start + size) : nil
    }
  }
}

extension ArraySlice<Int> {
  /// Number of elements of this part of a shape.
  var product: Int { reduce(1, *) }
}
