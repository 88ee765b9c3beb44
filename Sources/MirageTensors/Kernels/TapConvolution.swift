import CKernels

/// Convolutions with few channels on one side, as matrix products over the many channels of the other. The products are
/// values per tap of the kernel, which are added to their outputs afterward (or, for weight gradients, collected
/// beforehand). Blocks of rows are small enough for the caches.
enum TapConvolution {
  /// Maximum number of floats for all taps of a block of more than one row.
  private static let blockSize = 1 << 20

  /// Convolves to few output channels: computes the contribution of each input pixel to all taps, then the sums.
  static func forward(_ x: Tensor, _ weights: Tensor, _ bias: Tensor?, _ shape: ConvolutionShape) -> Tensor {
    let matrix = weights.transposed([1, 2, 3, 0]).reshaped([shape.channels, -1])
    return summed(x, matrix, bias, Taps(shape, channels: shape.outputChannels, isTransposed: false), shape.output)
  }

  /// Computes the gradient with respect to few input channels: the contribution of each output pixel to all taps, then the
  /// sums.
  static func inputGradient(_ gradient: Tensor, _ weights: Tensor, _ shape: ConvolutionShape) -> Tensor {
    let matrix = weights.transposed([0, 2, 3, 1]).reshaped([shape.outputChannels, -1])
    return summed(gradient, matrix, nil, Taps(shape, channels: shape.channels, isTransposed: true), shape.input)
  }

  /// Computes the weight gradient for few output channels: collects the gradients at all taps that reach an input pixel, and
  /// multiplies by the input.
  static func weightGradient(_ x: Tensor, _ gradient: Tensor, _ shape: ConvolutionShape) -> Tensor {
    let taps = Taps(shape, channels: shape.outputChannels, isTransposed: true)
    let perPixel = shape.weights.product / shape.channels
    let rows = x.reshaped([shape.batch * shape.height, shape.width * shape.channels])
    var total: Tensor?
    for block in blocks(of: rows.shape[0], width: shape.width * perPixel) {
      let collected = Tensor(shape: [block.count * shape.width, perPixel]) { out in
        inParallel(block.count, grain: rowGrain(shape.width * perPixel)) { range in
          var geometry = taps.shape
          taps_collect(
            out + range.lowerBound * shape.width * perPixel, gradient.pointer, &geometry,
            block.lowerBound + range.lowerBound, block.lowerBound + range.upperBound)
        }
      }
      let pixels = rows.sliced(axis: 0, block).reshaped([-1, shape.channels])
      let product = matmul(pixels, collected, transposeA: true)
      total = total.map { $0 + product } ?? product
    }
    keepAlive(gradient)
    return total!.reshaped([shape.channels, shape.kernelHeight, shape.kernelWidth, shape.outputChannels])
      .transposed([3, 0, 1, 2])
  }

  private static func summed(
    _ input: Tensor, _ matrix: Tensor, _ bias: Tensor?, _ taps: Taps, _ shape: [Int]
  ) -> Tensor {
    let result = (bias ?? .zeros([shape[3]])).broadcast(to: shape)
    let rows = input.reshaped([input.shape[0] * input.shape[1], -1])
    let (inHeight, outHeight) = (input.shape[1], shape[1])
    for block in blocks(of: rows.shape[0], width: input.shape[2] * matrix.shape[1]) {
      let product = matmul(rows.sliced(axis: 0, block).reshaped([-1, matrix.shape[0]]), matrix)
      let first = block.lowerBound / inHeight * outHeight
      let end = ((block.upperBound - 1) / inHeight + 1) * outHeight
      inParallel(end - first, grain: 1) { range in
        var geometry = taps.shape
        taps_sum(
          result.pointer, product.pointer, &geometry, block.lowerBound, block.upperBound, first + range.lowerBound,
          first + range.upperBound)
      }
      keepAlive(product)
    }
    return result
  }

  private static func blocks(of rows: Int, width: Int) -> [Range<Int>] {
    let size = max(1, blockSize / width)
    return stride(from: 0, to: rows, by: size).map { $0..<min(rows, $0 + size) }
  }

  /// Geometry for the kernels, from input to output positions, or transposed.
  private struct Taps: Sendable {
    var shape = taps_shape()

    init(_ shape: ConvolutionShape, channels: Int, isTransposed: Bool) {
      let (from, to) = isTransposed ? (shape.output, shape.input) : (shape.input, shape.output)
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
