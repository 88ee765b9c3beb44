import MirageAdversarial
import MirageLearning
import MirageMedia
import MirageNetworks
import MirageStreams
import MirageSupport
import MirageTensors

/// A trained GAN in a checkpoint file.
package struct ModelFile: Sendable {
  /// Networks, shape of the samples, and classes.
  package let configuration: GANConfiguration
  /// Header of the file.
  package let saved: SavedModel
  /// Conversion of the generator's rows to samples.
  package let coding: ImageCoding

  /// SHA-256 of the file, as 64 hexadecimal digits.
  package var digest: String { saved.digest }
  /// Path of the file.
  package var path: String { saved.path }

  /// Reads a GAN's checkpoint.
  /// - Throws: missing input; bad data if the file is not a checkpoint of a GAN.
  package init(reading path: String) throws {
    saved = try SavedModel(reading: path)
    try saved.expect(.gan)
    let found = try saved.configuration(as: GANConfiguration.self)
    do {
      // The file may be damaged, so the configuration is checked before networks are built.
      configuration = try GANConfiguration(found.model, shape: found.shape, classes: found.classes)
    } catch let error as MirageError {
      throw MirageError.badData("its configuration is damaged: \(error.message)", file: path)
    }
    let maps = try? saved.checkpoint.json(Self.mapsField)?.decoded(as: [ScaledImage.AffineMap].self)
    coding = ImageCoding(
      height: found.height, width: found.width, channels: found.channels,
      maps: maps?.count == found.channels ? maps : nil)
  }

  /// Metadata field of the maps from bytes to the floats that a GAN was trained on; missing if it was trained on bytes.
  private static let mapsField = "maps"

  /// Returns the header of a checkpoint.
  static func header(_ configuration: GANConfiguration, _ coding: ImageCoding) throws -> [String: String] {
    var header = [
      "architecture": SavedModel.Kind.gan.architecture, "configuration": try JSONValue(encoding: configuration).text,
      "classes": JSONValue.array(configuration.classes.map { .string($0) }).text,
    ]
    if let maps = coding.maps { header[mapsField] = try JSONValue(encoding: maps).text }
    return header
  }

  /// Steps and metrics at the time of writing.
  var measures: [FittingProgress.Measure] {
    [.init("step", Double(saved.step))] + saved.metrics.sorted { $0.key < $1.key }.map { .init($0.key, $0.value) }
  }

  /// Returns the generator with the moving average of its weights, which samples are generated with.
  @TensorActor func generator() throws -> any Generator {
    var random = Random(key: Random.Key(seed: 0, path: "generator"), sample: 0)
    let generator = configuration.generator(using: &random)
    try saved.checkpoint.restore(generator, fromAverage: "generator")
    return generator
  }

  /// Checks that the model is for samples of a format and for the given classes.
  /// - Throws: bad data naming what differs.
  func check(_ format: Format, classes: [String]) throws {
    guard format.hasShape(of: coding.format) else {
      throw MirageError.badData(
        "the model makes images of \(coding.format), and the data's are \(format)", file: path,
        remedy: "Resize before the stage, or use a model trained on such images.")
    }
    let own = configuration.classes
    guard own == classes || own.isEmpty else {
      let difference =
        own.count != classes.count
        ? "\(own.count) classes, and the data has \(classes.count)"
        : zip(own, classes).first { $0 != $1 }.map { "a class \($0), where the data has \($1)" } ?? ""
      throw MirageError.badData(
        "the model knows \(difference)", file: path,
        remedy: "Use a model trained on the same classes in the same order.")
    }
  }
}
