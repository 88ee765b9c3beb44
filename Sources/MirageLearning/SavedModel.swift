import MirageNetworks
import MirageSupport

/// A checkpoint file with its header: what kind of model it is, what it was made for, how far it was trained.
public struct SavedModel: Sendable {
  /// A kind of model that checkpoints hold; it decides which commands and stages take them.
  public struct Kind: Sendable, Hashable {
    /// The architecture's name in checkpoints.
    public let architecture: String
    /// The kind in messages, with its article.
    public let title: String
    /// What writes such files, as the end of a sentence.
    public let writer: String

    public static let gan = Kind(
      architecture: "mirage-gan-1", title: "a GAN", writer: "mirage train or the stage conditional-gan")
    public static let imageClassifier = Kind(
      architecture: "mirage-classifier-1", title: "an image classifier", writer: "mirage train-classifier")

    fileprivate static let all = [gan, imageClassifier]
  }

  /// Metadata field of the number of samples seen in training.
  static let samplesField = "samples"

  /// The kind; nil for weights that say nothing of themselves, such as PyTorch's.
  public let kind: Kind?
  /// Number of training steps done.
  public let step: Int
  /// Metrics at the time of writing, by name.
  public let metrics: [String: Double]
  /// SHA-256 of the file: tells its weights from others'.
  public let digest: String
  public let path: String
  package let checkpoint: Checkpoint

  /// - Throws: missing input; bad data if the file is no checkpoint.
  public init(reading path: String) throws {
    self.path = path
    checkpoint = try Checkpoint(reading: path)
    let architecture = checkpoint.metadata["architecture"]
    kind = Kind.all.first { $0.architecture == architecture }
    step = checkpoint.metadata["step"] == nil ? 0 : try checkpoint.step()
    metrics = checkpoint.json("metrics").flatMap { try? $0.decoded(as: [String: Double].self) } ?? [:]
    digest = try Digest.sha256(file: path)
  }

  /// Makes sure that the file holds a model of a kind.
  /// - Throws: bad data that says what it is instead.
  public func expect(_ wanted: Kind) throws {
    guard kind != wanted else { return }
    let found =
      kind.map { "it is \($0.title)'s" }
      ?? checkpoint.metadata["architecture"].map { "it names the architecture \($0.prefix(60))" }
      ?? "it names no architecture"
    throw MirageError.badData(
      "is not \(wanted.title)'s checkpoint: \(found)", file: path, remedy: "Use a file that \(wanted.writer) wrote.")
  }

  /// The model's configuration.
  /// - Throws: bad data if it is missing or damaged.
  package func configuration<Configuration: Decodable>(as type: Configuration.Type) throws -> Configuration {
    guard let configuration = try? checkpoint.json("configuration")?.decoded(as: type) else {
      throw MirageError.badData("its configuration is missing or damaged", file: path)
    }
    return configuration
  }
}

extension Checkpoint {
  /// A metadata field that is a JSON document; nil if it is missing or damaged.
  package func json(_ field: String) -> JSONValue? {
    metadata[field].flatMap { try? JSONValue(parsing: $0.utf8) }
  }
}
