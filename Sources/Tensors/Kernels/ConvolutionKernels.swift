/// The three passes of a convolution, each by the kernel that is fastest for its sizes.
enum ConvolutionKernels {
  static func forward(_ x: Tensor, _ weights: Tensor, _ bias: Tensor?, _ shape: ConvolutionShape) -> Tensor {
    Profile.counted("convolution", operations: shape.operations) {
      WinogradConvolution.forward(x, weights, bias, shape) ?? DirectConvolution.forward(x, weights, bias, shape)
    }
  }

  static func inputGradient(_ gradient: Tensor, _ weights: Tensor, _ shape: ConvolutionShape) -> Tensor {
    Profile.counted("convolution, input gradient", operations: shape.operations) {
      WinogradConvolution.inputGradient(gradient, weights, shape)
        ?? DirectConvolution.inputGradient(gradient, weights, shape)
    }
  }

  static func weightGradient(_ x: Tensor, _ gradient: Tensor, _ shape: ConvolutionShape) -> Tensor {
    Profile.counted("convolution, weight gradient", operations: shape.operations) {
      WinogradConvolution.weightGradient(x, gradient, shape)
        ?? DirectConvolution.weightGradient(x, gradient, shape)
    }
  }
}
