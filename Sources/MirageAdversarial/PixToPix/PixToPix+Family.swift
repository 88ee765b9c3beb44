import MirageLearning
import MirageNetworks
import MirageStreams
import MirageSupport
import MirageTensors

extension PixToPixConfiguration: TranslationConfiguration {
  package static var kind: SavedModel.Kind { .pixToPix }
  package static var settings: [Setting] { PixToPixModel.settings }
  package static var directions: Set<TranslationDirection> { [.forward] }

  package func generator(
    _ direction: TranslationDirection, using random: inout Random
  ) -> (name: String, network: any Layer) {
    ("G", generator(using: &random))
  }
}

extension PixToPixRecipe: TranslationRecipe {}

extension PixToPixTrainee: TranslationTrainee {
  package static var isPaired: Bool { true }

  package convenience init(
    _ configuration: PixToPixConfiguration, _ recipe: PixToPixRecipe, a: TranslationDomain, b: TranslationDomain,
    classifier: (any Layer)?, seed: UInt64
  ) throws {
    try self.init(configuration, recipe, a: a, b: b, seed: seed)
  }

  package func translated(_ images: Tensor, _ direction: TranslationDirection, using random: inout Random) -> Tensor {
    let generator = gan.generator
    return generator(images, .inference)
  }
}
