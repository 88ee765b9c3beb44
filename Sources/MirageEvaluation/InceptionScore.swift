import MirageSupport
import Glibc
import MirageTensors

/// Inception Score: confidence of a classifier in the class of each sample, and variety of the classes over all samples,
/// as exp of the mean of KL(p(y|x) ‖ p(y)) (Salimans et al. 2016, "Improved techniques for training GANs").
///
/// The score is between 1, if all samples are alike or none resembles a class, and the number of classes. Scores from
/// different classifiers cannot be compared.
package struct InceptionScore: Sendable, Equatable, Codable {
  /// Mean score of the splits.
  package var mean: Double
  /// Standard deviation of the scores of the splits; the variance is divided by their number, as in the reference
  /// implementation.
  package var standardDeviation: Double

  /// Computes the score.
  ///
  /// - Parameters:
  ///   - probabilities: Softmax of a classifier, N × K; each row sums to 1.
  ///   - splits: Number of contiguous parts that the samples are divided into, as equal as possible, at least 1. Defaults
  ///     to 10. Parts of few samples have a low score (1 for a single sample): use some hundreds of samples per part.
  /// - Throws: `MirageError` of kind `badData` if there is no sample, or naming the first whose numbers are not
  ///   probabilities.
  package init(probabilities: Features, splits: Int = 10) throws {
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
  /// - Throws: `MirageError` of kind `badData`, which names the first row that is not a distribution.
  fileprivate func expectDistributions() throws {
    for row in 0..<count {
      let numbers = values[row * dimensions..<(row + 1) * dimensions]
      let sum = numbers.reduce(0) { $0 + Double($1) }
      guard numbers.allSatisfy({ $0 >= 0 }), abs(sum - 1) < 1e-3 else {
        throw MirageError.badData(
          "the values of sample \(row) are not probabilities: their sum is \(sum), the least is \(numbers.min()!)",
          remedy: "Score the softmax of a classifier, not its logits.")
      }
    }
  }

  /// Returns the mean of KL(row ‖ mean of the rows) over the rows.
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
