extension Tensor {
  /// Convolves images (N × H × W × I) or sequences (N × L × I) with weights, without flipping these, as networks do.
  ///
  /// - Parameters:
  ///   - weights: O × I/groups × KH × KW for images, O × I/groups × K for sequences.
  ///   - bias: A number per output channel. Defaults to none.
  ///   - stride: Step between outputs per spatial axis, or one number for all, at least 1. Defaults to 1.
  ///   - padding: Number of zeros on both sides of each spatial axis, or one number for all. Defaults to 0.
  ///   - dilation: Distance between taps of the kernel per spatial axis, or one number for all, at least 1. Defaults to 1.
  ///   - groups: Number of groups of channels that are convolved separately. Defaults to 1.
  /// - Returns: N × H' × W' × O with H' = ⌊(H + 2 padding - dilation (KH - 1) - 1) / stride⌋ + 1.
  public func convolved(
    with weights: Tensor, bias: Tensor? = nil, stride: [Int] = [1], padding: [Int] = [0], dilation: [Int] = [1],
    groups: Int = 1
  ) -> Tensor {
    if rank == 3 {
      require(weights.rank == 3, "convolved: \(shape) with weights \(weights.shape)")
      return asRow().convolved(
        with: weights.asRowKernel(), bias: bias, stride: [1] + stride, padding: [0] + padding, dilation: [1] + dilation,
        groups: groups
      ).asSequence()
    }
    require(
      rank == 4 && weights.rank == 4 && groups > 0 && shape[3] == weights.shape[1] * groups
        && weights.shape[0] % groups == 0,
      "convolved: \(shape) with weights \(weights.shape) in \(groups) groups")
    var geometry = ConvolutionShape(
      weights: weights.shape, stride: stride, padding: padding, dilation: dilation, groups: groups)
    (geometry.batch, geometry.height, geometry.width) = (shape[0], shape[1], shape[2])
    geometry.channels = shape[3]
    geometry.outputHeight = geometry.spread(shape[1] + 2 * geometry.paddingHeight, 0)
    geometry.outputWidth = geometry.spread(shape[2] + 2 * geometry.paddingWidth, 1)
    require(
      shape[0] > 0 && weights.count > 0 && geometry.outputHeight > 0 && geometry.outputWidth > 0,
      "convolved: \(shape) with weights \(weights.shape), stride \(stride), padding \(padding) leaves nothing")
    require(
      bias == nil || bias!.shape == [geometry.outputChannels],
      "convolved: bias \(bias!.shape) for weights \(weights.shape)")
    return convolution(self, weights, bias, geometry)
  }

  /// Computes the transpose of a convolution, which is its gradient with respect to the input, of images (N × H × W × I) or
  /// sequences (N × L × I).
  ///
  /// - Parameters:
  ///   - weights: I × O/groups × KH × KW for images, I × O/groups × K for sequences.
  ///   - bias: A number per output channel. Defaults to none.
  ///   - stride: Stride of the convolution, per spatial axis or one number for all. Defaults to 1.
  ///   - padding: Padding of the convolution, by which the result is cropped on both sides. Defaults to 0.
  ///   - outputPadding: Size to add at the end of each axis, less than the stride or the dilation, to choose among input
  ///     sizes of the convolution with the same output size. Defaults to 0.
  ///   - dilation: Distance between taps of the kernel. Defaults to 1.
  ///   - groups: Number of groups of channels. Defaults to 1.
  /// - Returns: N × H' × W' × O with H' = (H - 1) stride - 2 padding + dilation (KH - 1) + outputPadding + 1.
  public func transposeConvolved(
    with weights: Tensor, bias: Tensor? = nil, stride: [Int] = [1], padding: [Int] = [0], outputPadding: [Int] = [0],
    dilation: [Int] = [1], groups: Int = 1
  ) -> Tensor {
    if rank == 3 {
      require(weights.rank == 3, "transposeConvolved: \(shape) with weights \(weights.shape)")
      return asRow().transposeConvolved(
        with: weights.asRowKernel(), bias: bias, stride: [1] + stride, padding: [0] + padding,
        outputPadding: [0] + outputPadding, dilation: [1] + dilation, groups: groups
      ).asSequence()
    }
    require(
      rank == 4 && weights.rank == 4 && groups > 0 && shape[3] == weights.shape[0] && shape[3] % groups == 0,
      "transposeConvolved: \(shape) with weights \(weights.shape) in \(groups) groups")
    var geometry = ConvolutionShape(
      weights: weights.shape, stride: stride, padding: padding, dilation: dilation, groups: groups)
    geometry.channels = weights.shape[1] * groups
    (geometry.batch, geometry.outputHeight, geometry.outputWidth) = (shape[0], shape[1], shape[2])
    require((1...2).contains(outputPadding.count), "transposeConvolved: output padding \(outputPadding)")
    let (extraHeight, extraWidth) = (outputPadding[0], outputPadding[outputPadding.count - 1])
    geometry.height =
      (shape[1] - 1) * geometry.strideHeight - 2 * geometry.paddingHeight
      + geometry.dilationHeight * (geometry.kernelHeight - 1) + extraHeight + 1
    geometry.width =
      (shape[2] - 1) * geometry.strideWidth - 2 * geometry.paddingWidth
      + geometry.dilationWidth * (geometry.kernelWidth - 1) + extraWidth + 1
    require(
      shape.product > 0 && weights.count > 0 && geometry.height > 0 && geometry.width > 0 && extraHeight >= 0
        && extraWidth >= 0
        && extraHeight < Swift.max(geometry.strideHeight, geometry.dilationHeight)
        && extraWidth < Swift.max(geometry.strideWidth, geometry.dilationWidth),
      "transposeConvolved: \(shape) with weights \(weights.shape), stride \(stride), padding \(padding), "
        + "output padding \(outputPadding)")
    require(
      bias == nil || bias!.shape == [geometry.channels],
      "transposeConvolved: bias \(bias!.shape) for weights \(weights.shape)")
    guard let bias else { return inputGradient(self, weights, geometry) }
    // The operand has the only reference to its memory, so that the sum reuses it.
    return inputGradient(self, weights, geometry) + bias
  }

  private func asRow() -> Tensor { reshaped([shape[0], 1, shape[1], shape[2]]) }
  private func asRowKernel() -> Tensor { reshaped([shape[0], shape[1], 1, shape[2]]) }
  private func asSequence() -> Tensor { reshaped([shape[0], shape[2], shape[3]]) }
}

extension ConvolutionShape {
  /// Creates a shape from weights and settings, without the sizes of the activations.
  fileprivate init(weights: [Int], stride: [Int], padding: [Int], dilation: [Int], groups: Int) {
    func pair(_ values: [Int], _ least: Int, _ name: String) -> (Int, Int) {
      require(
        (1...2).contains(values.count) && values.allSatisfy { $0 >= least }, "a convolution with \(name) \(values)")
      return (values[0], values[values.count - 1])
    }
    (batch, height, width, channels, outputHeight, outputWidth) = (0, 0, 0, 0, 0, 0)
    outputChannels = weights[0]
    (kernelHeight, kernelWidth) = (weights[2], weights[3])
    (strideHeight, strideWidth) = pair(stride, 1, "stride")
    (paddingHeight, paddingWidth) = pair(padding, 0, "padding")
    (dilationHeight, dilationWidth) = pair(dilation, 1, "dilation")
    self.groups = groups
  }

  /// Returns the number of outputs along a padded axis.
  fileprivate func spread(_ padded: Int, _ axis: Int) -> Int {
    let reach = axis == 0 ? dilationHeight * (kernelHeight - 1) + 1 : dilationWidth * (kernelWidth - 1) + 1
    return padded < reach ? 0 : (padded - reach) / (axis == 0 ? strideHeight : strideWidth) + 1
  }
}

// y = x * w is linear in both x and w, so that the gradients of each of the three passes of a convolution are the other two.
// Derivatives of any order consist of the same three operations.

/// Convolves, with a recorded gradient.
func convolution(_ x: Tensor, _ weights: Tensor, _ bias: Tensor?, _ shape: ConvolutionShape) -> Tensor {
  let saved = (weights.isTracked ? [0] : []) + (x.isTracked ? [1] : [])
  return ConvolutionKernels.forward(x.detached(), weights.detached(), bias?.detached(), shape)
    .recorded("convolution", [x, weights] + (bias.map { [$0] } ?? []), saving: saved) { gradient, record in
      [
        record.needs(0) ? inputGradient(gradient, record.input(1), shape) : nil,
        record.needs(1) ? weightGradient(record.input(0), gradient, shape) : nil,
      ] + (bias == nil ? [] : [record.needs(2) ? gradient.sum(axes: [0, 1, 2]) : nil])
    }
}

/// Computes the gradient with respect to the input, which is a transposed convolution.
func inputGradient(_ gradient: Tensor, _ weights: Tensor, _ shape: ConvolutionShape) -> Tensor {
  let saved = (weights.isTracked ? [0] : []) + (gradient.isTracked ? [1] : [])
  return ConvolutionKernels.inputGradient(gradient.detached(), weights.detached(), shape)
    .recorded("transposed convolution", [gradient, weights], saving: saved) { second, record in
      [
        record.needs(0) ? convolution(second, record.input(1), nil, shape) : nil,
        record.needs(1) ? weightGradient(second, record.input(0), shape) : nil,
      ]
    }
}

/// Computes the gradient with respect to the weights.
func weightGradient(_ x: Tensor, _ gradient: Tensor, _ shape: ConvolutionShape) -> Tensor {
  let saved = (gradient.isTracked ? [0] : []) + (x.isTracked ? [1] : [])
  return ConvolutionKernels.weightGradient(x.detached(), gradient.detached(), shape)
    .recorded("convolution's weight gradient", [x, gradient], saving: saved) { second, record in
      [
        record.needs(0) ? inputGradient(record.input(1), second, shape) : nil,
        record.needs(1) ? convolution(record.input(0), second, nil, shape) : nil,
      ]
    }
}
