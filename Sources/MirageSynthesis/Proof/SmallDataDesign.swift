import MirageEvaluation
import MirageLearning
import MirageStreams
import MirageSupport
import MirageTensors

/// Design of the experiment on whether a GAN improves a classifier that has few samples.
///
/// The arms are real samples, those with classical augmentation, those and synthetic ones, and both. A fifth of the
/// classifier's own real samples is held out of the GAN's training and chooses the share of synthetic samples in a batch.
/// Synthetic samples are left out if a classifier that is trained on the GAN's samples takes them for another class. The
/// stages before the GAN prepare the samples of all arms; the augmentations after it are the classical ones. Sizes are
/// numbers of real samples per class.
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
    // A subset has its classes in turn, so that both parts have all of them.
    let count = try await trial.flow(pipeline, chosen).count
    let own = chosen + [Take(count - count / 5) as any StageComponent]
    let heldOut = Batches(try await trial.flow(pipeline, chosen + [Skip(count - count / 5)]), size: 256)
    let synthetic = try await synthetic(trial, own: own, behind: behind)
    let part = try await trial.flow(pipeline, own + behind)
    var best = (share: 0, accuracy: -1.0)
    for share in Self.shares {
      let accuracy = try await trial.confusion(TrialTraining(part, replacing: share, by: synthetic), test: heldOut)
        .accuracy
      if accuracy > best.accuracy { best = (share, accuracy) }
    }
    var training = TrialTraining(real, replacing: best.share, by: synthetic)
    training.choices["synthetic-share"] = Double(best.share) / Double(TrialTraining.batch)
    return training
  }

  /// Numbers of synthetic samples in a batch of 128 that are tried.
  private static let shares = [16, 32, 64]

  /// Returns the synthetic samples whose class a classifier confirms, after the stages `behind`.
  private func synthetic(
    _ trial: Trial, own: [any StageComponent], behind: [any StageComponent]
  ) async throws -> Flow<Sample> {
    let stage = generator.proving(
      checkpoint: trial.checkpoint, steps: trial.ganSteps, perClass: trial.size == 0 ? 5000 : max(500, trial.size))
    let judge = try await judge(trial, Batches(try await trial.flow(pipeline, own), size: TrialTraining.batch))
    let made = try await trial.flow(pipeline, own + [stage])
    let confirmed = made.mapBlocks(of: 64, bytes: \.byteCount) { chunk, _ in
      try await Self.confirmed(chunk.slots, by: judge)
    }
    guard !behind.isEmpty else { return confirmed }
    let branch = Pipeline(
      seed: pipeline.seed, policy: pipeline.policy, source: FlowSource(flow: confirmed, description: .null),
      stages: behind)
    return try await trial.flow(branch, behind)
  }

  /// Returns the classifier that confirms synthetic samples, trained on the GAN's own samples.
  @TensorActor private func judge(_ trial: Trial, _ samples: Batches) async throws -> Built<ImageClassifier> {
    var training = ClassifierTraining()
    training.seed = UInt64(trial.seed)
    training.epochs = max(2, trial.classifierSteps / samples.batches)
    let checkpoint = try await training.run(train: samples, test: samples).checkpoint
    let configuration = try await samples.classifierConfiguration()
    return Built { try ImageClassifier(configuration, from: checkpoint) }
  }

  @TensorActor private static func confirmed(
    _ slots: [Slot<Sample>], by judge: Built<ImageClassifier>
  ) throws -> [Slot<Sample>] {
    let samples = slots.compactMap { slot -> Sample? in if case .element(let sample) = slot { sample } else { nil } }
    guard !samples.isEmpty else { return slots }
    let batch = try Batch(samples, ignoresClasses: false)
    let classifier = try judge.value()
    var agrees = zip(classifier.classes(of: batch.images), batch.labels).map(==).makeIterator()
    return slots.map { slot in
      guard case .element = slot else { return slot }
      return agrees.next() == true ? slot : .absent
    }
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
