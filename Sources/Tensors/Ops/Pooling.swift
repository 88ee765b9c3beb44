extension Tensor {
  /// Averages over windows; zeros of the padding count, as PyTorch has it by default.
  ///
  /// - Parameters:
  ///   - size, padding: for each spatial axis, or one for all.
  ///   - stride: the size where left out.
  public func averagePooled(size: [Int], stride: [Int]? = nil, padding: [Int] = [0]) -> Tensor {
    let windows = Windows(shape, size, stride ?? size, padding, operation: "averagePooled")
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
    return total! * (1 / Float(windows.size.product))
  }

  /// The greatest element of each window; padding never is. Where several are equal, the first has the gradient.
  public func maxPooled(size: [Int], stride: [Int]? = nil, padding: [Int] = [0]) -> Tensor {
    let windows = Windows(shape, size, stride ?? size, padding, operation: "maxPooled")
    require(
      zip(windows.size, windows.padding).allSatisfy { 2 * $1 <= $0 }, "maxPooled: padding \(padding) for size \(size)")
    // Where each maximum stands. Windows are looked at in row-major order.
    let channels = shape[rank - 1]
    let isSequence = rank == 3
    let (height, width) = isSequence ? (1, shape[1]) : (shape[1], shape[2])
    let (outHeight, outWidth) = isSequence ? (1, windows.output[0]) : (windows.output[0], windows.output[1])
    func setting(_ values: [Int], _ axis: Int, _ missing: Int) -> Int {
      isSequence ? (axis == 0 ? missing : values[0]) : values[axis]
    }
    let (kernelHeight, kernelWidth) = (setting(windows.size, 0, 1), setting(windows.size, 1, 1))
    let (strideHeight, strideWidth) = (setting(windows.stride, 0, 1), setting(windows.stride, 1, 1))
    let (padHeight, padWidth) = (setting(windows.padding, 0, 0), setting(windows.padding, 1, 0))
    let total = shape[0] * outHeight * outWidth * channels
    let places = [Int32](unsafeUninitializedCapacity: total) { buffer, initialized in
      let places = SendablePlaces(start: buffer.baseAddress!)
      withValues { values in
        inParallel(shape[0] * outHeight, grain: rowGrain(outWidth * channels * kernelHeight * kernelWidth)) { range in
          for row in range {
            let (sample, y) = (row / outHeight, row % outHeight)
            let rows =
              Swift.max(
                0, y * strideHeight - padHeight)..<Swift.min(height, y * strideHeight - padHeight + kernelHeight)
            for x in 0..<outWidth {
              let columns =
                Swift.max(0, x * strideWidth - padWidth)..<Swift.min(width, x * strideWidth - padWidth + kernelWidth)
              let out = places.start + (row * outWidth + x) * channels
              for channel in 0..<channels {
                var best = ((sample * height + rows.lowerBound) * width + columns.lowerBound) * channels + channel
                for i in rows {
                  for j in columns {
                    let place = ((sample * height + i) * width + j) * channels + channel
                    if values[place] > values[best] || values[place].isNaN { best = place }
                  }
                }
                out[channel] = Int32(best)
              }
            }
          }
        }
      }
      initialized = total
    }
    return reshaped([count]).gathered(places, along: 0).reshaped([shape[0]] + windows.output + [channels])
  }

  private struct SendablePlaces: @unchecked Sendable { let start: UnsafeMutablePointer<Int32> }

  public enum Interpolation: Sendable { case nearest, bilinear }

  /// Each spatial axis `factor` times as long. Bilinear: sample points at pixel centres, as PyTorch has it with
  /// `align_corners=False`.
  public func upsampled(by factor: Int, _ interpolation: Interpolation = .nearest) -> Tensor {
    require(factor > 0 && rank >= 3, "upsampled: \(shape) by \(factor)")
    var result = self
    for axis in 1..<rank - 1 {
      let size = shape[axis]
      switch interpolation {
      case .nearest:
        result = result.gathered((0..<size * factor).map { Int32($0 / factor) }, along: axis)
      case .bilinear:
        var (low, high, weights) = ([Int32](), [Int32](), [Float]())
        for place in 0..<size * factor {
          let position = Swift.max(0, (Float(place) + 0.5) / Float(factor) - 0.5)
          let first = Swift.min(size - 1, Int(position))
          low.append(Int32(first))
          high.append(Int32(Swift.min(size - 1, first + 1)))
          weights.append(position - Float(first))
        }
        let weight = Tensor(weights, shape: [size * factor] + [Int](repeating: 1, count: rank - 1 - axis))
        result = result.gathered(low, along: axis) * (1 - weight) + result.gathered(high, along: axis) * weight
      }
    }
    return result
  }

  /// N × H × W × C r² to N × rH × rW × C, with PyTorch's order of channels: channel (c r + i) r + j goes to row i and
  /// column j of each r × r square (Shi et al. 2016).
  public func pixelShuffled(_ factor: Int) -> Tensor {
    require(
      rank == 4 && factor > 0 && shape[3] % (factor * factor) == 0, "pixelShuffled: \(shape) by \(factor)")
    let channels = shape[3] / (factor * factor)
    return reshaped([shape[0], shape[1], shape[2], channels, factor, factor])
      .transposed([0, 1, 4, 2, 5, 3])
      .reshaped([shape[0], shape[1] * factor, shape[2] * factor, channels])
  }
}

/// The windows of a pooling operation along the spatial axes.
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

  /// Where the elements at one place of all windows stand along an axis: -1 in the padding.
  func indices(_ index: Int, _ place: Int) -> [Int32] {
    (0..<output[index]).map { window in
      let position = window * stride[index] - padding[index] + place
      return (0..<input[index]).contains(position) ? Int32(position) : -1
    }
  }
}
