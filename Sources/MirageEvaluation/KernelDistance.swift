import MirageSupport
import Synchronization
import MirageTensors

/// Squared maximum mean discrepancy between two sets of features, with the kernel (x·y / d + 1)³; with the features of
/// the Inception network it is the KID (Bińkowski et al. 2018, "Demystifying MMD GANs").
///
/// The estimate is unbiased: values for sets of different sizes can be compared, and for two sets of one distribution it
/// is near 0, possibly negative.
package struct KernelDistance: Sendable, Equatable, Codable {
  /// Mean of the estimates over subsets.
  package var mean: Double
  /// Standard deviation of the estimates; the variance is divided by the number of subsets, as in the reference
  /// implementation.
  package var standardDeviation: Double

  /// Estimates the distance on random subsets.
  ///
  /// The cost is about 2 × `subsets` × `size`² × D multiplications, on `Compute.threads` threads. Each thread needs memory
  /// for 2 × `size` × D + `size`² doubles (41 MB for 1000 samples with 2048 features).
  ///
  /// - Parameters:
  ///   - first: Features of one set, such as real samples.
  ///   - second: Features of the other set, such as generated samples.
  ///   - subsets: Number of estimates, at least 1. Defaults to 100.
  ///   - size: Number of samples drawn from each set for an estimate, without replacement, at least 2. Defaults to 1000;
  ///     the size of the smaller set if that is less.
  ///   - seed: Random seed of the subsets. Defaults to 0.
  /// - Throws: `MirageError` of kind `badData` if a set has fewer than two samples, the numbers of features differ, or
  ///   features are so large that the kernel overflows; `CancellationError`.
  package init(_ first: Features, _ second: Features, subsets: Int = 100, size: Int = 1000, seed: UInt64 = 0) throws {
    require(subsets >= 1 && size >= 2, "\(subsets) subsets of \(size) samples")
    try Features.expectSameDimensions(first, second)
    let size = min(size, first.count, second.count)
    guard size >= 2 else {
      throw MirageError.badData(
        "a kernel distance needs at least two samples of each set, and there are \(first.count) and \(second.count)",
        remedy: "Use more samples: some hundreds at least.")
    }
    let key = Random.Key(seed: seed, path: "kernel-distance")
    let distances = Mutex([Double](repeating: 0, count: subsets))
    for start in stride(from: 0, to: subsets, by: Compute.threads) {
      try Task.checkCancellation()
      inParallel(min(Compute.threads, subsets - start)) { part in
        let subset = start + part
        let x = first.subset(size, key: key.child(0), number: subset)
        let y = second.subset(size, key: key.child(1), number: subset)
        let distance = squaredDiscrepancy(x, y, count: size, dimensions: first.dimensions)
        distances.withLock { $0[subset] = distance }
      }
    }
    (mean, standardDeviation) = meanAndDeviation(distances.withLock { $0 })
    guard standardDeviation.isFinite else {
      throw MirageError.badData(
        "the kernel of the features is too large for a number", remedy: "Look for features that are far out of range.")
    }
  }
}

extension Features {
  /// Draws rows without replacement, in double precision.
  fileprivate func subset(_ size: Int, key: Random.Key, number: Int) -> [Double] {
    let order = Permutation(count: count, key: key, epoch: number)
    let zero = [Double](repeating: 0, count: dimensions)
    return [Double](unsafeUninitializedCapacity: size * dimensions) { buffer, initialized in
      for place in 0..<size {
        let row = order[place]
        copyRows(row..<row + 1, minus: zero, to: buffer.baseAddress! + place * dimensions)
      }
      initialized = size * dimensions
    }
  }
}

/// Returns the unbiased estimate of MMD² from `count` rows of each set (Gretton et al. 2012, "A kernel two-sample test",
/// equation 3).
private func squaredDiscrepancy(_ x: [Double], _ y: [Double], count: Int, dimensions: Int) -> Double {
  var products = [Double](repeating: 0, count: count * count)
  func kernel(_ product: Double) -> Double {
    let base = product / Double(dimensions) + 1
    return base * base * base
  }
  /// Returns the mean of the kernel over all pairs of different rows.
  func within(_ rows: [Double]) -> Double {
    LinearAlgebra.multiplyByOwnTranspose(rows, into: &products, m: count, k: dimensions)
    var sum = 0.0
    for row in 0..<count {
      for column in 0..<row { sum += kernel(products[row * count + column]) }
    }
    return 2 * sum / (Double(count) * Double(count - 1))
  }
  let own = within(x) + within(y)
  LinearAlgebra.multiply(x, transposed: y, into: &products, m: count, n: count, k: dimensions)
  return own - 2 * products.reduce(0) { $0 + kernel($1) } / (Double(count) * Double(count))
}
