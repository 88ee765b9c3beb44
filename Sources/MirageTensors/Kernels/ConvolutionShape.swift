/// A pass of a convolution: the operation or one of its two gradients.
enum ConvolutionPass: Hashable, Sendable { case forward, inputGradient, weightGradient }

/// Sizes of a 2-D convolution of an N × H × W × C tensor with O × I × KH × KW weights.
struct ConvolutionShape: Hashable, Sendable {
  var batch, height, width, channels: Int
  var outputHeight, outputWidth, outputChannels: Int
  var kernelHeight, kernelWidth: Int
  var strideHeight, strideWidth: Int
  var paddingHeight, paddingWidth: Int
  var dilationHeight, dilationWidth: Int
  var groups: Int

  var input: [Int] { [batch, height, width, channels] }
  var output: [Int] { [batch, outputHeight, outputWidth, outputChannels] }
  var weights: [Int] { [outputChannels, channels / groups, kernelHeight, kernelWidth] }

  /// Number of zeros at the bottom (and right) that the last output needs; negative if the last rows are not used.
  var paddingBottom: Int { needed(outputHeight, strideHeight, kernelHeight, dilationHeight) - height - paddingHeight }
  var paddingRight: Int { needed(outputWidth, strideWidth, kernelWidth, dilationWidth) - width - paddingWidth }

  private func needed(_ output: Int, _ stride: Int, _ kernel: Int, _ dilation: Int) -> Int {
    (output - 1) * stride + (kernel - 1) * dilation + 1
  }

  /// Number of multiplications and additions in a pass.
  var operations: Int {
    2 * batch * outputHeight * outputWidth * outputChannels * (channels / groups) * kernelHeight * kernelWidth
  }
}

extension ConvolutionShape: CustomStringConvertible {
  var description: String {
    "\(batch) × \(height) × \(width) × \(channels) to \(outputChannels), kernel \(kernelHeight) × \(kernelWidth)"
      + (strideHeight * strideWidth > 1 ? ", stride \(strideHeight) × \(strideWidth)" : "")
  }
}
