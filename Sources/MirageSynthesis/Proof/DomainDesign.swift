import MirageLearning
import MirageStreams
import MirageSupport

/// Design of the experiment on whether a translation helps a classifier of another domain: labels exist in domain A only,
/// images of domain B are not labeled, and the classifier is tested on B.
///
/// The pipeline has a translation with a `target`, which is domain B. The stages before it prepare the samples of A; the
/// augmentations after it are the classical ones. Sizes are numbers of labeled samples per class.
package struct DomainDesign: ProofDesign {
  package let sizeTitle = "labeled per class"

  private enum Arm: String, CaseIterable {
    case source = "A"
    case classical = "A + classical"
    case randomized = "domain randomization"
    case translated = "A + translated"
    case both = "A + classical + translated"
    case ceiling = "labeled B"
  }

  private let pipeline: Pipeline
  private let translation: any ProvableTranslation
  private let target: PipelineSource
  private let preparation, classical: [any StageComponent]
  /// Augmentations that randomize A widely enough to cover B; nil to leave the arm out.
  private let randomization: [any StageComponent]?

  /// - Throws: bad pipeline if there is not exactly one translation with a target, or no augmentation after it.
  package init(_ pipeline: Pipeline, randomization: Pipeline?) throws {
    let parts = try ProvenPipeline<any ProvableTranslation>(pipeline, stage: "cycle-gan")
    guard let target = parts.stage.target else {
      throw MirageError(
        .badPipeline, "the translation has no target, which is the domain without labels",
        remedy: "Give the second domain as target, a source with stages of its own.")
    }
    (self.pipeline, translation, self.target) = (pipeline, parts.stage, target)
    (preparation, classical) = (parts.preparation, parts.classical)
    self.randomization = randomization?.stages
  }

  /// Number of translations in a batch of 128; the others are of A, which are little like the test samples.
  private static let translated = 96

  private var used: [Arm] { Arm.allCases.filter { $0 != .randomized || randomization != nil } }
  package var arms: [String] { used.map(\.rawValue) }
  package var references: [String] {
    [Arm.classical.rawValue] + (randomization == nil ? [] : [Arm.randomized.rawValue])
  }

  /// Domain B, with labels that only the ceiling and the test use.
  private var domainB: Pipeline {
    Pipeline(seed: pipeline.seed, policy: pipeline.policy, source: target.source, stages: target.stages)
  }

  package var test: Pipeline { get throws { try domainB.testPart() } }

  package func training(_ trial: Trial) async throws -> TrialTraining {
    let few: [any StageComponent] = trial.size == 0 ? [] : [Subset(perClass: trial.size)]
    let labeled = preparation + few
    let stage = translation.proving(
      checkpoint: trial.checkpoint, steps: trial.ganSteps, translate: Translation(originals: .replace, label: "keep"))
    func flow(_ stages: [any StageComponent]) async throws -> Flow<Sample> { try await trial.flow(pipeline, stages) }
    switch Arm(rawValue: trial.arm) {
    case .source, nil: return TrialTraining(try await flow(labeled))
    case .classical: return TrialTraining(try await flow(labeled + classical))
    case .randomized: return TrialTraining(try await flow(labeled + (randomization ?? [])))
    case .translated:
      let translated = try await flow(labeled + [stage])
      return TrialTraining(try await flow(labeled), replacing: Self.translated, by: translated)
    case .both:
      // What is augmented is translated, since the classical augmentation is made for A; for that the GAN must be trained.
      _ = try await flow(labeled + [stage])
      let augmented = try await flow(labeled + classical)
      let translated = try await flow(labeled + classical + [Translate(checkpoint: trial.checkpoint)])
      return TrialTraining(augmented, replacing: Self.translated, by: translated)
    case .ceiling: return TrialTraining(try await trial.flow(domainB, domainB.stages + few))
    }
  }

  package var identity: [String: JSONValue] {
    get throws {
      [
        "protocol": "domain", "source": try pipeline.source.description, "seed": .string(String(pipeline.seed)),
        "preparation": .array(try preparation.map { try $0.description }),
        "classical": .array(try classical.map { try $0.description }), "translation": try translation.provenSettings,
        "randomization": .array(try (randomization ?? []).map { try $0.description }),
        "translations-in-batch": .integer(Self.translated),
      ]
    }
  }
}
