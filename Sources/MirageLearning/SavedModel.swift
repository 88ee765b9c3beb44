import MirageNetworks
import MirageSupport

/// A checkpoint file with its header: kind and configuration of the model, and progress of its training.
public struct SavedModel: Sendable {
  /// Kind of model in a checkpoint, which determines the commands and stages that accept it.
  public struct Kind: Sendable, Hashable {
    /// Name of the architecture in checkpoints.
    public let architecture: String
    /// Name of the kind in messages, with its article.
    public let title: String
    /// Command or stage that writes such files, for the end of a sentence.
    public let writer: String

    /// A GAN of the `conditional-gan` stage.
    public static let gan = Kind(
      architecture: "mirage-gan-1", title: "a GAN", writer: "mirage train or the stage conditional-gan")
    /// A CycleGAN of the `cycle-gan` stage.
    public static let cycleGAN = Kind(
      architecture: "mirage-cyclegan-1", title: "a CycleGAN", writer: "mirage train or the stage cycle-gan")
    /// A CUT or FastCUT of the `contrastive-gan` stage.
    public static let contrastiveGAN = Kind(
      architecture: "mirage-cut-1", title: "a contrastive GAN", writer: "mirage train or the stage contrastive-gan")
    /// A pix2pix of the `pix-to-pix` stage.
    public static let pixToPix = Kind(
      architecture: "mirage-pix2pix-1", title: "a pix2pix", writer: "mirage train or the stage pix-to-pix")
    /// A classifier of `mirage train-classifier`.
    public static let imageClassifier = Kind(
      architecture: "mirage-classifier-1", title: "an image classifier", writer: "mirage train-classifier")

    /// True if models of the kind translate samples instead of generating them.
    public var isTranslation: Bool { [Self.cycleGAN, .contrastiveGAN, .pixToPix].contains(self) }

    fileprivate static let all = [gan, cycleGAN, contrastiveGAN, pixToPix, imageClassifier]
  }

  /// Metadata field with the number of samples seen in training.
  static let samplesField = "samples"

  /// Kind of the model; nil for weights without metadata, such as PyTorch's.
  public let kind: Kind?
  /// Number of training steps done.
  public let step: Int
  /// Metrics at the time of writing, by name.
  public let metrics: [String: Double]
  /// SHA-256 of the file, as 64 hexadecimal digits.
  public let digest: String
  /// Path of the file.
  public let path: String
  package let checkpoint: Checkpoint

  /// Reads a checkpoint.
  /// - Throws: missing input; bad data if the file is not a checkpoint.
  public init(reading path: String) throws {
    self.path = path
    checkpoint = try Checkpoint(reading: path)
    let architecture = checkpoint.metadata["architecture"]
    kind = Kind.all.first { $0.architecture == architecture }
    step = checkpoint.metadata["step"] == nil ? 0 : try checkpoint.step()
    metrics = checkpoint.json("metrics").flatMap { try? $0.decoded(as: [String: Double].self) } ?? [:]
    digest = try Digest.sha256(file: path)
  }

  /// Checks that the file holds a model of a kind.
  /// - Throws: bad data naming the kind that it holds.
  public func expect(_ wanted: Kind) throws {
    guard kind != wanted else { return }
    throw refusal(as: wanted.title, remedy: "Use a file that \(wanted.writer) wrote.")
  }

  /// Returns the error that the file holds another model than the wanted one, such as `a GAN`.
  package func refusal(as title: String, remedy: String) -> MirageError {
    let found =
      kind.map { "it is \($0.title)'s" }
      ?? checkpoint.metadata["architecture"].map { "it names the architecture \($0.prefix(60))" }
      ?? "it names no architecture"
    return .badData("is not \(title)'s checkpoint: \(found)", file: path, remedy: remedy)
  }

  /// Returns the model's configuration.
  /// - Throws: bad data if it is missing or damaged.
  package func configuration<Configuration: Decodable>(as type: Configuration.Type) throws -> Configuration {
    guard let configuration = try? checkpoint.json("configuration")?.decoded(as: type) else {
      throw MirageError.badData("its configuration is missing or damaged", file: path)
    }
    return configuration
  }
}

extension Checkpoint {
  /// Returns a metadata field that is a JSON document; nil if it is missing or damaged.
  package func json(_ field: String) -> JSONValue? {
    metadata[field].flatMap { try? JSONValue(parsing: $0.utf8) }
  }
}
