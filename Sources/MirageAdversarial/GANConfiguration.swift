import MirageStreams
import MirageSupport

/// Settings of a GAN's networks, without those of its training.
public struct GANModel: Sendable, Codable, Equatable {
  /// Use of the samples' classes by the networks.
  public enum Conditioning: String, Sendable, Codable, CaseIterable {
    /// No conditioning: the class is not used.
    case none
    /// The class as a further input: beside the latent, and as constant planes beside the image (Mirza and Osindero 2014).
    case concatenated
    /// Conditional batch normalization in the generator and a projection in the discriminator (Miyato and Koyama 2018).
    case projection
    /// A classifier in the discriminator, trained on real images only (AC-GAN; Odena et al. 2017).
    case auxiliaryClassifier = "auxiliary-classifier"
  }

  /// Distribution of each number in a latent: N(0, 1), or uniform in -1 ... 1.
  public enum Latents: String, Sendable, Codable, CaseIterable { case normal, uniform }

  /// Normalization of the discriminator: of its features, or spectral normalization of its weights (Miyato et al. 2018).
  public enum Normalization: String, Sendable, Codable, CaseIterable { case none, batch, layer, spectral }

  /// Last layer of a DCGAN's generator: a transposed convolution, or a 3 × 3 convolution after it, which costs more and
  /// leaves no checkerboard pattern.
  public enum Output: String, Sendable, Codable, CaseIterable { case transposed, convolution }

  /// Family of both networks. Defaults to `dcgan`.
  public var network = Network.dcgan
  /// Use of the samples' classes by both networks. Defaults to `projection`.
  public var conditioning = Conditioning.projection
  /// Number of numbers in a latent, 1 to 4096. Defaults to 64.
  public var latent = 64
  /// Distribution of each number in a latent. Defaults to `normal`.
  public var latents = Latents.normal
  /// Number of channels before the generator's output layer (`dcgan`) or of every block (`residual`), 1 to 1024.
  /// Defaults to 32. Not used by `fully-connected`.
  public var generatorWidth = 32
  /// Number of channels of the discriminator's first layer (`dcgan`) or of every block (`residual`), 1 to 1024.
  /// Defaults to 32. Not used by `fully-connected`.
  public var discriminatorWidth = 32
  /// Normalization of the discriminator. Defaults to `spectral`. The generator always has batch normalization.
  public var normalization = Normalization.spectral
  /// Last layer of a DCGAN's generator. Defaults to `convolution`.
  public var output = Output.convolution

  public static let settings = Setting.list(
    of: GANModel(), Setting("network", .choice(Network.self), "Family of both networks"),
    Setting("conditioning", .choice(Conditioning.self), "Way in which the networks learn of the class"),
    Setting("latent", .integer(1...4096), "Number of values in a latent"),
    Setting("latents", .choice(Latents.self), "Distribution of each value in a latent"),
    Setting(
      "generator-width", .integer(1...1024), "Number of channels at the image's size, or of every residual block"),
    Setting(
      "discriminator-width", .integer(1...1024), "Number of channels of the first layer, or of every residual block"),
    Setting("normalization", .choice(Normalization.self), "Normalization of the discriminator"),
    Setting(
      "output", .choice(Output.self),
      "Layer that makes a DCGAN's image: the last transposed convolution, or a 3 x 3 convolution after it"))

  /// Creates a conditional DCGAN with projection and spectral normalization.
  public init() {}
}

/// Networks of a GAN with the shape of its samples and their classes: everything needed to build the networks again.
package struct GANConfiguration: Sendable, Equatable {
  /// Settings of the networks.
  package let model: GANModel
  /// Shape of a sample, channels last: height, width and channels of an image.
  package let shape: [Int]
  /// Names of the classes in the order of the labels; empty if the networks are not conditioned.
  package let classes: [String]

  /// Creates a configuration that networks can be built from.
  ///
  /// - Parameters:
  ///   - model: Settings of the networks.
  ///   - shape: Shape of a sample, channels last: height, width and channels of an image.
  ///   - classes: Names of the data's classes in the order of the labels; ignored without conditioning.
  /// - Throws: bad pipeline with `place` naming the setting, if the networks cannot be built for such samples.
  package init(_ model: GANModel, shape: [Int], classes: [String]) throws {
    (self.model, self.shape) = (model, shape)
    self.classes = model.conditioning == .none ? [] : classes
    try check()
  }

  private func check() throws {
    try GANModel.settings.check(JSONValue(encoding: model), at: "model")
    if model.conditioning != .none && classes.count < 2 {
      throw refusal(
        "conditioning \(model.conditioning.rawValue) needs at least two classes, and the data has \(classes.count)",
        "model.conditioning", "Set model.conditioning to none, or use data with classes.")
    }
    try model.network.family.check(self)
  }

  /// Returns an error about a setting of the networks.
  func refusal(_ message: String, _ place: String?, _ remedy: String) -> MirageError {
    MirageError(.badPipeline, message, place: place, remedy: remedy)
  }

  /// Size of a one-hot label: the number of classes, 0 without conditioning.
  var conditionSize: Int { classes.count }
  /// True if the condition is an input of the generator beside the latent.
  var concatenatesLatents: Bool {
    model.conditioning == .concatenated || model.conditioning == .auxiliaryClassifier
  }
  /// True if the condition is an input of the discriminator beside the sample.
  var concatenatesSamples: Bool { model.conditioning == .concatenated }
  /// Number of the generator's inputs.
  var generatorInputs: Int { model.latent + (concatenatesLatents ? conditionSize : 0) }
  /// Number of channels of the discriminator's input.
  var discriminatorChannels: Int { shape[shape.count - 1] + (concatenatesSamples ? conditionSize : 0) }
}

extension GANConfiguration: Codable {
  private enum CodingKeys: CodingKey { case model, shape, height, width, channels, classes }

  /// Decodes a configuration without checks; that of a file must be passed to the other initializer.
  package init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    model = try container.decode(GANModel.self, forKey: .model)
    classes = try container.decode([String].self, forKey: .classes)
    shape =
      try container.decodeIfPresent([Int].self, forKey: .shape)
      ?? [.height, .width, .channels].map { try container.decode(Int.self, forKey: $0) }
  }

  /// Encodes an image's shape as height, width and channels, as all versions of checkpoints do, and others as a list.
  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(model, forKey: .model)
    try container.encode(classes, forKey: .classes)
    if shape.count == 3 {
      for (key, size) in zip([CodingKeys.height, .width, .channels], shape) { try container.encode(size, forKey: key) }
    } else {
      try container.encode(shape, forKey: .shape)
    }
  }
}
