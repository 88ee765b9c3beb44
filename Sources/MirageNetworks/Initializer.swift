import MirageSupport
import MirageTensors

/// Distribution of initial weights and biases. Biases are 0 except for `uniformFanIn`.
public enum Initializer: Sendable, Equatable {
  /// Weights and biases uniform in ±1/√fan-in, PyTorch's default.
  case uniformFanIn
  /// Normal with mean 0 and the given standard deviation. Defaults to 0.02, as in DCGAN (Radford et al. 2016).
  case normal(Float = 0.02)
  /// Uniform in ±gain √(6 / (fan-in + fan-out)) (Glorot and Bengio 2010).
  case xavierUniform(gain: Float = 1)
  /// Normal with standard deviation gain √(2 / (fan-in + fan-out)) (Glorot and Bengio 2010).
  case xavierNormal(gain: Float = 1)
  /// Uniform in ±√(6 / ((1 + slope²) fan-in)), with the slope of the leaky ReLU that follows (He et al. 2015).
  case heUniform(slope: Float = 0)
  /// Normal with standard deviation √(2 / ((1 + slope²) fan-in)), with the slope of the leaky ReLU that follows (He et al.
  /// 2015).
  case heNormal(slope: Float = 0)
  /// A random orthogonal matrix of one row per output, times gain: its rows, or its columns if these are fewer, are
  /// orthonormal (Saxe et al. 2014).
  case orthogonal(gain: Float = 1)

  /// Creates weights.
  ///
  /// - Parameters:
  ///   - shape: Shape with outputs first, or inputs first for transposed convolutions. Fan-in is computed from the second
  ///     axis in both cases, as in PyTorch.
  ///   - random: Source of random numbers.
  public func tensor(_ shape: [Int], using random: inout Random) -> Tensor {
    let (fanIn, fanOut) = Initializer.fans(shape)
    func uniform(_ bound: Float) -> Tensor { .uniform(shape, in: -bound...bound, using: &random) }
    func normal(_ deviation: Float) -> Tensor { .normal(shape, standardDeviation: deviation, using: &random) }
    switch self {
    case .uniformFanIn: return uniform(1 / fanIn.squareRoot())
    case .normal(let deviation): return normal(deviation)
    case .xavierUniform(let gain): return uniform(gain * (6 / (fanIn + fanOut)).squareRoot())
    case .xavierNormal(let gain): return normal(gain * (2 / (fanIn + fanOut)).squareRoot())
    case .heUniform(let slope): return uniform((6 / ((1 + slope * slope) * fanIn)).squareRoot())
    case .heNormal(let slope): return normal((2 / ((1 + slope * slope) * fanIn)).squareRoot())
    case .orthogonal(let gain): return Initializer.orthogonal(shape, gain, &random)
    }
  }

  /// Creates biases for weights of a shape.
  package func bias(_ count: Int, weights shape: [Int], using random: inout Random) -> Tensor {
    guard self == .uniformFanIn else { return .zeros([count]) }
    let bound = 1 / Initializer.fans(shape).fanIn.squareRoot()
    return .uniform([count], in: -bound...bound, using: &random)
  }

  /// Returns the numbers of inputs and outputs that a weight of the shape connects.
  private static func fans(_ shape: [Int]) -> (fanIn: Float, fanOut: Float) {
    let field = shape.dropFirst(2).reduce(1, *)
    return (Float(shape[1] * field), Float(shape[0] * field))
  }

  private static func orthogonal(_ shape: [Int], _ gain: Float, _ random: inout Random) -> Tensor {
    let (rows, columns) = (shape[0], shape.dropFirst().reduce(1, *))
    let normal = Tensor.normal([rows, columns], using: &random).values.map { Double($0) }
    // U Vᵀ of the decomposition is the orthogonal matrix nearest to the normal one. Its distribution is uniform, since that
    // of the normal one is invariant under rotations.
    guard let (u, values, v) = try? LinearAlgebra.singularValues(normal, rows: rows, columns: columns) else {
      fatalError("the singular values of \(rows) x \(columns) normal numbers did not converge")
    }
    let rank = values.count
    let left = Tensor(u.map { Float($0) }, shape: [rows, rank])
    let right = Tensor(v.map { Float($0) }, shape: [rank, columns])
    return (matmul(left, right) * gain).reshaped(shape)
  }
}
