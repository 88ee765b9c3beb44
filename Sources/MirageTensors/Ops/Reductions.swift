import CKernels

extension Tensor {
  /// Sums over axes, with partial sums in double precision.
  ///
  /// - Parameters:
  ///   - axes: Axes to sum over. Defaults to all.
  ///   - keepingDimensions: Whether these axes remain, with size 1. Defaults to `false`.
  public func sum(axes: [Int]? = nil, keepingDimensions: Bool = false) -> Tensor {
    let axes = checked(axes)
    var result = detached()
    // Neighboring axes are summed in one pass, the last ones first.
    var end = rank
    while let last = axes.last(where: { $0 < end }) {
      var first = last
      while axes.contains(first - 1) { first -= 1 }
      result = result.reduced(first...last, tensor_sum)
      end = first
    }
    let kept = shape.indices.map { axes.contains($0) ? 1 : shape[$0] }
    let dropped = shape.indices.filter { !axes.contains($0) }.map { shape[$0] }
    return result.reshaped(keepingDimensions ? kept : dropped).recorded("sum", [self]) { gradient, record in
      [gradient.reshaped(kept).broadcast(to: record.shape(0))]
    }
  }

  /// Averages over axes. Parameters are those of `sum`.
  ///
  /// - Precondition: There are elements to average.
  public func mean(axes: [Int]? = nil, keepingDimensions: Bool = false) -> Tensor {
    let count = checked(axes).reduce(1) { $0 * shape[$1] }
    require(count > 0, "mean: nothing to average in \(shape)")
    return sum(axes: axes, keepingDimensions: keepingDimensions) * (1 / Float(count))
  }

  /// Returns the biased variance over axes, which is divided by the number of elements. Parameters are those of `sum`.
  public func variance(axes: [Int]? = nil, keepingDimensions: Bool = false) -> Tensor {
    (self - mean(axes: axes, keepingDimensions: true)).square().mean(axes: axes, keepingDimensions: keepingDimensions)
  }

  /// Returns the maximum along an axis, which is removed. Equal maxima get equal parts of the gradient.
  public func max(axis: Int) -> Tensor {
    require(shape.indices.contains(axis) && shape[axis] > 0, "max: axis \(axis) of \(shape)")
    var kept = shape
    kept[axis] = 1
    let keptShape = kept
    let dropped = shape.indices.filter { $0 != axis }.map { shape[$0] }
    let result = detached().reduced(axis...axis, tensor_max).reshaped(dropped)
    return result.recorded("max", [self], saving: [0], savingOutput: true) { gradient, record in
      let mask = record.input(0).isEqual(to: record.output.reshaped(keptShape))
      let fractions = mask / mask.sum(axes: [axis], keepingDimensions: true)
      return [gradient.reshaped(keptShape) * fractions]
    }
  }

  /// Returns the index of the maximum along an axis, the first of equal maxima, for all indices of the other axes in
  /// row-major order.
  public func argmax(axis: Int) -> [Int] {
    require(shape.indices.contains(axis) && shape[axis] > 0, "argmax: axis \(axis) of \(shape)")
    let (outer, inner) = (shape[..<axis].product, shape[(axis + 1)...].product)
    return withValues { values in
      (0..<outer * inner).map { index in
        let start = index / inner * shape[axis] * inner + index % inner
        return (1..<shape[axis]).reduce(0) { values[start + $1 * inner] > values[start + $0 * inner] ? $1 : $0 }
      }
    }
  }

  private func checked(_ axes: [Int]?) -> [Int] {
    let axes = axes.map { Set($0).sorted() } ?? Array(shape.indices)
    require(axes.allSatisfy { shape.indices.contains($0) }, "a reduction of \(shape) over axes \(axes)")
    return axes
  }

  private typealias Reduction = (UnsafeMutablePointer<Float>, UnsafePointer<Float>, Int, Int, Int, Int) -> Void

  /// Reduces neighboring axes to size 1.
  private func reduced(_ axes: ClosedRange<Int>, _ reduction: Reduction) -> Tensor {
    let (outer, inner) = (shape[..<axes.lowerBound].product, shape[(axes.upperBound + 1)...].product)
    let middle = shape[axes].product
    var newShape = shape
    for axis in axes { newShape[axis] = 1 }
    return Tensor(shape: newShape) { out in
      Profile.counted("reduction") {
        defer { keepAlive(storage) }
        // One long sum is divided into blocks, whose size is independent of the number of threads.
        let block = rowGrain(inner)
        if outer == 1 && middle >= 2 * block {
          let blocks = (middle + block - 1) / block
          let partial = Tensor(shape: [blocks, inner]) { partial in
            inParallel(blocks, grain: 1) { range in
              for index in range {
                let rows = Swift.min(block, middle - index * block)
                reduction(partial + index * inner, pointer + index * block * inner, rows, inner, 0, 1)
              }
            }
          }
          reduction(out, partial.pointer, blocks, inner, 0, 1)
          keepAlive(partial)
        } else {
          inParallel(outer, grain: rowGrain(middle * inner)) { range in
            reduction(out, pointer, middle, inner, range.lowerBound, range.count)
          }
        }
      }
    }
  }

  /// Returns exp(x) / sum(exp(x)) along the last axis.
  public func softmax() -> Tensor { softmax(logarithm: false) }

  /// Returns the logarithm of `softmax()`, without overflow.
  public func logSoftmax() -> Tensor { softmax(logarithm: true) }

  private func softmax(logarithm: Bool) -> Tensor {
    require(rank > 0 && shape[rank - 1] > 0, "softmax of a tensor of \(shape)")
    let (width, axis) = (shape[rank - 1], rank - 1)
    let rows = count / width
    let result = Tensor(shape: shape) { out in
      withExtendedLifetime(storage) {
        inParallel(rows, grain: rowGrain(width)) { range in
          tensor_softmax(out, pointer, width, logarithm ? 1 : 0, range.lowerBound, range.count)
        }
      }
    }
    return result.recorded(logarithm ? "logSoftmax" : "softmax", [self], savingOutput: true) { gradient, record in
      let y = record.output
      if record.isDifferentiable {
        if logarithm { return [gradient - y.exp() * gradient.sum(axes: [axis], keepingDimensions: true)] }
        return [y * (gradient - (gradient * y).sum(axes: [axis], keepingDimensions: true))]
      }
      let result = Tensor(shape: gradient.shape) { out in
        inParallel(rows, grain: rowGrain(width)) { range in
          tensor_softmax_gradient(
            out, gradient.pointer, y.pointer, width, logarithm ? 1 : 0, range.lowerBound, range.count)
        }
        keepAlive(gradient, y)
      }
      return [result]
    }
  }
}
