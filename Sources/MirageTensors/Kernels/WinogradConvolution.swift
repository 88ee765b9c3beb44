import CKernels

/// Convolutions by minimal filtering (Winograd 1980; Lavin and Gray 2016), with about half of the multiplications, for
/// kernels of 3 × 3 with stride 1 and of 4 × 4 with strides 1 and 2. A 3 × 3 kernel with stride 2 is padded with zeros to
/// 4 × 4.
enum WinogradConvolution {
  private struct Packing: Hashable {
    /// Shape of the weights: views of one storage can have different shapes.
    let weights: [Int]
    let kernel, stride, layout: Int
    let isBackward: Bool
  }

  /// Returns the shape for the kernels; `nil` if they do not support it.
  private static func kernelShape(_ shape: ConvolutionShape) -> winograd_shape? {
    guard
      shape.groups == 1, shape.dilationHeight == 1, shape.dilationWidth == 1, shape.kernelHeight == shape.kernelWidth,
      shape.strideHeight == shape.strideWidth,
      // The kernels do not support outputs that depend on padding alone.
      shape.paddingHeight < shape.kernelHeight, shape.paddingWidth < shape.kernelWidth
    else { return nil }
    let isSmaller = shape.kernelHeight == 3 && shape.strideHeight == 2
    var result = winograd_shape(
      n: Int32(shape.batch), h: Int32(shape.height), w: Int32(shape.width), c: Int32(shape.channels),
      oh: Int32(shape.outputHeight), ow: Int32(shape.outputWidth), k: Int32(shape.outputChannels),
      kernel: isSmaller ? 4 : Int32(shape.kernelHeight), stride: Int32(shape.strideHeight),
      pad_top: Int32(shape.paddingHeight),
      pad_left: Int32(shape.paddingWidth))
    return winograd_supports(&result) != 0 ? result : nil
  }

  /// Convolves; `nil` if there is no kernel for the shape.
  static func forward(_ x: Tensor, _ weights: Tensor, _ bias: Tensor?, _ shape: ConvolutionShape) -> Tensor? {
    guard var kernel = kernelShape(shape) else { return nil }
    let packed = packedWeights(weights, &kernel, isBackward: false)
    let result = Tensor(shape: shape.output) { out in
      eachPart(Compute.threads, &kernel, winograd_pass_forward) { kernel, scratch, part, parts in
        winograd_forward(&kernel, x.pointer, packed.pointer, bias?.pointer, out, scratch, part, parts)
      }
    }
    keepAlive(x, packed, bias)
    return result
  }

  static func inputGradient(_ gradient: Tensor, _ weights: Tensor, _ shape: ConvolutionShape) -> Tensor? {
    guard var kernel = kernelShape(shape) else { return nil }
    let packed = packedWeights(weights, &kernel, isBackward: true)
    let result = Tensor(shape: shape.input) { out in
      eachPart(Compute.threads, &kernel, winograd_pass_input) { kernel, scratch, part, parts in
        winograd_input_gradient(&kernel, gradient.pointer, packed.pointer, nil, out, scratch, part, parts)
      }
    }
    keepAlive(gradient, packed)
    return result
  }

  static func weightGradient(_ x: Tensor, _ gradient: Tensor, _ shape: ConvolutionShape) -> Tensor? {
    guard var kernel = kernelShape(shape) else { return nil }
    let threads = Compute.threads
    let partial = Storage(winograd_partial_size(&kernel, Int32(threads)))
    eachPart(threads, &kernel, winograd_pass_weights) { kernel, scratch, part, parts in
      winograd_weight_gradient(&kernel, x.pointer, gradient.pointer, partial.pointer, scratch, part, parts)
    }
    let side = Int(kernel.kernel)
    let result = Tensor(shape: [shape.outputChannels, shape.channels, side, side]) { out in
      inParallel(threads) { part in
        var kernel = kernel
        winograd_weight_gradient_finish(&kernel, partial.pointer, Int32(threads), out, Int32(part), Int32(threads))
      }
    }
    keepAlive(x, gradient, partial)
    return side == shape.kernelHeight ? result : result.sliced(axis: 2, 0..<3).sliced(axis: 3, 0..<3)
  }

  /// Calls the body concurrently for each part of the work, with scratch memory of its own.
  private static func eachPart(
    _ parts: Int, _ kernel: inout winograd_shape, _ pass: some BinaryInteger,
    _ body: (inout winograd_shape, UnsafeMutablePointer<Float>, Int32, Int32) -> Void
  ) {
    let (size, shape) = (winograd_scratch_size(&kernel, Int32(pass)), kernel)
    // Scratch memories of different parts are at least a cache line apart.
    let stride = (size + 31) / 16 * 16
    let scratch = Storage(parts * stride)
    inParallel(parts) { part in
      var kernel = shape
      body(&kernel, scratch.pointer + part * stride, Int32(part), Int32(parts))
    }
    keepAlive(scratch)
  }

  private static func packedWeights(
    _ weights: Tensor, _ kernel: inout winograd_shape, isBackward: Bool
  ) -> Storage {
    let backward: Int32 = isBackward ? 1 : 0
    let packing = Packing(
      weights: weights.shape, kernel: Int(kernel.kernel), stride: Int(kernel.stride),
      layout: Int(winograd_layout(&kernel, backward)),
      isBackward: isBackward)
    let size = winograd_packed_size(&kernel, backward)
    let shape = kernel
    return weights.storage.packed(PackedKey(kernel: AnyHashable(packing), offset: weights.offset)) {
      let (packed, threads) = (Storage(size), Compute.threads)
      let missing = Int(shape.kernel) - weights.shape[2]
      let weights = missing == 0 ? weights : weights.padded([(0, 0), (0, 0), (0, missing), (0, missing)])
      inParallel(threads) { part in
        var kernel = shape
        winograd_pack(&kernel, backward, weights.pointer, packed.pointer, Int32(part), Int32(threads))
      }
      keepAlive(weights)
      return packed
    }
  }
}
