import MirageAdversarial
import MirageSupport
import MirageNetworks
import MirageStreams
import MirageTensors

/// What a checkpoint file says of the GAN in it.
public struct ModelFile: Sendable {
  /// The architecture's name in checkpoints.
  public static let architecture = "mirage-gan-1"

  /// Its networks, image size and classes.
  public let configuration: GANConfiguration
  /// Steps of training.
  public let step: Int
  /// The metrics when it was written, by name.
  public let metrics: JSONValue
  /// What tells its weights from others'.
  public let digest: String
  /// The file.
  public let path: String
  let checkpoint: Checkpoint

  /// - Throws: missing input; bad data where the file is no checkpoint of a GAN.
  public init(reading path: String) throws {
    checkpoint = try Checkpoint(reading: path)
    guard checkpoint.metadata["architecture"] == Self.architecture,
      let text = checkpoint.metadata["configuration"],
      let configuration = try? JSONValue(parsing: text.utf8).decoded(as: GANConfiguration.self)
    else {
      let found = checkpoint.metadata["architecture"].map { "the architecture \($0.prefix(60))" } ?? "no architecture"
      throw MirageError.badData(
        "is not a GAN's checkpoint: it names \(found)", file: path,
        remedy: "Use a file that mirage train or the stage conditional-gan wrote.")
    }
    do {
      // What is in a file may be anything: networks are only built where they can be.
      self.configuration = try GANConfiguration(
        configuration.model, height: configuration.height, width: configuration.width,
        channels: configuration.channels, classes: configuration.classes)
    } catch let error as MirageError {
      throw MirageError.badData("its configuration is damaged: \(error.message)", file: path)
    }
    self.path = path
    step = try checkpoint.step()
    metrics = checkpoint.metadata["metrics"].flatMap { try? JSONValue(parsing: $0.utf8) } ?? .object([:])
    digest = try Digest.sha256(file: path)
  }

  /// Steps and metrics when the file was written.
  var measures: [FittingProgress.Measure] {
    var measures: [FittingProgress.Measure] = [.init("step", Double(step))]
    if case .object(let values) = metrics {
      for (name, value) in values.sorted(by: { $0.key < $1.key }) {
        if let number = value.double { measures.append(.init(name, number)) }
      }
    }
    return measures
  }

  /// The generator that samples are made with: with the average of its weights.
  @TensorActor func generator() throws -> any Generator {
    var random = Random(key: Random.Key(seed: 0, path: "generator"), sample: 0)
    let (generator, _) = configuration.networks(using: &random)
    try checkpoint.restore(generator, fromAverage: "generator")
    return generator
  }

  /// Makes sure that the model is for such images and classes.
  /// - Throws: bad data naming what differs.
  func check(height: Int, width: Int, channels: Int, classes: [String]) throws {
    let own = configuration
    guard (height, width, channels) == (own.height, own.width, own.channels) else {
      throw MirageError.badData(
        "the model makes images of \(own.height) x \(own.width) x \(own.channels), and the data's are "
          + "\(height) x \(width) x \(channels)", file: checkpoint.path,
        remedy: "Resize before the stage, or use a model trained on such images.")
    }
    guard own.classes == classes || own.classes.isEmpty else {
      let difference =
        own.classes.count != classes.count
        ? "\(own.classes.count) classes, and the data has \(classes.count)"
        : zip(own.classes, classes).first { $0 != $1 }.map { "a class \($0), where the data has \($1)" } ?? ""
      throw MirageError.badData(
        "the model knows \(difference)", file: checkpoint.path,
        remedy: "Use a model trained on the same classes in the same order.")
    }
  }
}
