import MirageEvaluation
import MirageLearning
import MirageStreams
import MirageSupport
import MirageTensors

/// An experiment on whether a pipeline's synthetic samples improve a classifier: one is trained for each arm, size and
/// repetition, all for the same number of steps, and tested on real samples.
package struct Proof: Sendable {
  /// Size of the experiment.
  package struct Settings: Sendable, Codable, Equatable {
    /// Sizes of the training data, as the design defines them; 0 for all.
    package var sizes: [Int]
    /// Number of repetitions, each with different samples, initial weights and orders.
    package var seeds: Int
    /// Number of training steps of each classifier, with batches of 128 samples.
    package var classifierSteps: Int
    /// Number of training steps of each GAN; nil for the pipeline's own number.
    package var ganSteps: Int?

    /// Creates settings of an experiment.
    package init(sizes: [Int], seeds: Int, classifierSteps: Int, ganSteps: Int?) {
      (self.sizes, self.seeds, self.classifierSteps, self.ganSteps) = (sizes, seeds, classifierSteps, ganSteps)
    }
  }

  /// Result of one trained classifier.
  package struct Outcome: Sendable, Codable, Equatable {
    /// Size of the training data; 0 for all.
    package var size: Int
    /// Index of the repetition, from 1.
    package var seed: Int
    /// Name of the arm.
    package var arm: String
    /// Accuracy on the test samples, 0 to 1.
    package var accuracy: Double
    /// Further measures by name.
    package var measures: [String: Double]?

    /// Returns a measure by its name, `accuracy` or one of `measures`; nil if it was not measured.
    func value(_ measure: String) -> Double? { measure == "accuracy" ? accuracy : measures?[measure] }
  }

  package let design: any ProofDesign
  private let settings: Settings
  private let directory: String

  /// Creates an experiment that keeps its outcomes and GANs in a directory.
  package init(_ design: any ProofDesign, _ settings: Settings, in directory: String) {
    (self.design, self.settings, self.directory) = (design, settings, directory)
  }

  /// Trains and tests the classifiers that earlier runs have not.
  ///
  /// - Parameters:
  ///   - test: test samples of all classifiers.
  ///   - progress: called with a message after each outcome and during the training of each GAN.
  /// - Throws: errors of training; bad data if the directory holds outcomes of another experiment; `CancellationError`,
  ///   after which the next run continues.
  /// - Returns: the outcomes of all classifiers.
  package func run(test: Batches, progress: @escaping @Sendable (String) -> Void) async throws -> [Outcome] {
    try makeDirectories(directory)
    var parts = try design.identity
    parts["classifier-steps"] = .integer(settings.classifierSteps)
    parts["gan-steps"] = settings.ganSteps.map { .integer($0) } ?? .null
    let log = try ExperimentLog<Outcome>(directory + "/outcomes.jsonl", identity: Fingerprint(parts))
    let total = settings.sizes.count * settings.seeds * design.arms.count
    for seed in 1...settings.seeds {
      for size in settings.sizes {
        for arm in design.arms
        where !log.outcomes.contains(where: { ($0.size, $0.seed, $0.arm) == (size, seed, arm) }) {
          let trial = Trial(
            arm: arm, size: size, seed: seed, models: directory + "/models", ganSteps: settings.ganSteps,
            classifierSteps: settings.classifierSteps, progress: progress)
          let outcome = try await outcome(of: trial, test)
          try log.append(outcome)
          let percent = NumberText.trimmed(NumberText.percent(outcome.accuracy))
          progress("\(log.outcomes.count) of \(total): \(trial.title), \(arm): \(percent) %")
        }
      }
    }
    return log.outcomes.filter {
      $0.seed <= settings.seeds && settings.sizes.contains($0.size) && design.arms.contains($0.arm)
    }
  }

  private func outcome(of trial: Trial, _ test: Batches) async throws -> Outcome {
    let data = try await design.training(trial)
    let confusion = try await trial.confusion(data, test: test)
    var outcome = Outcome(size: trial.size, seed: trial.seed, arm: trial.arm, accuracy: confusion.accuracy)
    if let minority = design.minority {
      let index = try classIndex(minority, among: data.parts[0].flow.about.classes, stage: "the minority")
      outcome.measures = [
        "recall": confusion.recall(of: index), "precision": confusion.precision(of: index),
        "balanced-accuracy": confusion.balancedAccuracy, "macro-f1": confusion.macroF1,
      ]
    }
    if !data.choices.isEmpty { outcome.measures = (outcome.measures ?? [:]).merging(data.choices) { $1 } }
    return outcome
  }
}
