import MirageSupport
import Glibc
import MirageTensors

/// How sure a classifier is about each sample, and how varied its classes are over all: exp of the mean of KL(p(y|x) ‖
/// p(y)) (Salimans et al. 2016, "Improved techniques for training GANs").
///
/// It is between 1, where all samples look alike or nothing like a class, and the number of classes. The name is kept
/// where the classifier is not Inception, but values from different classifiers cannot be compared.
public struct InceptionScore: Sendable, Equatable, Codable {
  /// The mean of the scores of the splits.
  public var mean: Double
  /// Their standard deviation, divided by their number as in the reference implementation.
  public var standardDeviation: Double

  /// - Parameters:
  ///   - probabilities: N × K, the softmax of a classifier; each row sums to 1.
  ///   - splits: into how many contiguous parts, as equal as possible, the samples are divided; with fewer samples than
  ///     that, each is a part of its own, whose score is 1. A score of few samples comes out small: at least a few
  ///     hundred a split say something.
  /// - Precondition: `splits` is at least 1.
  /// - Throws: bad data where there is no sample, or the first sample whose numbers are not probabilities.
  public init(probabilities: Features, splits: Int = 10) throws {
    require(splits >= 1, "an Inception Score of \(splits) splits")
    let count = probabilities.count
    guard count > 0 else { throw MirageError.badData("there is no sample to score") }
    try probabilities.expectDistributions()
    let parts = min(splits, count)
    let scores = (0..<parts).map { part in
      exp(probabilities.meanDivergence(count * part / parts..<count * (part + 1) / parts))
    }
    (mean, standardDeviation) = meanAndDeviation(scores)
  }
}

extension Features {
  fileprivate func expectDistributions() throws {
    for row in 0..<count {
      let numbers = values[row * dimensions..<(row + 1) * dimensions]
      let sum = numbers.reduce(0) { $0 + Double($1) }
      guard numbers.allSatisfy({ $0 >= 0 }), abs(sum - 1) < 1e-3 else {
        throw MirageError.badData(
          "the probabilities of sample \(row) are not: their sum is \(sum), the least is \(numbers.min()!)",
          remedy: "Score the softmax of a classifier, not its logits.")
      }
    }
  }

  /// The mean over some rows of KL(row ‖ mean of these rows).
  fileprivate func meanDivergence(_ rows: Range<Int>) -> Double {
    var marginal = [Double](repeating: 0, count: dimensions)
    for row in rows {
      for place in 0..<dimensions { marginal[place] += Double(values[row * dimensions + place]) / Double(rows.count) }
    }
    var sum = 0.0
    for row in rows {
      for place in 0..<dimensions {
        let probability = Double(values[row * dimensions + place])
        if probability > 0 { sum += probability * (log(probability) - log(marginal[place])) }
      }
    }
    return sum / Double(rows.count)
  }
}
