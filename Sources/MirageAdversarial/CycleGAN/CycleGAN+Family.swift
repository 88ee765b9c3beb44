import MirageLearning
import MirageNetworks
import MirageStreams
import MirageSupport
import MirageTensors

extension CycleGANConfiguration: TranslationConfiguration {
  package static var kind: SavedModel.Kind { .cycleGAN }
  package static var settings: [Setting] { CycleGANModel.settings }

  package func generator(
    _ direction: TranslationDirection, using random: inout Random
  ) -> (name: String, network: any Layer) {
    switch direction {
    case .forward: ("G_A", generatorAB(using: &random))
    case .backward: ("G_B", generatorBA(using: &random))
    }
  }
}

extension CycleGANRecipe: TranslationRecipe {
  package var keepsLabels: Bool { labels == .kept }
}

extension CycleGANTrainee: TranslationTrainee {
  package func translated(_ images: Tensor, _ direction: TranslationDirection, using random: inout Random) -> Tensor {
    direction == .forward ? gan.translatedToB(images, using: &random) : gan.translatedToA(images)
  }
}
