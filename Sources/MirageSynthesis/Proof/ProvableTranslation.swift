import MirageAdversarial
import MirageStreams
import MirageSupport

/// A trained translation that an experiment can compare with classical augmentation.
package protocol ProvableTranslation: StageComponent, TrainedEstimator {
  associatedtype Recipe: TranslationRecipe
  /// File of the training's last state.
  var checkpoint: String { get set }
  /// Classes of the second domain; empty if it is a branch.
  var to: [String] { get }
  /// The second domain as a branch; nil if it is not one.
  var target: PipelineSource? { get }
  /// Settings of the training.
  var train: Recipe { get set }
  /// Monitoring schedule.
  var watch: TranslationWatching { get set }
  /// Samples that are made.
  var translate: Translation { get set }
}

extension ProvableTranslation {
  /// Returns the stage as an arm of the proof trains it, for `steps` steps, or the stage's own number if nil.
  func proving(checkpoint: String, steps: Int?, translate: Translation) -> any StageComponent {
    var stage = self
    (stage.checkpoint, stage.translate) = (checkpoint, translate)
    stage.train.steps = steps ?? train.steps
    // The choice of a best checkpoint would need a classifier, and thus samples that the GAN must not see.
    (stage.watch.metric, stage.watch.evaluateEvery) = (.last, stage.train.steps)
    return stage
  }

  /// Settings that determine the outcome of a proof.
  var provenSettings: JSONValue {
    get throws {
      var stage = self
      (stage.checkpoint, stage.translate, stage.watch) = ("", Translation(), TranslationWatching())
      return try stage.description
    }
  }
}

extension CycleTranslation: ProvableTranslation {}
extension ContrastiveTranslation: ProvableTranslation {}
