import MirageAdversarial
import MirageLearning
import MirageMedia
import MirageNetworks
import MirageStreams
import MirageSupport
import MirageTensors

/// A trained translation in a checkpoint file.
struct TranslationModel: Sendable {
  /// One of the two domains that the model translates between.
  struct Domain: Sendable, Codable {
    /// Name in messages and reports, such as that of its class.
    var name: String
    /// Maps from bytes to the floats that the model was trained on, one per channel; nil if it was trained on bytes.
    var maps: [ScaledImage.AffineMap]?
  }

  let configuration: any TranslationConfiguration
  let saved: SavedModel
  /// The domains A and B.
  let domains: [Domain]

  /// The families whose checkpoints are translations.
  private static let families: [any TranslationConfiguration.Type] = [
    CycleGANConfiguration.self, ContrastiveConfiguration.self, PixToPixConfiguration.self,
  ]

  /// Reads a checkpoint.
  ///
  /// - Throws: missing input; bad data if the file is no checkpoint of a translation.
  init(reading path: String) throws {
    let saved = try SavedModel(reading: path)
    self.saved = saved
    guard let family = Self.families.first(where: { $0.kind == saved.kind }) else {
      throw saved.refusal(
        as: "a translation", remedy: "Use a file that mirage train or a stage such as cycle-gan wrote.")
    }
    do {
      // A file may say anything: networks are built only if they can be.
      configuration = try Self.configuration(family, in: saved)
    } catch let error as MirageError {
      throw error.file == nil
        ? MirageError.badData("its configuration is damaged: \(error.message)", file: path) : error
    }
    domains = (try? saved.checkpoint.json(Self.domainsField)?.decoded(as: [Domain].self)) ?? []
    let channels = [configuration.channelsA, configuration.channelsB]
    guard domains.count == 2, zip(domains, channels).allSatisfy({ $0.maps?.count ?? $1 == $1 }) else {
      throw MirageError.badData("its domains are missing or damaged", file: path)
    }
  }

  private static func configuration<Family: TranslationConfiguration>(
    _ family: Family.Type, in saved: SavedModel
  ) throws -> any TranslationConfiguration {
    try saved.configuration(as: family).checked()
  }

  private static let domainsField = "domains"

  /// Header of a checkpoint of such a model.
  static func header<Family: TranslationConfiguration>(
    _ configuration: Family, _ domains: [Domain]
  ) throws -> [String: String] {
    [
      "architecture": Family.kind.architecture,
      "configuration": try JSONValue(encoding: configuration).text, domainsField: try JSONValue(encoding: domains).text,
    ]
  }

  /// Returns a checkpoint whose configuration has the form of today's, with the defaults of settings that are younger.
  ///
  /// - Throws: an encoding error. A configuration that cannot be read stays as it is.
  static func current<Family: TranslationConfiguration>(_ saved: Checkpoint, _ family: Family.Type) throws -> Checkpoint
  {
    var saved = saved
    if let configuration = try? saved.json("configuration")?.decoded(as: family) {
      saved.metadata["configuration"] = try JSONValue(encoding: configuration).text
    }
    return saved
  }

  /// Codings of the samples that a translation takes and makes.
  func codings(_ direction: TranslationDirection) -> (from: ImageCoding, to: ImageCoding) {
    func coding(_ domain: Int, _ channels: Int) -> ImageCoding {
      ImageCoding(
        height: configuration.height, width: configuration.width, channels: channels, maps: domains[domain].maps)
    }
    let (a, b) = (coding(0, configuration.channelsA), coding(1, configuration.channelsB))
    return direction == .forward ? (a, b) : (b, a)
  }

  /// Checks that the model translates images of a format.
  ///
  /// - Throws: bad data naming both sizes.
  func check(_ format: Format, _ direction: TranslationDirection) throws {
    try check(direction)
    let own = codings(direction).from.format
    guard !format.hasShape(of: own) else { return }
    throw MirageError.badData(
      "the model translates images of \(own), and the data's are \(format)", file: saved.path,
      remedy:
        "Bring them to that size and color mode before the stage, with resize, pad or a crop and grayscale, or use another model."
    )
  }

  /// Checks that the model translates in a direction.
  ///
  /// - Throws: bad data saying what it translates.
  func check(_ direction: TranslationDirection) throws {
    guard !type(of: configuration).directions.contains(direction) else { return }
    throw MirageError.badData(
      "the model translates from \(domains[0].name) to \(domains[1].name) only", file: saved.path,
      remedy: "Set direction to forward, or train a model the other way around.")
  }

  /// Builds the generator of a direction with its weights.
  ///
  /// - Throws: bad data naming the weight that is missing or does not fit, or if the model does not translate in this
  ///   direction.
  @TensorActor func generator(_ direction: TranslationDirection) throws -> any Layer {
    try check(direction)
    var random = Random(key: Random.Key(seed: 0, path: "generator"), sample: 0)
    let (name, generator) = configuration.generator(direction, using: &random)
    try saved.checkpoint.restore(generator, from: name)
    return generator
  }
}
