import CKernels

extension Tensor {
  /// Averages over windows of N × H × W × C or N × L × C.
  ///
  /// - Parameters:
  ///   - size: Size of windows per spatial axis, or one number for all.
  ///   - stride: Step between windows per spatial axis, or one number for all. Defaults to the size.
  ///   - padding: Number of zeros on both sides of each spatial axis, or one number for all. Defaults to 0.
  ///   - countsPadding: Whether the zeros are part of an average. Defaults to `true`, as in PyTorch. If `false` (PyTorch's
  ///     `count_include_pad=False`, and always in TensorFlow), the padding is at most half the size.
  package func averagePooled(
    size: [Int], stride: [Int]? = nil, padding: [Int] = [0], countsPadding: Bool = true
  ) -> Tensor {
    let windows = Windows(shape, size, stride ?? size, padding, operation: "averagePooled")
    require(
      countsPadding || windows.isPaddedByHalfAtMost, "averagePooled: padding \(padding) for size \(size) does not count"
    )
    var total: Tensor?
    for (index, axis) in windows.axes.enumerated() {
      // Separable: the sum over the window is a sum over shifted copies along each axis in turn.
      let source = total ?? self
      total = nil
      for place in 0..<windows.size[index] {
        let shifted = source.gathered(windows.indices(index, place), along: axis)
        total = total.map { $0 + shifted } ?? shifted
      }
    }
    return countsPadding ? total! * (1 / Float(windows.size.product)) : total! * windows.insideReciprocals
  }

  /// Returns the maximum of each window of N × H × W × C or N × L × C, without the padding. Of equal elements, the first gets
  /// the gradient.
  ///
  /// Parameters are those of `averagePooled`; the padding is at most half the size.
  package func maxPooled(size: [Int], stride: [Int]? = nil, padding: [Int] = [0]) -> Tensor {
    let windows = Windows(shape, size, stride ?? size, padding, operation: "maxPooled")
    require(windows.isPaddedByHalfAtMost, "maxPooled: padding \(padding) for size \(size)")
    require(count / shape[0] <= Int(Int32.max), "maxPooled: samples of \(shape), of more than 2³¹ elements")
    let kernel = windows.kernelShape(channels: shape[rank - 1])
    let newShape = [shape[0]] + windows.output + [shape[rank - 1]]
    let places = Places(batch: shape[0], size: count / shape[0], count: newShape.product / shape[0])
    let rows = shape[0] * Int(kernel.out_height)
    let result = Tensor(shape: newShape) { out in
      Profile.counted("pooling") {
        inParallel(rows, grain: rowGrain(4 * newShape.product / rows)) { range in
          var part = kernel
          pool_max(out, places.pointer, pointer, &part, range.lowerBound, range.upperBound)
        }
      }
    }
    keepAlive(self)
    return result.recorded("maxPooled", [self]) { gradient, record in
      [gradient.spread(places, like: record.shape(0))]
    }
  }

  /// Returns a tensor of the given shape with each element at the position of its maximum, and zeros elsewhere.
  private func spread(_ places: Places, like shape: [Int]) -> Tensor {
    let result = Tensor(shape: shape) { out in
      Profile.counted("pooling") {
        inParallel(places.batch, grain: 1) { range in
          pool_spread(
            out, pointer, places.pointer, places.size, places.count, range.lowerBound, range.upperBound)
        }
      }
    }
    keepAlive(self)
    let pooled = self.shape
    return result.recorded("maxPooled's gradient", [self]) { second, _ in [second.picked(places, shape: pooled)] }
  }

  /// Returns the elements at the positions of maxima.
  private func picked(_ places: Places, shape: [Int]) -> Tensor {
    let input = self.shape
    let result = Tensor(shape: shape) { out in
      inParallel(places.batch, grain: 1) { range in
        pool_pick(out, pointer, places.pointer, places.size, places.count, range.lowerBound, range.upperBound)
      }
    }
    keepAlive(self)
    return result.recorded("picked", [self]) { gradient, _ in [gradient.spread(places, like: input)] }
  }

  /// Positions of the `count` maxima of each sample among its `size` elements.
  private struct Places: Sendable {
    let batch, size, count: Int
    private let storage: Storage

    init(batch: Int, size: Int, count: Int) {
      (self.batch, self.size, self.count) = (batch, size, count)
      storage = Storage(batch * count)
    }

    /// Pointer to the positions, in memory for floats, which have the same size.
    var pointer: UnsafeMutablePointer<Int32> {
      UnsafeMutableRawPointer(storage.pointer).assumingMemoryBound(to: Int32.self)
    }
  }

  /// Interpolation between elements.
  public enum Interpolation: Sendable {
    /// The nearest element.
    case nearest
    /// Bilinear interpolation between pixel centers, as in `resized(to:)`.
    case bilinear
  }

  /// Enlarges each spatial axis by an integer factor.
  package func upsampled(by factor: Int, _ interpolation: Interpolation = .nearest) -> Tensor {
    require(factor > 0 && rank >= 3, "upsampled: \(shape) by \(factor)")
    switch interpolation {
    case .nearest:
      return (1..<rank - 1).reduce(self) { result, axis in
        result.gathered((0..<shape[axis] * factor).map { Int32($0 / factor) }, along: axis)
      }
    case .bilinear:
      return resized(to: (1..<rank - 1).map { shape[$0] * factor })
    }
  }

  /// Resizes the spatial axes bilinearly, with sample points at pixel centers and without antialiasing, as PyTorch's
  /// `interpolate` with `align_corners=False`.
  ///
  /// - Parameter sizes: New size of each spatial axis, at least 1.
  public func resized(to sizes: [Int]) -> Tensor {
    require(
      rank >= 3 && sizes.count == rank - 2 && sizes.allSatisfy { $0 > 0 } && !shape[1..<rank - 1].contains(0),
      "resized: \(shape) to \(sizes)")
    return zip(1..<rank - 1, sizes).reduce(self) { result, change in
      let (axis, newSize) = change
      let size = shape[axis]
      if newSize == size { return result }
      var (low, high, weights) = ([Int32](), [Int32](), [Float]())
      for place in 0..<newSize {
        let position = Swift.max(0, (Float(place) + 0.5) * (Float(size) / Float(newSize)) - 0.5)
        let first = Swift.min(size - 1, Int(position))
        low.append(Int32(first))
        high.append(Int32(Swift.min(size - 1, first + 1)))
        weights.append(position - Float(first))
      }
      let weight = Tensor(weights, shape: [newSize] + [Int](repeating: 1, count: rank - 1 - axis))
      return result.gathered(low, along: axis) * (1 - weight) + result.gathered(high, along: axis) * weight
    }
  }

  /// Rearranges N × H × W × C r² to N × rH × rW × C (Shi et al. 2016), with PyTorch's order of channels: channel
  /// (c r + i) r + j becomes row i and column j of each r × r square.
  package func pixelShuffled(_ factor: Int) -> Tensor {
    require(
      rank == 4 && factor > 0 && shape[3] % (factor * factor) == 0, "pixelShuffled: \(shape) by \(factor)")
    let channels = shape[3] / (factor * factor)
    return reshaped([shape[0], shape[1], shape[2], channels, factor, factor])
      .transposed([0, 1, 4, 2, 5, 3])
      .reshaped([shape[0], shape[1] * factor, shape[2] * factor, channels])
  }
}

/// Windows of a pooling operation along the spatial axes.
private struct Windows {
  let axes: [Int]
  let size, stride, padding, output: [Int]
  private let input: [Int]

  init(_ shape: [Int], _ size: [Int], _ stride: [Int], _ padding: [Int], operation: String) {
    axes = Array(1..<shape.count - 1)
    input = axes.map { shape[$0] }
    let count = axes.count
    func spread(_ values: [Int]) -> [Int] { values.count == 1 ? Array(repeating: values[0], count: count) : values }
    (self.size, self.stride, self.padding) = (spread(size), spread(stride), spread(padding))
    let isValid =
      (1...2).contains(count) && [self.size, self.stride, self.padding].allSatisfy { $0.count == count }
      && self.size.allSatisfy { $0 > 0 } && self.stride.allSatisfy { $0 > 0 } && self.padding.allSatisfy { $0 >= 0 }
    require(isValid, "\(operation): \(shape) with size \(size), stride \(stride), padding \(padding)")
    output = (0..<count).map { [input, size = self.size, stride = self.stride, padding = self.padding] index in
      let free = input[index] + 2 * padding[index] - size[index]
      return free < 0 ? 0 : free / stride[index] + 1
    }
    require(
      output.allSatisfy { $0 > 0 } && shape[0] > 0,
      "\(operation): \(shape) with size \(size), stride \(stride), padding \(padding) leaves nothing")
  }

  /// True if the padding is at most half of the size, so that each window has an element that is not padding.
  var isPaddedByHalfAtMost: Bool { zip(size, padding).allSatisfy { 2 * $1 <= $0 } }

  /// Reciprocal of the number of elements of each window that are not padding, H' × W' × 1.
  var insideReciprocals: Tensor {
    var counts: [Float] = [1]
    for index in axes.indices {
      let along = (0..<output[index]).map { window in
        let start = window * stride[index] - padding[index]
        return Float(min(input[index], start + size[index]) - max(0, start))
      }
      counts = counts.flatMap { outer in along.map { outer * $0 } }
    }
    return Tensor(counts.map { 1 / $0 }, shape: output + [1])
  }

  /// Returns the shape for the kernels; a sequence is an image of one row.
  func kernelShape(channels: Int) -> pool_shape {
    func pair(_ values: [Int], _ missing: Int32) -> (Int32, Int32) {
      (values.count == 1 ? missing : Int32(values[0]), Int32(values[values.count - 1]))
    }
    var shape = pool_shape()
    (shape.height, shape.width) = pair(input, 1)
    (shape.out_height, shape.out_width) = pair(output, 1)
    (shape.kernel_height, shape.kernel_width) = pair(size, 1)
    (shape.stride_height, shape.stride_width) = pair(stride, 1)
    (shape.pad_height, shape.pad_width) = pair(padding, 0)
    shape.channels = Int32(channels)
    return shape
  }

  /// Returns the indices along an axis of the elements at one position of all windows; -1 in the padding.
  func indices(_ index: Int, _ place: Int) -> [Int32] {
    (0..<output[index]).map { window in
      let position = window * stride[index] - padding[index] + place
      return (0..<input[index]).contains(position) ? Int32(position) : -1
    }
  }
}
