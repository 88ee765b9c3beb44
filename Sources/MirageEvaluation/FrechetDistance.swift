import MirageSupport
import MirageTensors

/// Fréchet distance between two sets of features, each modeled by a normal distribution; with the features of the
/// Inception network it is the FID (Heusel et al. 2017, "GANs trained by a two time-scale update rule converge to a
/// local Nash equilibrium", equation 6).
///
/// The distance is 0 for sets with the same mean and covariance, and has no upper bound. It is biased upward for small
/// sets, above all for sets with fewer samples than features: compare only distances from the same number of samples, and
/// report that number.
public enum FrechetDistance {
  /// Mean and covariance of a set of features.
  package struct Statistics: Sendable, Equatable {
    /// Number of samples.
    package let count: Int
    /// Mean, D numbers.
    package let mean: [Double]
    /// Unbiased covariance (divided by count - 1), D × D, row-major.
    package let covariance: [Double]

    /// Maximum number of features, whose covariance takes 2 GB.
    package static let dimensionLimit = 16_384

    /// Computes the statistics of a set of features.
    ///
    /// - Throws: `MirageError` of kind `badData` if there are fewer than two samples or more features than
    ///   `dimensionLimit`; `CancellationError`.
    package init(_ features: Features) throws {
      let (count, size) = (features.count, features.dimensions)
      guard count >= 2 else {
        throw MirageError.badData(
          "a covariance needs at least two samples, and there \(count == 1 ? "is one" : "are none")",
          remedy: "Use more samples: some thousands, for a distance that says something.")
      }
      guard size <= Self.dimensionLimit else {
        throw MirageError.badData(
          "a covariance of \(size) features is too large, the limit is \(Self.dimensionLimit)",
          remedy: "Use a layer with fewer features.")
      }
      let mean = features.mean
      var covariance = [Double](repeating: 0, count: size * size)
      var block = [Double](repeating: 0, count: min(count, 512) * size)
      for start in stride(from: 0, to: count, by: 512) {
        try Task.checkCancellation()
        let rows = start..<min(count, start + 512)
        block.withUnsafeMutableBufferPointer { features.copyRows(rows, minus: mean, to: $0.baseAddress!) }
        LinearAlgebra.addOwnProduct(ofColumns: block, to: &covariance, n: size, k: rows.count)
      }
      let divisor = Double(count - 1)
      for row in 0..<size {
        for column in 0...row {
          covariance[row * size + column] /= divisor
          covariance[column * size + row] = covariance[row * size + column]
        }
      }
      (self.count, self.mean, self.covariance) = (count, mean, covariance)
    }
  }

  /// Returns the squared distance |μ₁ - μ₂|² + tr(S₁ + S₂ - 2 (S₁ S₂)^½), at least 0. The literature calls it FID without
  /// a further square root.
  ///
  /// - Throws: `MirageError` of kind `badData` if a set has fewer than two samples, the numbers of features differ or
  ///   exceed 16,384, or the eigenvalues cannot be computed; `CancellationError`.
  public static func between(_ first: Features, _ second: Features) throws -> Double {
    try Features.expectSameDimensions(first, second)
    return try between(Statistics(first), Statistics(second))
  }

  /// Returns the squared distance from statistics, which are worth keeping for a set that is compared with many others.
  ///
  /// - Throws: As `between(_:_:)` for features.
  package static func between(_ first: Statistics, _ second: Statistics) throws -> Double {
    guard first.mean.count == second.mean.count else {
      throw MirageError.badData(
        "statistics of \(first.mean.count) and of \(second.mean.count) features",
        remedy: "Make the features of both with the same network.")
    }
    let means = zip(first.mean, second.mean).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    do {
      let root = try traceOfRoot(first.covariance, second.covariance, size: first.mean.count)
      return max(0, means + trace(first.covariance) + trace(second.covariance) - 2 * root)
    } catch let error as LinearAlgebra.NotConverged {
      throw MirageError.badData(
        "the eigenvalues of a covariance cannot be computed (\(error.routine): \(error.info))",
        remedy: "Look for features that are far out of range.")
    }
  }

  /// Returns tr (S₁ S₂)^½ = tr (A S₂ A)^½, where A is the symmetric square root of S₁. With S₁ = V D Vᵀ and W = D^½ Vᵀ,
  /// W S₂ Wᵀ has the eigenvalues of A S₂ A, and the rows of W that are 0 can be left out.
  private static func traceOfRoot(_ first: [Double], _ second: [Double], size: Int) throws -> Double {
    let (values, vectors) = try LinearAlgebra.symmetricEigen(first, size: size)
    try Task.checkCancellation()
    // Eigenvalues below this are rounding errors, of either sign.
    let least = values[size - 1] * Double(size) * .ulpOfOne
    let start = values.firstIndex { $0 > max(0, least) } ?? size
    let rank = size - start
    if rank == 0 { return 0 }
    var root = Array(vectors[(start * size)...])
    for row in 0..<rank {
      let scale = values[start + row].squareRoot()
      for column in 0..<size { root[row * size + column] *= scale }
    }
    var half = [Double](repeating: 0, count: rank * size)
    LinearAlgebra.multiply(root, transposed: second, into: &half, m: rank, n: size, k: size)
    var product = [Double](repeating: 0, count: rank * rank)
    LinearAlgebra.multiply(half, transposed: root, into: &product, m: rank, n: rank, k: size)
    try Task.checkCancellation()
    return try LinearAlgebra.symmetricEigenvalues(product, size: rank).reduce(0) { $0 + max(0, $1).squareRoot() }
  }

  private static func trace(_ matrix: [Double]) -> Double {
    let size = Int(Double(matrix.count).squareRoot())
    return (0..<size).reduce(0) { $0 + matrix[$1 * (size + 1)] }
  }
}
