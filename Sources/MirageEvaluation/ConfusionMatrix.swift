/// Numbers of test samples by class and predicted class, and the scores that follow from them.
public struct ConfusionMatrix: Sendable, Codable, Equatable {
  /// Number of samples of class i (row) that are predicted as class j (column).
  public private(set) var counts: [[Int]]

  /// Creates a matrix without samples.
  public init(classes: Int) { counts = [[Int]](repeating: [Int](repeating: 0, count: classes), count: classes) }

  /// Counts predictions for samples of known classes.
  public mutating func add(predictions: [Int], labels: [Int]) {
    for (prediction, label) in zip(predictions, labels) { counts[label][prediction] += 1 }
  }

  /// Number of samples.
  public var total: Int { counts.joined().reduce(0, +) }

  /// Fraction of the samples that are predicted correctly, 0 to 1; 0 without samples.
  public var accuracy: Double { Self.ratio(counts.indices.reduce(0) { $0 + counts[$1][$1] }, total) }

  /// Fraction of the samples of a class that are predicted as it, 0 to 1; 0 if the class has none.
  public func recall(of label: Int) -> Double { Self.ratio(counts[label][label], counts[label].reduce(0, +)) }

  /// Fraction of the predictions of a class that are correct, 0 to 1; 0 if the class is never predicted.
  public func precision(of label: Int) -> Double {
    Self.ratio(counts[label][label], counts.reduce(0) { $0 + $1[label] })
  }

  /// Mean recall of the classes that have samples, 0 to 1.
  public var balancedAccuracy: Double { mean(\.recall) }

  /// Mean over the classes that have samples of the harmonic mean of precision and recall, 0 to 1.
  public var macroF1: Double {
    mean { score in
      let sum = score.precision + score.recall
      return sum > 0 ? 2 * score.precision * score.recall / sum : 0
    }
  }

  private func mean(_ value: ((recall: Double, precision: Double)) -> Double) -> Double {
    let present = counts.indices.filter { counts[$0].contains { $0 > 0 } }
    guard !present.isEmpty else { return 0 }
    return present.map { value((recall(of: $0), precision(of: $0))) }.reduce(0, +) / Double(present.count)
  }

  private static func ratio(_ part: Int, _ whole: Int) -> Double { whole == 0 ? 0 : Double(part) / Double(whole) }
}
