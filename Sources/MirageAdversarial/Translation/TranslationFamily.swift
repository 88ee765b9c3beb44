import MirageLearning
import MirageNetworks
import MirageStreams
import MirageSupport
import MirageTensors

/// Direction of a translation between two domains.
public enum TranslationDirection: String, Sendable, Codable, CaseIterable {
  /// From the first domain to the second.
  case forward
  /// From the second domain to the first.
  case backward
}

/// The networks of a translation family and the images they are for, as checkpoints name them.
package protocol TranslationConfiguration: Sendable, Codable, Equatable {
  associatedtype Model: Encodable & Sendable
  /// Kind of the family's checkpoints.
  static var kind: SavedModel.Kind { get }
  /// Settings of `Model`.
  static var settings: [Setting] { get }
  /// Size of the images of both domains.
  var height: Int { get }
  var width: Int { get }
  /// Channels of the images in each domain.
  var channelsA: Int { get }
  var channelsB: Int { get }
  /// Creates the configuration for images of a size.
  ///
  /// - Throws: bad pipeline if such networks cannot be built or trained on such images.
  init(_ model: Model, height: Int, width: Int, channelsA: Int, channelsB: Int) throws
  /// Checks a configuration that a file names.
  ///
  /// - Throws: bad pipeline if such networks cannot be built.
  func checked() throws -> Self
  /// Directions that the family translates in; both by default.
  static var directions: Set<TranslationDirection> { get }
  /// Creates the generator of one of the directions, with the name of its weights in checkpoints.
  func generator(_ direction: TranslationDirection, using random: inout Random) -> (name: String, network: any Layer)
  /// Returns the input of the generator to B for images of A, each with noise from its own random numbers if the generator
  /// takes some. By default, the images.
  func withNoise(_ images: Tensor, from randoms: [Random]) -> Tensor
}

extension TranslationConfiguration {
  package static var directions: Set<TranslationDirection> { Set(TranslationDirection.allCases) }
  package func withNoise(_ images: Tensor, from randoms: [Random]) -> Tensor { images }
}

/// Settings of a translation's training that all families have.
package protocol TranslationRecipe: Sendable, Codable {
  static var settings: [Setting] { get }
  /// Number of steps.
  var steps: Int { get set }
  /// Number of images of each domain in a step.
  var batch: Int { get }
  /// True if the classes of domain A are kept by a classifier that is trained along. False by default.
  var keepsLabels: Bool { get }
}

extension TranslationRecipe {
  package var keepsLabels: Bool { false }
}

/// A translation model in a training loop. A step takes a batch of each domain.
package protocol TranslationTrainee: Trainee, SendableMetatype {
  associatedtype Configuration: TranslationConfiguration
  associatedtype Recipe: TranslationRecipe
  /// True if the two batches of a step are pairs.
  static var isPaired: Bool { get }
  /// Creates networks with random weights.
  ///
  /// - Parameters:
  ///   - a: Domain A as grids show it.
  ///   - b: Domain B.
  ///   - classifier: Classifier of images of B that is trained along; nil unless the recipe keeps labels.
  /// - Throws: bad pipeline if settings are out of range or do not fit the images.
  init(
    _ configuration: Configuration, _ recipe: Recipe, a: TranslationDomain, b: TranslationDomain,
    classifier: (any Layer)?, seed: UInt64
  ) throws
  /// Returns the translations of images in the current state, in one of the family's directions.
  ///
  /// - Parameter random: Source of the noise, if the generator takes some.
  func translated(_ images: Tensor, _ direction: TranslationDirection, using random: inout Random) -> Tensor
}

extension TranslationTrainee {
  package static var isPaired: Bool { false }
}
