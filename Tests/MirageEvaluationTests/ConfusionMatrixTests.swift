import MirageEvaluation
import Testing

/// Scores that follow from numbers of predictions, against numbers computed by hand.
@Suite struct ConfusionMatrixTests {
  /// Ten samples of three classes; the fourth class has none, and is predicted once.
  private var matrix: ConfusionMatrix {
    var matrix = ConfusionMatrix(classes: 4)
    matrix.add(predictions: [0, 0, 0, 0, 1], labels: [0, 0, 0, 0, 0])
    matrix.add(predictions: [1, 0, 1, 0, 3], labels: [1, 1, 1, 1, 2])
    return matrix
  }

  private func near(_ value: Double, _ expected: Double) -> Bool { abs(value - expected) < 1e-12 }

  @Test func rowsAreClassesAndColumnsPredictions() {
    #expect(matrix.counts == [[4, 1, 0, 0], [2, 2, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]])
    #expect(matrix.total == 10 && near(matrix.accuracy, 0.6))
  }

  @Test func recallIsOfAClassAndPrecisionOfAPrediction() {
    #expect((0..<4).map { matrix.recall(of: $0) } == [0.8, 0.5, 0, 0])
    let precisions = [4.0 / 6, 2.0 / 3, 0, 0]
    #expect(zip(0..<4, precisions).allSatisfy { near(matrix.precision(of: $0), $1) })
  }

  /// Means are over the three classes that have samples.
  @Test func meansLeaveOutClassesWithoutSamples() {
    #expect(near(matrix.balancedAccuracy, (0.8 + 0.5) / 3))
    // 2 TP / (2 TP + FP + FN), class by class.
    #expect(near(matrix.macroF1, (8.0 / 11 + 4.0 / 7 + 0) / 3))
  }

  @Test func withoutSamplesScoresAreZero() {
    let empty = ConfusionMatrix(classes: 2)
    #expect(empty.accuracy == 0 && empty.balancedAccuracy == 0 && empty.macroF1 == 0 && empty.precision(of: 1) == 0)
  }
}
