import MirageSupport
import MirageTensors

/// y = x Wᵀ + b for vectors of N × I, weights O × I.
public final class Linear: Layer {
  private let parameters: WeightAndBias

  /// - Parameter isSpectral: whether the weight is spectrally normalized.
  public init(
    _ inputs: Int, _ outputs: Int, hasBias: Bool = true, isSpectral: Bool = false,
    initialized: Initializer = .uniformFanIn, using random: inout Random
  ) {
    parameters = WeightAndBias(
      [outputs, inputs], outputs: hasBias ? outputs : nil, isSpectral: isSpectral, initialized, &random)
  }

  public func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor {
    let weight = parameters.weight(mode)
    require(x.rank == 2 && x.shape[1] == weight.shape[1], "Linear: \(x.shape) with weights \(weight.shape)")
    guard let bias = parameters.bias(mode) else { return matmul(x, weight, transposeB: true) }
    return matmul(x, weight, transposeB: true) + bias
  }

  public func visit(_ visitor: inout some StateVisitor) { parameters.visit(&visitor) }
}

/// A vector for each of a number of things, such as classes: weights count × size.
public final class Embedding: Module {
  let weight: Weight

  /// - Parameters:
  ///   - count: of things.
  ///   - size: of each vector.
  ///   - isSpectral: whether the weight is spectrally normalized.
  public init(
    _ count: Int, _ size: Int, isSpectral: Bool = false, initialized: Initializer = .normal(1),
    using random: inout Random
  ) {
    weight = Weight(initialized.tensor([count, size], using: &random), isSpectral: isSpectral, using: &random)
  }

  /// The vectors of the given things: N × size.
  public func callAsFunction(_ indices: [Int], _ mode: Mode) -> Tensor { weight(mode).gathered(indices, axis: 0) }

  public func visit(_ visitor: inout some StateVisitor) { weight.visit(&visitor) }
}
