import MirageLearning
import MirageNetworks
import MirageStreams
import MirageSupport
import MirageTensors

extension ContrastiveConfiguration: TranslationConfiguration {
  package static var kind: SavedModel.Kind { .contrastiveGAN }
  package static var settings: [Setting] { ContrastiveModel.settings }
  package static var directions: Set<TranslationDirection> { [.forward] }
  package var channelsA: Int { channels }
  package var channelsB: Int { channels }

  package func generator(
    _ direction: TranslationDirection, using random: inout Random
  ) -> (name: String, network: any Layer) {
    ("G", generator(using: &random))
  }
}

extension ContrastiveRecipe: TranslationRecipe {}

extension ContrastiveTrainee: TranslationTrainee {
  package convenience init(
    _ configuration: ContrastiveConfiguration, _ recipe: ContrastiveRecipe, a: TranslationDomain, b: TranslationDomain,
    classifier: (any Layer)?, seed: UInt64
  ) throws {
    try self.init(configuration, recipe, a: a, b: b, seed: seed)
  }

  package func translated(_ images: Tensor, _ direction: TranslationDirection, using random: inout Random) -> Tensor {
    gan.generator(images, .inference)
  }
}
