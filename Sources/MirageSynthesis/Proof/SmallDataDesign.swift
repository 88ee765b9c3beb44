import MirageLearning
import MirageStreams
import MirageSupport

/// Design of the experiment on whether a GAN improves a classifier that has few samples.
///
/// The arms are real samples, those with classical augmentation, those and equally many synthetic ones, and both. The
/// GAN is trained on the classifier's own real samples only. The stages before the GAN prepare the samples of all arms;
/// the augmentations after it are the classical ones. Sizes are numbers of real samples per class.
package struct SmallDataDesign: ProofDesign {
  package let arms = ["real", "real + classical", "real + GAN", "real + classical + GAN"]
  package let references = ["real"]
  package let sizeTitle = "per class"

  private let pipeline: Pipeline
  private let generator: any ProvableGenerator
  private let preparation, classical: [any StageComponent]

  /// - Throws: bad pipeline if there is not exactly one `conditional-gan`, or no augmentation after it.
  package init(_ pipeline: Pipeline) throws {
    let parts = try ProvenPipeline<any ProvableGenerator>(pipeline, stage: "conditional-gan")
    (self.pipeline, generator) = (pipeline, parts.stage)
    (preparation, classical) = (parts.preparation, parts.classical)
  }

  package var test: Pipeline {
    get throws {
      var part = pipeline
      part.stages = preparation
      return try part.testPart()
    }
  }

  package func training(_ trial: Trial) async throws -> TrialTraining {
    let chosen = preparation + (trial.size == 0 ? [] : [Subset(perClass: trial.size) as any StageComponent])
    let behind = trial.arm.contains("classical") ? classical : []
    let real = try await trial.flow(pipeline, chosen + behind)
    guard trial.arm.contains("GAN") else { return TrialTraining(real) }
    let stage = generator.proving(
      checkpoint: trial.checkpoint, steps: trial.ganSteps, perClass: trial.size == 0 ? 5000 : max(500, trial.size))
    return TrialTraining(real, try await trial.flow(pipeline, chosen + [stage] + behind))
  }

  package var identity: [String: JSONValue] {
    get throws {
      [
        "protocol": "small-data", "source": try pipeline.source.description, "seed": .string(String(pipeline.seed)),
        "preparation": .array(try preparation.map { try $0.description }),
        "classical": .array(try classical.map { try $0.description }), "gan": try generator.provenSettings,
      ]
    }
  }
}
