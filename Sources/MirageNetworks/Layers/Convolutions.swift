import MirageSupport
import MirageTensors

/// Convolution of N × H × W × I images, with weights O × I/groups × KH × KW.
public final class Conv2D: Layer {
  private let parameters: WeightAndBias
  private let stride, padding, dilation: [Int]
  private let groups: Int

  /// Creates a layer with random weights.
  ///
  /// - Parameters:
  ///   - inputs: Number of input channels.
  ///   - outputs: Number of output channels.
  ///   - kernel: Size of the kernel per spatial axis, or one number for both.
  ///   - stride: Stride per spatial axis, or one number for both. Defaults to 1.
  ///   - padding: Number of zeros on both sides per spatial axis, or one number for both. Defaults to 0.
  ///   - dilation: Distance between taps of the kernel per spatial axis, or one number for both. Defaults to 1.
  ///   - groups: Number of groups of channels that are convolved separately. Defaults to 1.
  ///   - hasBias: Whether a bias is added to each output channel. Defaults to `true`.
  ///   - isSpectral: Whether the weight is spectrally normalized. Defaults to `false`.
  ///   - initialized: Distribution of initial weights. Defaults to `uniformFanIn`.
  ///   - random: Source of the initial weights.
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

  /// Computes the output, N × H' × W' × O.
  public func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor {
    x.convolved(
      with: parameters.weight(mode), bias: parameters.bias(mode), stride: stride, padding: padding, dilation: dilation,
      groups: groups)
  }

  /// Visits `weight` and, if there is one, `bias`.
  public func visit(_ visitor: inout some StateVisitor) { parameters.visit(&visitor) }
}

/// Convolution of N × L × I sequences, with weights O × I/groups × K.
public final class Conv1D: Layer {
  private let parameters: WeightAndBias
  private let stride, padding, dilation, groups: Int

  /// Creates a layer with random weights.
  ///
  /// - Parameters:
  ///   - inputs: Number of input channels.
  ///   - outputs: Number of output channels.
  ///   - kernel: Size of the kernel.
  ///   - stride: Stride. Defaults to 1.
  ///   - padding: Number of zeros on both sides. Defaults to 0.
  ///   - dilation: Distance between taps of the kernel. Defaults to 1.
  ///   - groups: Number of groups of channels that are convolved separately. Defaults to 1.
  ///   - hasBias: Whether a bias is added to each output channel. Defaults to `true`.
  ///   - isSpectral: Whether the weight is spectrally normalized. Defaults to `false`.
  ///   - initialized: Distribution of initial weights. Defaults to `uniformFanIn`.
  ///   - random: Source of the initial weights.
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

  /// Computes the output, N × L' × O.
  public func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor {
    x.convolved(
      with: parameters.weight(mode), bias: parameters.bias(mode), stride: [stride], padding: [padding],
      dilation: [dilation],
      groups: groups)
  }

  /// Visits `weight` and, if there is one, `bias`.
  public func visit(_ visitor: inout some StateVisitor) { parameters.visit(&visitor) }
}

/// Transposed convolution of N × H × W × I images, with weights I × O/groups × KH × KW.
public final class ConvTranspose2D: Layer {
  private let parameters: WeightAndBias
  private let stride, padding, outputPadding, dilation: [Int]
  private let groups: Int

  /// Creates a layer with random weights.
  ///
  /// - Parameters:
  ///   - inputs: Number of input channels.
  ///   - outputs: Number of output channels.
  ///   - kernel: Size of the kernel per spatial axis, or one number for both.
  ///   - stride: Stride per spatial axis, or one number for both. Defaults to 1.
  ///   - padding: Padding that the result is cropped by on both sides per spatial axis, or one number for both. Defaults to 0.
  ///   - outputPadding: Size added at the end of each axis. Defaults to 0.
  ///   - dilation: Distance between taps of the kernel per spatial axis, or one number for both. Defaults to 1.
  ///   - groups: Number of groups of channels that are convolved separately. Defaults to 1.
  ///   - hasBias: Whether a bias is added to each output channel. Defaults to `true`.
  ///   - isSpectral: Whether the weight is spectrally normalized. Defaults to `false`.
  ///   - initialized: Distribution of initial weights. Defaults to `uniformFanIn`.
  ///   - random: Source of the initial weights.
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

  /// Computes the output, N × H' × W' × O.
  public func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor {
    x.transposeConvolved(
      with: parameters.weight(mode), bias: parameters.bias(mode), stride: stride, padding: padding,
      outputPadding: outputPadding,
      dilation: dilation, groups: groups)
  }

  /// Visits `weight` and, if there is one, `bias`.
  public func visit(_ visitor: inout some StateVisitor) { parameters.visit(&visitor) }
}

/// Transposed convolution of N × L × I sequences, with weights I × O/groups × K.
public final class ConvTranspose1D: Layer {
  private let parameters: WeightAndBias
  private let stride, padding, outputPadding, dilation, groups: Int

  /// Creates a layer with random weights.
  ///
  /// - Parameters:
  ///   - inputs: Number of input channels.
  ///   - outputs: Number of output channels.
  ///   - kernel: Size of the kernel.
  ///   - stride: Stride. Defaults to 1.
  ///   - padding: Padding that the result is cropped by on both sides. Defaults to 0.
  ///   - outputPadding: Size added at the end. Defaults to 0.
  ///   - dilation: Distance between taps of the kernel. Defaults to 1.
  ///   - groups: Number of groups of channels that are convolved separately. Defaults to 1.
  ///   - hasBias: Whether a bias is added to each output channel. Defaults to `true`.
  ///   - isSpectral: Whether the weight is spectrally normalized. Defaults to `false`.
  ///   - initialized: Distribution of initial weights. Defaults to `uniformFanIn`.
  ///   - random: Source of the initial weights.
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

  /// Computes the output, N × L' × O.
  public func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor {
    x.transposeConvolved(
      with: parameters.weight(mode), bias: parameters.bias(mode), stride: [stride], padding: [padding],
      outputPadding: [outputPadding], dilation: [dilation], groups: groups)
  }

  /// Visits `weight` and, if there is one, `bias`.
  public func visit(_ visitor: inout some StateVisitor) { parameters.visit(&visitor) }
}
