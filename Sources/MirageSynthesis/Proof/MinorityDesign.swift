import MirageLearning
import MirageStreams
import MirageSupport

/// Design of the experiment on whether a rare class can be filled with translations of a frequent one.
///
/// The pipeline has a translation from classes to one rare class. Of the rare class, only a few samples are used; the GAN
/// sees no others. Resampling and class weights, which cost nothing, are the rivals. The stages before the translation
/// prepare the samples of all arms; the augmentations after it are the classical ones. Sizes are numbers of real samples
/// of the rare class.
package struct MinorityDesign: ProofDesign {
  package let references = [Arm.oversampled.rawValue]
  package let measures = ["recall", "precision", "balanced-accuracy", "macro-f1"]
  package let sizeTitle: String
  package let minority: String?

  private enum Arm: String, CaseIterable {
    case real
    case weights = "class weights"
    case oversampled
    case classical = "oversampled + classical"
    case translated = "translated"
    case both = "translated + classical"
  }

  private let pipeline: Pipeline
  private let translation: any ProvableTranslation
  private let rare: String
  private let preparation, classical: [any StageComponent]

  /// - Throws: bad pipeline if there is not exactly one translation to a single class, or no augmentation after it.
  package init(_ pipeline: Pipeline) throws {
    let parts = try ProvenPipeline<any ProvableTranslation>(pipeline, stage: "cycle-gan")
    guard parts.stage.to.count == 1 else {
      throw MirageError(
        .badPipeline, "the translation does not lead to one class", remedy: "Name the rare class alone in its `to`.")
    }
    (self.pipeline, translation, rare) = (pipeline, parts.stage, parts.stage.to[0])
    (preparation, classical) = (parts.preparation, parts.classical)
    (minority, sizeTitle) = (rare, "\(rare) samples")
  }

  package var arms: [String] { Arm.allCases.map(\.rawValue) }

  package var test: Pipeline {
    get throws {
      var part = pipeline
      part.stages = preparation
      return try part.testPart()
    }
  }

  package func training(_ trial: Trial) async throws -> TrialTraining {
    let few =
      preparation + (trial.size == 0 ? [] : [Subset(perClass: trial.size, classes: [rare]) as any StageComponent])
    func flow(_ stages: [any StageComponent]) async throws -> Flow<Sample> {
      try await trial.flow(pipeline, few + stages)
    }
    let balance: [any StageComponent] = [Balance()]
    switch Arm(rawValue: trial.arm) {
    case .real, nil: return TrialTraining(try await flow([]))
    case .weights:
      let real = try await flow([])
      return TrialTraining(real, classWeights: try await Self.weights(of: real))
    case .oversampled: return TrialTraining(try await flow(balance))
    case .classical: return TrialTraining(try await flow(balance + classical))
    case .translated, .both:
      let stage = translation.proving(
        checkpoint: trial.checkpoint, steps: trial.ganSteps, translate: Translation(originals: .keep))
      let behind = trial.arm == Arm.both.rawValue ? classical : []
      return TrialTraining(try await flow([stage] + behind))
    }
  }

  /// Returns weights that give every class of a flow the same influence, 1 on average over the samples; 0 for a class
  /// without samples.
  private static func weights(of flow: Flow<Sample>) async throws -> [Float] {
    var counts = [Int](repeating: 0, count: flow.about.classes.count)
    for position in 0..<flow.count {
      if let label = try flow.locate(position, flow.run).label { counts[label] += 1 }
    }
    let present = counts.count { $0 > 0 }
    return counts.map { $0 == 0 ? 0 : Float(flow.count) / Float(present * $0) }
  }

  package var identity: [String: JSONValue] {
    get throws {
      [
        "protocol": "minority", "source": try pipeline.source.description, "seed": .string(String(pipeline.seed)),
        "preparation": .array(try preparation.map { try $0.description }),
        "classical": .array(try classical.map { try $0.description }), "translation": try translation.provenSettings,
      ]
    }
  }
}
