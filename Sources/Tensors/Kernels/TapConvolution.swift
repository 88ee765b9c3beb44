import CKernels

/// Convolutions with few channels on one side, as one matrix product over the many channels of the other: it gives numbers
/// for each tap of the kernel, which are then summed where they belong (or, for weights, collected before).
enum TapConvolution {
  /// For few output channels: each input pixel's contribution to all taps, then their sums.
  static func forward(_ x: Tensor, _ weights: Tensor, _ bias: Tensor?, _ shape: ConvolutionShape) -> Tensor {
    let taps = matmul(
      x.reshaped([-1, shape.channels]), weights.transposed([1, 2, 3, 0]).reshaped([shape.channels, -1]))
    return summed(taps, bias, Taps(shape, channels: shape.outputChannels, isTransposed: false), to: shape.output)
  }

  /// For few input channels: each output pixel's contribution to all taps, then their sums.
  static func inputGradient(_ gradient: Tensor, _ weights: Tensor, _ shape: ConvolutionShape) -> Tensor {
    let taps = matmul(
      gradient.reshaped([-1, shape.outputChannels]),
      weights.transposed([0, 2, 3, 1]).reshaped([shape.outputChannels, -1]))
    return summed(taps, nil, Taps(shape, channels: shape.channels, isTransposed: true), to: shape.input)
  }

  /// For few output channels: for each input pixel the gradients at all taps that reach it, times the input.
  static func weightGradient(_ x: Tensor, _ gradient: Tensor, _ shape: ConvolutionShape) -> Tensor {
    let (pixels, perPixel) = (x.count / shape.channels, shape.weights.product / shape.channels)
    let taps = Taps(shape, channels: shape.outputChannels, isTransposed: true)
    let collected = Tensor(shape: [pixels, perPixel]) { out in
      inParallel(shape.batch * shape.height, grain: rowGrain(shape.width * perPixel)) { range in
        var taps = taps.shape
        taps_collect(out, gradient.pointer, &taps, range.lowerBound, range.count)
      }
    }
    keepAlive(gradient)
    let product = matmul(x.reshaped([-1, shape.channels]), collected, transposeA: true)
    return product.reshaped([shape.channels, shape.kernelHeight, shape.kernelWidth, shape.outputChannels])
      .transposed([3, 0, 1, 2])
  }

  private static func summed(_ taps: Tensor, _ bias: Tensor?, _ geometry: Taps, to shape: [Int]) -> Tensor {
    let result = Tensor(shape: shape) { out in
      inParallel(shape[0] * shape[1], grain: rowGrain(shape[2] * taps.shape[1])) { range in
        var geometry = geometry.shape
        taps_sum(out, taps.pointer, bias?.pointer, &geometry, range.lowerBound, range.count)
      }
    }
    keepAlive(taps, bias)
    return result
  }

  /// The geometry as the kernels take it: from input to output places, or transposed.
  private struct Taps: Sendable {
    var shape = taps_shape()

    init(_ shape: ConvolutionShape, channels: Int, isTransposed: Bool) {
      let (from, to) = isTransposed ? (shape.output, shape.input) : (shape.input, shape.output)
      self.shape.batch = Int32(shape.batch)
      (self.shape.height, self.shape.width) = (Int32(from[1]), Int32(from[2]))
      (self.shape.out_height, self.shape.out_width) = (Int32(to[1]), Int32(to[2]))
      (self.shape.kernel_height, self.shape.kernel_width) = (Int32(shape.kernelHeight), Int32(shape.kernelWidth))
      (self.shape.stride_height, self.shape.stride_width) = (Int32(shape.strideHeight), Int32(shape.strideWidth))
      (self.shape.pad_height, self.shape.pad_width) = (Int32(shape.paddingHeight), Int32(shape.paddingWidth))
      (self.shape.dilation_height, self.shape.dilation_width) = (
        Int32(shape.dilationHeight), Int32(shape.dilationWidth)
      )
      self.shape.channels = Int32(channels)
      self.shape.transposed = isTransposed ? 1 : 0
    }
  }
}
