import MirageStreams
import MirageSupport

/// The parts of a pipeline whose GAN is compared with classical augmentation.
struct ProvenPipeline<Proven> {
  /// The stages before the GAN, which prepare the samples of all arms.
  let preparation: [any StageComponent]
  /// The stage with the GAN.
  let stage: Proven
  /// The augmentations after the GAN.
  let classical: [any StageComponent]

  /// - Parameter name: Name of the stage in messages.
  /// - Throws: bad pipeline if there is not exactly one such stage, or no augmentation after it.
  init(_ pipeline: Pipeline, stage name: String) throws {
    let found = pipeline.stages.enumerated().compactMap { place, stage in (stage as? Proven).map { (place, $0) } }
    guard found.count == 1, let (place, stage) = found.first else {
      throw MirageError(
        .badPipeline, "the pipeline has \(found.count) stages of the kind of \(name), and one is needed",
        remedy: "The gain of one GAN is measured at a time.")
    }
    self.stage = stage
    preparation = Array(pipeline.stages[..<place])
    classical = pipeline.stages[(place + 1)...].filter { if case .augment = $0.role { true } else { false } }
    guard !classical.isEmpty else {
      throw MirageError(
        .badPipeline, "there is no augmentation after \(name)",
        remedy: "Those after it are the classical augmentation that the GAN is compared with: add some.")
    }
  }
}
