import MirageSupport
import MirageTensors

/// How weights begin.
public enum Initializer: Sendable, Equatable {
  /// Uniform between ±1/√fan-in, biases too: what PyTorch's layers begin with.
  case uniformFanIn
  /// Normal with the given deviation, biases 0; 0.02 is DCGAN's (Radford et al. 2016).
  case normal(Float = 0.02)
  /// Uniform between ±gain √(6 / (fan-in + fan-out)), biases 0 (Glorot and Bengio 2010).
  case xavierUniform(gain: Float = 1)
  /// Normal with deviation gain √(2 / (fan-in + fan-out)), biases 0.
  case xavierNormal(gain: Float = 1)
  /// Uniform between ±√(6 / ((1 + slope²) fan-in)), biases 0 (He et al. 2015); the slope is a leaky rectifier's.
  case heUniform(slope: Float = 0)
  /// Normal with deviation √(2 / ((1 + slope²) fan-in)), biases 0.
  case heNormal(slope: Float = 0)
  /// Rows, or columns where those are fewer, orthonormal as a matrix of one row an output, times gain; biases 0
  /// (Saxe et al. 2014).
  case orthogonal(gain: Float = 1)

  /// Weights of the given shape: outputs first, or inputs first for transposed convolutions, whose fan-in PyTorch counts
  /// from the second axis as well.
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

  /// The biases that go with weights of a shape.
  public func bias(_ count: Int, weights shape: [Int], using random: inout Random) -> Tensor {
    guard self == .uniformFanIn else { return .zeros([count]) }
    let bound = 1 / Initializer.fans(shape).fanIn.squareRoot()
    return .uniform([count], in: -bound...bound, using: &random)
  }

  private static func fans(_ shape: [Int]) -> (fanIn: Float, fanOut: Float) {
    let field = shape.dropFirst(2).reduce(1, *)
    return (Float(shape[1] * field), Float(shape[0] * field))
  }

  private static func orthogonal(_ shape: [Int], _ gain: Float, _ random: inout Random) -> Tensor {
    let (rows, columns) = (shape[0], shape.dropFirst().reduce(1, *))
    let normal = Tensor.normal([rows, columns], using: &random).values.map { Double($0) }
    // U Vᵀ of the decomposition is the orthogonal matrix nearest to the normal one, uniformly distributed as that is.
    guard let (u, values, v) = try? LinearAlgebra.singularValues(normal, rows: rows, columns: columns) else {
      fatalError("no singular values of \(rows) x \(columns) normal numbers, which always have some")
    }
    let rank = values.count
    let left = Tensor(u.map { Float($0) }, shape: [rows, rank])
    let right = Tensor(v.map { Float($0) }, shape: [rank, columns])
    return (matmul(left, right) * gain).reshaped(shape)
  }
}
