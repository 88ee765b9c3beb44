/// The three passes of a convolution, each by the kernel that is fastest for its sizes.
enum ConvolutionKernels {
  static func forward(_ x: Tensor, _ weights: Tensor, _ bias: Tensor?, _ shape: ConvolutionShape) -> Tensor {
    Profile.counted("convolution", operations: shape.operations) {
      DirectConvolution.forward(x, weights, bias, shape)
    }
  }

  static func inputGradient(_ gradient: Tensor, _ weights: Tensor, _ shape: ConvolutionShape) -> Tensor {
    Profile.counted("convolution, input gradient", operations: shape.operations) {
      DirectConvolution.inputGradient(gradient, weights, shape)
    }
  }

  static func weightGradient(_ x: Tensor, _ gradient: Tensor, _ shape: ConvolutionShape) -> Tensor {
    Profile.counted("convolution, weight gradient", operations: shape.operations) {
      DirectConvolution.weightGradient(x, gradient, shape)
    }
  }
}
