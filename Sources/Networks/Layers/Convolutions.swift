import Foundations
import Tensors

/// A convolution of N × H × W × I images, weights O × I/groups × KH × KW.
public final class Conv2D: Layer {
  let weight: Weight
  let bias: Parameter?
  let stride, padding, dilation: [Int]
  let groups: Int

  /// - Parameters:
  ///   - kernel, stride, padding, dilation: one number for both axes, or two.
  ///   - isSpectral: whether the weight is spectrally normalised.
  public init(
    _ inputs: Int, _ outputs: Int, kernel: [Int], stride: [Int] = [1], padding: [Int] = [0], dilation: [Int] = [1],
    groups: Int = 1, hasBias: Bool = true, isSpectral: Bool = false, initialized: Initializer = .uniformFanIn,
    using random: inout Random
  ) {
    let shape = [outputs, inputs / groups, kernel[0], kernel[kernel.count - 1]]
    weight = Weight(initialized.tensor(shape, using: &random), isSpectral: isSpectral, using: &random)
    bias = hasBias ? Parameter(initialized.bias(outputs, weights: shape, using: &random)) : nil
    (self.stride, self.padding, self.dilation, self.groups) = (stride, padding, dilation, groups)
  }

  public func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor {
    x.convolved(
      with: weight(mode), bias: bias.map { $0(mode) }, stride: stride, padding: padding, dilation: dilation,
      groups: groups)
  }

  public func visit(_ visitor: inout some StateVisitor) {
    weight.visit(&visitor)
    if let bias { visitor.visit(bias, "bias") }
  }
}

/// A convolution of N × L × I sequences, weights O × I/groups × K.
public final class Conv1D: Layer {
  let weight: Weight
  let bias: Parameter?
  let stride, padding, dilation, groups: Int

  /// - Parameter isSpectral: whether the weight is spectrally normalised.
  public init(
    _ inputs: Int, _ outputs: Int, kernel: Int, stride: Int = 1, padding: Int = 0, dilation: Int = 1, groups: Int = 1,
    hasBias: Bool = true, isSpectral: Bool = false, initialized: Initializer = .uniformFanIn,
    using random: inout Random
  ) {
    let shape = [outputs, inputs / groups, kernel]
    weight = Weight(initialized.tensor(shape, using: &random), isSpectral: isSpectral, using: &random)
    bias = hasBias ? Parameter(initialized.bias(outputs, weights: shape, using: &random)) : nil
    (self.stride, self.padding, self.dilation, self.groups) = (stride, padding, dilation, groups)
  }

  public func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor {
    x.convolved(
      with: weight(mode), bias: bias.map { $0(mode) }, stride: [stride], padding: [padding], dilation: [dilation],
      groups: groups)
  }

  public func visit(_ visitor: inout some StateVisitor) {
    weight.visit(&visitor)
    if let bias { visitor.visit(bias, "bias") }
  }
}

/// A transposed convolution of N × H × W × I images, weights I × O/groups × KH × KW.
public final class ConvTranspose2D: Layer {
  let weight: Weight
  let bias: Parameter?
  let stride, padding, outputPadding, dilation: [Int]
  let groups: Int

  /// - Parameters:
  ///   - kernel, stride, padding, outputPadding, dilation: one number for both axes, or two.
  ///   - isSpectral: whether the weight is spectrally normalised.
  public init(
    _ inputs: Int, _ outputs: Int, kernel: [Int], stride: [Int] = [1], padding: [Int] = [0], outputPadding: [Int] = [0],
    dilation: [Int] = [1], groups: Int = 1, hasBias: Bool = true, isSpectral: Bool = false,
    initialized: Initializer = .uniformFanIn, using random: inout Random
  ) {
    let shape = [inputs, outputs / groups, kernel[0], kernel[kernel.count - 1]]
    weight = Weight(initialized.tensor(shape, using: &random), isSpectral: isSpectral, outputAxis: 1, using: &random)
    bias = hasBias ? Parameter(initialized.bias(outputs, weights: shape, using: &random)) : nil
    (self.stride, self.padding, self.outputPadding) = (stride, padding, outputPadding)
    (self.dilation, self.groups) = (dilation, groups)
  }

  public func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor {
    x.transposeConvolved(
      with: weight(mode), bias: bias.map { $0(mode) }, stride: stride, padding: padding, outputPadding: outputPadding,
      dilation: dilation, groups: groups)
  }

  public func visit(_ visitor: inout some StateVisitor) {
    weight.visit(&visitor)
    if let bias { visitor.visit(bias, "bias") }
  }
}

/// A transposed convolution of N × L × I sequences, weights I × O/groups × K.
public final class ConvTranspose1D: Layer {
  let weight: Weight
  let bias: Parameter?
  let stride, padding, outputPadding, dilation, groups: Int

  /// - Parameter isSpectral: whether the weight is spectrally normalised.
  public init(
    _ inputs: Int, _ outputs: Int, kernel: Int, stride: Int = 1, padding: Int = 0, outputPadding: Int = 0,
    dilation: Int = 1, groups: Int = 1, hasBias: Bool = true, isSpectral: Bool = false,
    initialized: Initializer = .uniformFanIn, using random: inout Random
  ) {
    let shape = [inputs, outputs / groups, kernel]
    weight = Weight(initialized.tensor(shape, using: &random), isSpectral: isSpectral, outputAxis: 1, using: &random)
    bias = hasBias ? Parameter(initialized.bias(outputs, weights: shape, using: &random)) : nil
    (self.stride, self.padding, self.outputPadding) = (stride, padding, outputPadding)
    (self.dilation, self.groups) = (dilation, groups)
  }

  public func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor {
    x.transposeConvolved(
      with: weight(mode), bias: bias.map { $0(mode) }, stride: [stride], padding: [padding],
      outputPadding: [outputPadding], dilation: [dilation], groups: groups)
  }

  public func visit(_ visitor: inout some StateVisitor) {
    weight.visit(&visitor)
    if let bias { visitor.visit(bias, "bias") }
  }
}
