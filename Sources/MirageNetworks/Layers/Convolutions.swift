import MirageSupport
import MirageTensors

/// A convolution of N × H × W × I images, weights O × I/groups × KH × KW.
public final class Conv2D: Layer {
  private let parameters: WeightAndBias
  private let stride, padding, dilation: [Int]
  private let groups: Int

  /// - Parameters:
  ///   - kernel, stride, padding, dilation: one number for both axes, or two.
  ///   - isSpectral: whether the weight is spectrally normalized.
  public init(
    _ inputs: Int, _ outputs: Int, kernel: [Int], stride: [Int] = [1], padding: [Int] = [0], dilation: [Int] = [1],
    groups: Int = 1, hasBias: Bool = true, isSpectral: Bool = false, initialized: Initializer = .uniformFanIn,
    using random: inout Random
  ) {
    parameters = WeightAndBias(
      [outputs, inputs / groups, kernel[0], kernel[kernel.count - 1]], outputs: hasBias ? outputs : nil,
      isSpectral: isSpectral, initialized, &random)
    (self.stride, self.padding, self.dilation, self.groups) = (stride, padding, dilation, groups)
  }

  public func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor {
    x.convolved(
      with: parameters.weight(mode), bias: parameters.bias(mode), stride: stride, padding: padding, dilation: dilation,
      groups: groups)
  }

  public func visit(_ visitor: inout some StateVisitor) { parameters.visit(&visitor) }
}

/// A convolution of N × L × I sequences, weights O × I/groups × K.
public final class Conv1D: Layer {
  private let parameters: WeightAndBias
  private let stride, padding, dilation, groups: Int

  /// - Parameter isSpectral: whether the weight is spectrally normalized.
  public init(
    _ inputs: Int, _ outputs: Int, kernel: Int, stride: Int = 1, padding: Int = 0, dilation: Int = 1, groups: Int = 1,
    hasBias: Bool = true, isSpectral: Bool = false, initialized: Initializer = .uniformFanIn,
    using random: inout Random
  ) {
    parameters = WeightAndBias(
      [outputs, inputs / groups, kernel], outputs: hasBias ? outputs : nil, isSpectral: isSpectral, initialized, &random
    )
    (self.stride, self.padding, self.dilation, self.groups) = (stride, padding, dilation, groups)
  }

  public func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor {
    x.convolved(
      with: parameters.weight(mode), bias: parameters.bias(mode), stride: [stride], padding: [padding],
      dilation: [dilation],
      groups: groups)
  }

  public func visit(_ visitor: inout some StateVisitor) { parameters.visit(&visitor) }
}

/// A transposed convolution of N × H × W × I images, weights I × O/groups × KH × KW.
public final class ConvTranspose2D: Layer {
  private let parameters: WeightAndBias
  private let stride, padding, outputPadding, dilation: [Int]
  private let groups: Int

  /// - Parameters:
  ///   - kernel, stride, padding, outputPadding, dilation: one number for both axes, or two.
  ///   - isSpectral: whether the weight is spectrally normalized.
  public init(
    _ inputs: Int, _ outputs: Int, kernel: [Int], stride: [Int] = [1], padding: [Int] = [0], outputPadding: [Int] = [0],
    dilation: [Int] = [1], groups: Int = 1, hasBias: Bool = true, isSpectral: Bool = false,
    initialized: Initializer = .uniformFanIn, using random: inout Random
  ) {
    parameters = WeightAndBias(
      [inputs, outputs / groups, kernel[0], kernel[kernel.count - 1]], outputs: hasBias ? outputs : nil,
      isSpectral: isSpectral, outputAxis: 1, initialized, &random)
    (self.stride, self.padding, self.outputPadding) = (stride, padding, outputPadding)
    (self.dilation, self.groups) = (dilation, groups)
  }

  public func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor {
    x.transposeConvolved(
      with: parameters.weight(mode), bias: parameters.bias(mode), stride: stride, padding: padding,
      outputPadding: outputPadding,
      dilation: dilation, groups: groups)
  }

  public func visit(_ visitor: inout some StateVisitor) { parameters.visit(&visitor) }
}

/// A transposed convolution of N × L × I sequences, weights I × O/groups × K.
public final class ConvTranspose1D: Layer {
  private let parameters: WeightAndBias
  private let stride, padding, outputPadding, dilation, groups: Int

  /// - Parameter isSpectral: whether the weight is spectrally normalized.
  public init(
    _ inputs: Int, _ outputs: Int, kernel: Int, stride: Int = 1, padding: Int = 0, outputPadding: Int = 0,
    dilation: Int = 1, groups: Int = 1, hasBias: Bool = true, isSpectral: Bool = false,
    initialized: Initializer = .uniformFanIn, using random: inout Random
  ) {
    parameters = WeightAndBias(
      [inputs, outputs / groups, kernel], outputs: hasBias ? outputs : nil, isSpectral: isSpectral, outputAxis: 1,
      initialized, &random)
    (self.stride, self.padding, self.outputPadding) = (stride, padding, outputPadding)
    (self.dilation, self.groups) = (dilation, groups)
  }

  public func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor {
    x.transposeConvolved(
      with: parameters.weight(mode), bias: parameters.bias(mode), stride: [stride], padding: [padding],
      outputPadding: [outputPadding], dilation: [dilation], groups: groups)
  }

  public func visit(_ visitor: inout some StateVisitor) { parameters.visit(&visitor) }
}
