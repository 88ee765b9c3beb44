import MirageSupport
import MirageTensors

/// Weight of a layer, with optional spectral normalization.
///
/// Spectral normalization (Miyato et al. 2018) divides by the largest singular value σ = uᵀ W v of the weight as a matrix of
/// one row per output. Each use in training updates u and v by one power iteration. Names and order of the iteration are
/// those of `torch.nn.utils.parametrizations.spectral_norm`.
struct Weight {
  let parameter: Parameter
  private let spectral: (u: Buffer, v: Buffer)?
  /// Axis of outputs: 1 for transposed convolutions, 0 for others.
  private let outputAxis: Int

  init(_ value: Tensor, isSpectral: Bool, outputAxis: Int = 0, using random: inout Random) {
    parameter = Parameter(value)
    self.outputAxis = outputAxis
    guard isSpectral else {
      spectral = nil
      return
    }
    let rows = value.shape[outputAxis]
    let u = Buffer(.normal([rows], using: &random).normalized())
    let v = Buffer(.normal([value.count / rows], using: &random).normalized())
    spectral = (u, v)
    for _ in 0..<15 { iterate(matrix(value)) }
  }

  /// Visits `weight`, or the parametrization of spectral normalization under PyTorch's names.
  func visit(_ visitor: inout some StateVisitor) {
    guard let spectral else { return visitor.visit(parameter, "weight") }
    visitor.visit(parameter, "parametrizations.weight.original")
    visitor.visit(spectral.u, "parametrizations.weight.0._u")
    visitor.visit(spectral.v, "parametrizations.weight.0._v")
  }

  /// Returns the weight to compute with, normalized if the layer is spectral.
  func callAsFunction(_ mode: Mode) -> Tensor {
    let weight = parameter(mode)
    guard let spectral else { return weight }
    if mode.isTraining { iterate(matrix(parameter.value)) }
    let (u, v) = (spectral.u.value, spectral.v.value.reshaped([-1, 1]))
    let sigma = (matmul(matrix(weight), v).reshaped([-1]) * u).sum()
    return weight / sigma
  }

  /// Returns the weight as a matrix of one row per output.
  private func matrix(_ weight: Tensor) -> Tensor {
    var order = Array(weight.shape.indices)
    order.remove(at: outputAxis)
    let first = outputAxis == 0 ? weight : weight.transposed([outputAxis] + order)
    return first.reshaped([weight.shape[outputAxis], -1])
  }

  /// Updates u and v by a power iteration.
  private func iterate(_ matrix: Tensor) {
    guard let spectral else { return }
    spectral.u.value = matmul(matrix, spectral.v.value.reshaped([-1, 1])).reshaped([-1]).normalized()
    spectral.v.value = matmul(spectral.u.value.reshaped([1, -1]), matrix).reshaped([-1]).normalized()
  }
}

extension Tensor {
  /// Returns this tensor divided by its Euclidean norm.
  fileprivate func normalized() -> Tensor {
    let length = square().sum().scalar.squareRoot()
    return self * (1 / Swift.max(length, 1e-12))
  }
}

/// Weight and optional bias of a linear or convolutional layer, under PyTorch's names.
struct WeightAndBias {
  let weight: Weight
  private let bias: Parameter?

  /// Creates random weights.
  ///
  /// - Parameters:
  ///   - shape: Shape of the weight.
  ///   - outputs: Size of the bias; `nil` for none.
  init(
    _ shape: [Int], outputs: Int?, isSpectral: Bool, outputAxis: Int = 0, _ initializer: Initializer,
    _ random: inout Random
  ) {
    weight = Weight(
      initializer.tensor(shape, using: &random), isSpectral: isSpectral, outputAxis: outputAxis, using: &random)
    bias = outputs.map { Parameter(initializer.bias($0, weights: shape, using: &random)) }
  }

  func bias(_ mode: Mode) -> Tensor? { bias.map { $0(mode) } }

  func visit(_ visitor: inout some StateVisitor) {
    weight.visit(&visitor)
    if let bias { visitor.visit(bias, "bias") }
  }
}
