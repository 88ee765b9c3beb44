import MirageAdversarial
import MirageLearning
import MirageMedia
import MirageNetworks
import MirageStreams
import MirageSupport
import MirageTensors

/// A trained CycleGAN in a checkpoint file.
struct TranslationModel: Sendable {
  /// One of the two domains that the model translates between.
  struct Domain: Sendable, Codable {
    /// Name in messages and reports, such as that of its class.
    var name: String
    /// Maps from bytes to the floats that the model was trained on, one per channel; nil if it was trained on bytes.
    var maps: [ScaledImage.AffineMap]?
  }

  let configuration: CycleGANConfiguration
  let saved: SavedModel
  /// The domains A and B.
  let domains: [Domain]

  /// Reads a checkpoint.
  ///
  /// - Throws: missing input; bad data if the file is no checkpoint of a CycleGAN.
  init(reading path: String) throws {
    saved = try SavedModel(reading: path)
    try saved.expect(.cycleGAN)
    do {
      // A file may say anything: networks are built only if they can be.
      configuration = try saved.configuration(as: CycleGANConfiguration.self).checked()
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

  private static let domainsField = "domains"

  /// Header of a checkpoint of such a model.
  static func header(_ configuration: CycleGANConfiguration, _ domains: [Domain]) throws -> [String: String] {
    [
      "architecture": SavedModel.Kind.cycleGAN.architecture,
      "configuration": try JSONValue(encoding: configuration).text, domainsField: try JSONValue(encoding: domains).text,
    ]
  }

  /// Returns a checkpoint whose configuration has the form of today's, with the defaults of settings that are younger.
  ///
  /// - Throws: an encoding error. A configuration that cannot be read stays as it is.
  static func current(_ saved: Checkpoint) throws -> Checkpoint {
    var saved = saved
    if let configuration = try? saved.json("configuration")?.decoded(as: CycleGANConfiguration.self) {
      saved.metadata["configuration"] = try JSONValue(encoding: configuration).text
    }
    return saved
  }

  /// Codings of the samples that a translation takes and makes.
  func codings(_ direction: Translation.Direction) -> (from: ImageCoding, to: ImageCoding) {
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
  func check(_ format: Format, _ direction: Translation.Direction) throws {
    let own = codings(direction).from.format
    guard !format.hasShape(of: own) else { return }
    throw MirageError.badData(
      "the model translates images of \(own), and the data's are \(format)", file: saved.path,
      remedy:
        "Bring them to that size and color mode before the stage, with resize, pad or a crop and grayscale, or use another model."
    )
  }

  /// Builds the generator of a direction with its weights.
  ///
  /// - Throws: bad data naming the weight that is missing or does not fit.
  @TensorActor func generator(_ direction: Translation.Direction) throws -> any Layer {
    var random = Random(key: Random.Key(seed: 0, path: "generator"), sample: 0)
    let isForward = direction == .forward
    let generator = isForward ? configuration.generatorAB(using: &random) : configuration.generatorBA(using: &random)
    try saved.checkpoint.restore(generator, from: isForward ? "G_A" : "G_B")
    return generator
  }
}
