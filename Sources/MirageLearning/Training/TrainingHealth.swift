import MirageNetworks
import MirageSupport

/// Health checks of a training for divergence and for collapse to nearly identical samples.
struct TrainingHealth {
  /// Error that ends a training.
  struct Failure: Error {
    let message, remedy: String
  }

  private let remedies: TrainingRemedies
  private var narrowChecks = 0

  init(_ remedies: TrainingRemedies) { self.remedies = remedies }

  /// Standard deviation below which samples count as nearly identical: 1.5 gray levels of bytes as -1 ... 1.
  private static let narrow = 0.012
  /// Number of steps before samples can be expected to differ.
  private static let warmUp = 100

  /// True if the last check was passed. A state that may have collapsed must not replace the last good one.
  var isGood: Bool { narrowChecks == 0 }

  /// - Throws: `Failure` if a loss is not finite.
  func check(_ measures: [TrainingMeasure], step: Int) throws {
    guard let bad = measures.first(where: { $0.name.hasPrefix("loss/") && !$0.value.isFinite }) else { return }
    throw Failure(
      message: "training diverged at step \(step): the \(bad.name.dropFirst("loss/".count))'s loss is not a number",
      remedy: remedies.divergence)
  }

  /// - Throws: `Failure` if a number in the checkpoint is not finite, since it must not replace the last good one.
  func check(_ checkpoint: Checkpoint, step: Int) throws {
    let bad = checkpoint.tensors.keys.sorted().first { !checkpoint.tensors[$0]!.values.allSatisfy(\.isFinite) }
    guard let bad else { return }
    throw Failure(
      message: "training diverged at step \(step): \(bad) holds what is not a number", remedy: remedies.divergence)
  }

  /// - Throws: `Failure` if samples are nearly identical for the second time in a row.
  mutating func check(variation: Double, step: Int) throws {
    narrowChecks = variation < Self.narrow && step >= Self.warmUp ? narrowChecks + 1 : 0
    guard narrowChecks < 2 else {
      throw Failure(
        message: "training collapsed by step \(step): samples of a class are nearly identical",
        remedy: remedies.collapse)
    }
  }
}
