import MirageLearning
import MirageEvaluation
import MirageSupport
import MirageStreams
import MirageTensors

/// Experiment on whether a pipeline's GAN improves a classifier that has little training data.
///
/// The same classifier is trained for the same number of steps on each arm and tested on real samples: real samples,
/// those with classical augmentation, those and equally many synthetic ones, and both. The GAN is trained on the
/// classifier's own real samples only. The stages before the GAN prepare the samples of all arms; the augmentations
/// after it are the classical ones.
package struct DownstreamGain: Sendable {
  /// Training data of a classifier.
  package enum Arm: String, Sendable, Codable, CaseIterable {
    case real
    case classical = "real + classical"
    case gan = "real + GAN"
    case both = "real + classical + GAN"
  }

  /// Size of the experiment.
  package struct Settings: Sendable, Codable, Equatable {
    /// Numbers of real samples per class; 0 for all.
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

    /// Settings that take less than ten minutes on two cores, for images of 28 × 28.
    package static let small = Settings(sizes: [20, 50, 100], seeds: 3, classifierSteps: 200, ganSteps: 400)
    /// Settings of the full protocol, which takes hours.
    package static let full = Settings(sizes: [20, 50, 100, 500, 0], seeds: 5, classifierSteps: 2000, ganSteps: nil)
  }

  /// Result of one trained classifier.
  package struct Outcome: Sendable, Codable, Equatable {
    /// Number of real samples per class; 0 for all.
    package var size: Int
    /// Index of the repetition, from 1.
    package var seed: Int
    /// Training data of the classifier.
    package var arm: Arm
    /// Accuracy on the test samples, 0 to 1.
    package var accuracy: Double
  }

  private let pipeline: Pipeline
  private let generator: any ProvableGenerator
  private let preparation, classical: [any StageComponent]
  private let settings: Settings
  private let directory: String

  /// Creates an experiment that keeps its outcomes and GANs in a directory.
  /// - Throws: bad pipeline if there is not exactly one `conditional-gan`, or no augmentation after it.
  package init(_ pipeline: Pipeline, _ settings: Settings, in directory: String) throws {
    let places = pipeline.stages.indices.filter { pipeline.stages[$0] is any ProvableGenerator }
    guard places.count == 1, let generator = pipeline.stages[places[0]] as? any ProvableGenerator else {
      throw MirageError(
        .badPipeline, "the pipeline has \(places.count) conditional-gan stages, and one is needed",
        remedy: "The gain of one GAN is measured at a time.")
    }
    preparation = Array(pipeline.stages[..<places[0]])
    classical = pipeline.stages[(places[0] + 1)...].filter { if case .augment = $0.role { true } else { false } }
    guard !classical.isEmpty else {
      throw MirageError(
        .badPipeline, "there is no augmentation after conditional-gan",
        remedy: "Those after it are the classical augmentation that the GAN is compared with: add some.")
    }
    (self.pipeline, self.generator, self.settings, self.directory) = (pipeline, generator, settings, directory)
  }

  /// Trains and tests the classifiers that earlier runs have not.
  ///
  /// - Parameters:
  ///   - test: test samples of all classifiers.
  ///   - progress: called with a message after each outcome and during the training of each GAN.
  /// - Throws: errors of training; bad data if the directory holds outcomes of another experiment; `CancellationError`,
  ///   after which the next run continues.
  /// - Returns: the outcomes of all classifiers.
  package func run(
    test: Batches, progress: @escaping @Sendable (String) -> Void
  ) async throws -> [Outcome] {
    try makeDirectories(directory)
    let log = try ExperimentLog<Outcome>(directory + "/outcomes.jsonl", identity: try identity())
    let total = settings.sizes.count * settings.seeds * Arm.allCases.count
    for seed in 1...settings.seeds {
      for size in settings.sizes {
        for arm in Arm.allCases
        where !log.outcomes.contains(where: { ($0.size, $0.seed, $0.arm) == (size, seed, arm) }) {
          let parts = try await parts(arm, size: size, seed: seed, progress)
          var training = ClassifierTraining()
          training.seed = UInt64(seed)
          let accuracy = try await training.accuracy(
            afterSteps: settings.classifierSteps, mixing: parts, test: test)
          try log.append(Outcome(size: size, seed: seed, arm: arm, accuracy: accuracy))
          let percent = NumberText.trimmed(NumberText.percent(accuracy))
          progress(
            "\(log.outcomes.count) of \(total): \(named(size)), seed \(seed), \(arm.rawValue): \(percent) %")
        }
      }
    }
    return log.outcomes.filter { $0.seed <= settings.seeds && settings.sizes.contains($0.size) }
  }

  /// Returns the batches of an arm's flows, together 128 samples.
  private func parts(
    _ arm: Arm, size: Int, seed: Int, _ progress: @escaping @Sendable (String) -> Void
  ) async throws -> [Batches] {
    let chosen = preparation + (size == 0 ? [] : [Subset(perClass: size) as any StageComponent])
    let behind = arm == .classical || arm == .both ? classical : []
    let run = Run(seed: pipeline.seed &+ UInt64(seed))
    func flow(_ stages: [any StageComponent]) async throws -> Flow<Sample> {
      var context = Context(policy: pipeline.policy, fitting: .fit)
      context.report = { step in
        if step.done % 100 == 0, step.activity == "training" {
          progress("GAN on \(named(size)), seed \(seed): step \(step.done) of \(step.total)")
        }
      }
      var part = pipeline
      part.stages = stages
      return try await part.fitted(run, in: context).flow
    }
    let real = try await flow(chosen + behind)
    guard arm == .gan || arm == .both else { return [Batches(real, size: 128)] }
    let stage = generator.proving(
      checkpoint: directory + "/models/size-\(size)-seed-\(seed).safetensors", steps: settings.ganSteps,
      perClass: size == 0 ? 5000 : max(500, size))
    let synthetic = try await flow(chosen + [stage] + behind)
    return [Batches(real, size: 64), Batches(synthetic, size: 64)]
  }

  /// Returns everything that determines the outcomes except for sizes and seeds, which a later run may extend.
  private func identity() throws -> Fingerprint {
    return Fingerprint([
      "source": try pipeline.source.description, "seed": .string(String(pipeline.seed)),
      "preparation": .array(try preparation.map { try $0.description }),
      "classical": .array(try classical.map { try $0.description }), "gan": try generator.provenSettings,
      "classifier-steps": .integer(settings.classifierSteps),
      "gan-steps": .integer(settings.ganSteps ?? generator.steps),
    ])
  }
}

private func named(_ size: Int) -> String { size == 0 ? "all samples" : "\(size) per class" }
