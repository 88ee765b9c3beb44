import MirageSupport
import MirageTensors

/// Feature vectors of a set of samples, one row per sample, which metrics compare.
public struct Features: Sendable, Equatable {
  /// Features, count × dimensions, row-major; all are finite.
  package let values: [Float]
  /// Number of samples.
  package let count: Int
  /// Number of features per sample.
  package let dimensions: Int

  /// Creates features from numbers.
  ///
  /// - Parameters:
  ///   - values: N × `dimensions`, row-major.
  ///   - dimensions: Number of features per sample, at least 1.
  /// - Precondition: The values are whole rows.
  /// - Throws: `MirageError` of kind `badData`, which names the first sample with a feature that is not finite.
  public init(_ values: [Float], dimensions: Int) throws {
    require(
      dimensions > 0 && values.count % dimensions == 0, "\(values.count) numbers for rows of \(dimensions) features")
    if let place = values.firstIndex(where: { !$0.isFinite }) {
      throw MirageError.badData(
        "feature \(place % dimensions) of sample \(place / dimensions) is \(values[place])",
        remedy: "The network or the samples are broken: check how both were made.")
    }
    (self.values, count, self.dimensions) = (values, values.count / dimensions, dimensions)
  }

  /// Creates features from a tensor.
  ///
  /// - Parameter tensor: N × D, one row per sample.
  /// - Throws: `MirageError` of kind `badData`, which names the first sample with a feature that is not finite.
  public init(_ tensor: Tensor) throws {
    require(tensor.rank == 2, "features from a tensor of \(tensor.shape)")
    try self.init(tensor.values, dimensions: tensor.shape[1])
  }
}

extension Features {
  /// Mean of the rows, in double precision; zeros if there are no rows.
  var mean: [Double] {
    var sums = [Double](repeating: 0, count: dimensions)
    values.withUnsafeBufferPointer { values in
      for row in 0..<count {
        for place in 0..<dimensions { sums[place] += Double(values[row * dimensions + place]) }
      }
    }
    return sums.map { $0 / Double(max(1, count)) }
  }

  /// Writes rows minus `center`, in double precision.
  func copyRows(_ rows: Range<Int>, minus center: [Double], to target: UnsafeMutablePointer<Double>) {
    values.withUnsafeBufferPointer { values in
      for (index, row) in rows.enumerated() {
        for place in 0..<dimensions {
          target[index * dimensions + place] = Double(values[row * dimensions + place]) - center[place]
        }
      }
    }
  }

  /// Returns `size` of the samples, drawn without replacement; all samples in their order if there are no more.
  func sample(_ size: Int, key: Random.Key) -> Features {
    if size >= count { return self }
    let order = Permutation(count: count, key: key)
    let rows = (0..<size).map { order[$0] }
    return Features(rows: rows, of: self)
  }

  private init(rows: [Int], of features: Features) {
    dimensions = features.dimensions
    count = rows.count
    values = rows.flatMap { features.values[$0 * features.dimensions..<($0 + 1) * features.dimensions] }
  }

  /// - Throws: `MirageError` of kind `badData` if the sets differ in their number of features.
  static func expectSameDimensions(_ sets: Features...) throws {
    let dimensions = Set(sets.map(\.dimensions))
    if dimensions.count > 1 {
      throw MirageError.badData(
        "features of different lengths: \(sets.map { String($0.dimensions) }.joined(separator: " and "))",
        remedy: "Make all of them with the same network.")
    }
  }
}
