import MirageSupport
import MirageTensors

/// What a network makes of some samples: a row of numbers for each. Metrics compare sets of them.
public struct Features: Sendable, Equatable {
  /// Row-major, count × dimensions; all are finite.
  public let values: [Float]
  /// The number of samples.
  public let count: Int
  /// The numbers of a sample.
  public let dimensions: Int

  /// - Parameter values: row-major, one row a sample.
  /// - Precondition: they are whole rows of at least one number.
  /// - Throws: bad data naming the first sample with a number that is not finite.
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

  /// - Parameter tensor: N × D.
  /// - Throws: bad data naming the first sample with a number that is not finite.
  public init(_ tensor: Tensor) throws {
    require(tensor.rank == 2, "features from a tensor of \(tensor.shape)")
    try self.init(tensor.values, dimensions: tensor.shape[1])
  }
}

extension Features {
  /// The mean of the rows, in double precision; zeros where there is none.
  var mean: [Double] {
    var sums = [Double](repeating: 0, count: dimensions)
    values.withUnsafeBufferPointer { values in
      for row in 0..<count {
        for place in 0..<dimensions { sums[place] += Double(values[row * dimensions + place]) }
      }
    }
    return sums.map { $0 / Double(max(1, count)) }
  }

  /// Writes rows in double precision, less `center`.
  func copyRows(_ rows: Range<Int>, minus center: [Double], to target: UnsafeMutablePointer<Double>) {
    values.withUnsafeBufferPointer { values in
      for (index, row) in rows.enumerated() {
        for place in 0..<dimensions {
          target[index * dimensions + place] = Double(values[row * dimensions + place]) - center[place]
        }
      }
    }
  }

  /// `size` of the samples, drawn without replacement; all in their order where there are no more.
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

  /// - Throws: bad data where two sets of features are not of one kind.
  static func expectSameDimensions(_ sets: Features...) throws {
    let dimensions = Set(sets.map(\.dimensions))
    if dimensions.count > 1 {
      throw MirageError.badData(
        "features of different lengths: \(sets.map { String($0.dimensions) }.joined(separator: " and "))",
        remedy: "Make all of them with the same network.")
    }
  }
}
