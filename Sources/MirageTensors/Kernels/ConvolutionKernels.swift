/// The three passes of a convolution, each with the kernel that is fastest for its sizes.
enum ConvolutionKernels {
  static func forward(_ x: Tensor, _ weights: Tensor, _ bias: Tensor?, _ shape: ConvolutionShape) -> Tensor {
    Profile.counted("convolution, forward, \(shape)", operations: shape.operations) {
      if multipliesByTaps(shape, few: shape.outputChannels, many: shape.channels) {
        return TapConvolution.forward(x, weights, bias, shape)
      }
      return (filtersMinimally(shape, .forward) ? WinogradConvolution.forward(x, weights, bias, shape) : nil)
        ?? DirectConvolution.forward(x, weights, bias, shape)
    }
  }

  static func inputGradient(_ gradient: Tensor, _ weights: Tensor, _ shape: ConvolutionShape) -> Tensor {
    Profile.counted("convolution, input gradient, \(shape)", operations: shape.operations) {
      if multipliesByTaps(shape, few: shape.channels, many: shape.outputChannels), shape.strideHeight == 1 {
        return TapConvolution.inputGradient(gradient, weights, shape)
      }
      return
        (filtersMinimally(shape, .inputGradient) ? WinogradConvolution.inputGradient(gradient, weights, shape) : nil)
        ?? DirectConvolution.inputGradient(gradient, weights, shape)
    }
  }

  static func weightGradient(_ x: Tensor, _ gradient: Tensor, _ shape: ConvolutionShape) -> Tensor {
    Profile.counted("convolution, weight gradient, \(shape)", operations: shape.operations) {
      if multipliesByTaps(shape, few: shape.outputChannels, many: shape.channels) {
        return TapConvolution.weightGradient(x, gradient, shape)
      }
      return (filtersMinimally(shape, .weightGradient) ? WinogradConvolution.weightGradient(x, gradient, shape) : nil)
        ?? DirectConvolution.weightGradient(x, gradient, shape)
    }
  }

  /// Returns whether there are few channels on one side and many on the other, so that a matrix product over the many is
  /// faster than direct convolution.
  private static func multipliesByTaps(_ shape: ConvolutionShape, few: Int, many: Int) -> Bool {
    shape.groups == 1 && few < 8 && many >= 16 && shape.kernelHeight * shape.kernelWidth > 1
  }

  /// Returns whether minimal filtering is faster than direct convolution, by measurement: not for few channels, which do
  /// not fill its matrices, nor for few tiles, for which the preparation of the weights takes too long.
  private static func filtersMinimally(_ shape: ConvolutionShape, _ pass: ConvolutionPass) -> Bool {
    let tiles = shape.batch * ((shape.outputHeight + 3) / 4) * ((shape.outputWidth + 3) / 4)
    let (inputs, outputs, stride) = (shape.channels, shape.outputChannels, shape.strideHeight)
    if shape.kernelHeight == 3 && stride == 2 {
      // Direct convolution is as fast, except for weight gradients and for images larger than the caches.
      let isLarge = shape.height * shape.width * inputs >= 1 << 21
      return (pass == .weightGradient || isLarge) && min(inputs, outputs) >= 16 && tiles >= 50
    }
    let enough = shape.kernelHeight == 4 && stride == 1 ? 16 : inputs * outputs >= 1 << 16 ? 50 : 32
    guard tiles >= enough else { return false }
    if min(inputs, outputs) >= 16 { return true }
    return switch pass {
    case .forward: false
    case .inputGradient: inputs >= 3 && outputs >= 16 && stride == 2
    case .weightGradient: inputs >= 3 && outputs >= 16 && tiles >= 1000
    }
  }
}
