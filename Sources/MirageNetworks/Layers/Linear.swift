import MirageSupport
import MirageTensors

/// Linear layer y = x Wᵀ + b of N × I vectors, with weights O × I.
public final class Linear: Layer {
  private let parameters: WeightAndBias

  /// Creates a layer with random weights.
  ///
  /// - Parameters:
  ///   - inputs: Number of inputs I.
  ///   - outputs: Number of outputs O.
  ///   - hasBias: Whether a bias is added. Defaults to `true`.
  ///   - isSpectral: Whether the weight is spectrally normalized. Defaults to `false`.
  ///   - initialized: Distribution of initial weights. Defaults to `uniformFanIn`.
  ///   - random: Source of the initial weights.
  public init(
    _ inputs: Int, _ outputs: Int, hasBias: Bool = true, isSpectral: Bool = false,
    initialized: Initializer = .uniformFanIn, using random: inout Random
  ) {
    parameters = WeightAndBias(
      [outputs, inputs], outputs: hasBias ? outputs : nil, isSpectral: isSpectral, initialized, &random)
  }

  /// Computes the output, N × O.
  public func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor {
    let weight = parameters.weight(mode)
    require(x.rank == 2 && x.shape[1] == weight.shape[1], "Linear: \(x.shape) with weights \(weight.shape)")
    guard let bias = parameters.bias(mode) else { return matmul(x, weight, transposeB: true) }
    return matmul(x, weight, transposeB: true) + bias
  }

  /// Visits `weight` and, if there is one, `bias`.
  public func visit(_ visitor: inout some StateVisitor) { parameters.visit(&visitor) }
}

/// Table of a trained vector per index, such as a class, with weights count × size.
public final class Embedding: Module {
  let weight: Weight

  /// Creates a table with random weights.
  ///
  /// - Parameters:
  ///   - count: Number of vectors.
  ///   - size: Size of each vector.
  ///   - isSpectral: Whether the weight is spectrally normalized. Defaults to `false`.
  ///   - initialized: Distribution of initial weights. Defaults to normal with standard deviation 1.
  ///   - random: Source of the initial weights.
  public init(
    _ count: Int, _ size: Int, isSpectral: Bool = false, initialized: Initializer = .normal(1),
    using random: inout Random
  ) {
    weight = Weight(initialized.tensor([count, size], using: &random), isSpectral: isSpectral, using: &random)
  }

  /// Returns the vectors at N indices, N × size.
  public func callAsFunction(_ indices: [Int], _ mode: Mode) -> Tensor { weight(mode).gathered(indices, axis: 0) }

  /// Returns mixtures of the vectors, N × size.
  /// - Parameter weights: N × count, the weight of each vector.
  package func callAsFunction(mixing weights: Tensor, _ mode: Mode) -> Tensor { matmul(weights, weight(mode)) }

  /// Visits `weight`.
  public func visit(_ visitor: inout some StateVisitor) { weight.visit(&visitor) }
}
