import MirageNetworks
import MirageStreams
import MirageSupport
import MirageTensors

/// Settings of CycleGAN's networks; both directions have the same. Settings that are nil follow the size of the images.
public struct CycleGANModel: Sendable, Codable, Equatable {
  /// Number of residual blocks in a generator, 0 to 64. Defaults to 9 (6 up to 160 pixels, 3 below 48), as published for 128
  /// and 256 pixels.
  public var blocks: Int?
  /// Channels of a generator's first convolution, 1 to 256. Defaults to 64 (32 below 48 pixels).
  public var filters: Int?
  /// Number of channels of Gaussian noise that the generator from A to B gets beside an image's, 0 to 64: for a domain B of
  /// which one image of A has many pictures. Defaults to 0.
  public var noise = 0
  /// Number of convolutions in a discriminator that halve the size, 1 to 6. Defaults to 3, for patches of 70 × 70 (2 below 48
  /// pixels, for patches of 34 × 34).
  public var discriminatorLayers: Int?
  /// Channels of a discriminator's first convolution, 1 to 256. Defaults to 64 (32 below 48 pixels).
  public var discriminatorFilters: Int?

  public static let settings = Setting.list(
    of: CycleGANModel(),
    Setting("blocks", .integer(0...64), "Number of residual blocks in a generator; by image size if not given"),
    Setting("filters", .integer(1...256), "Channels of a generator's first convolution; by image size if not given"),
    Setting(
      "noise", .integer(0...64),
      "Number of channels of noise beside an image's, for the generator to a domain where an image has many pictures"),
    Setting(
      "discriminator-layers", .integer(1...6),
      "Number of convolutions in a discriminator that halve the size; by image size if not given"),
    Setting(
      "discriminator-filters", .integer(1...256),
      "Channels of a discriminator's first convolution; by image size if not given"))

  /// Networks that follow the size of the images.
  public init() {}
}

extension CycleGANModel {
  /// Decodes settings. One that is missing has its default, since older checkpoints do not name every setting.
  public init(from decoder: any Decoder) throws {
    self.init()
    let container = try decoder.container(keyedBy: CodingKeys.self)
    func decode<Value: Decodable>(_ key: CodingKeys, _ value: inout Value) throws {
      value = try container.decodeIfPresent(Value.self, forKey: key) ?? value
    }
    try decode(.blocks, &blocks)
    try decode(.filters, &filters)
    try decode(.noise, &noise)
    try decode(.discriminatorLayers, &discriminatorLayers)
    try decode(.discriminatorFilters, &discriminatorFilters)
  }
}

/// CycleGAN's networks and the images they are trained on.
package struct CycleGANConfiguration: Sendable, Equatable {
  /// Settings of the networks, none of which is nil.
  package let model: CycleGANModel
  /// Size of the images of both domains, multiples of 4.
  package let height, width: Int
  /// Channels of the images in each domain, 1 or 3.
  package let channelsA, channelsB: Int

  /// Creates the networks' configuration for images of a size.
  ///
  /// - Throws: bad pipeline with `place` naming the setting, if such networks cannot be built or trained on such images.
  package init(_ model: CycleGANModel, height: Int, width: Int, channelsA: Int = 3, channelsB: Int = 3) throws {
    try CycleGANModel.settings.check(JSONValue(encoding: model), at: "model")
    let side = min(height, width)
    var resolved = model
    resolved.blocks = model.blocks ?? (side < 48 ? 3 : side <= 160 ? 6 : 9)
    resolved.filters = model.filters ?? (side < 48 ? 32 : 64)
    resolved.discriminatorLayers = model.discriminatorLayers ?? (side < 48 ? 2 : 3)
    resolved.discriminatorFilters = model.discriminatorFilters ?? (side < 48 ? 32 : 64)
    self.model = resolved
    (self.height, self.width, self.channelsA, self.channelsB) = (height, width, channelsA, channelsB)
    try check()
  }

  /// Checks a configuration that a file names.
  ///
  /// - Throws: bad pipeline if such networks cannot be built.
  package func checked() throws -> CycleGANConfiguration {
    try CycleGANConfiguration(model, height: height, width: width, channelsA: channelsA, channelsB: channelsB)
  }

  private func check() throws {
    for channels in [channelsA, channelsB] where channels != 1 && channels != 3 {
      throw refusal("images of \(channels) channels", nil, "Make them gray or RGB with the source's channels.")
    }
    let sides = "\(height) x \(width)"
    guard height % 4 == 0, width % 4 == 0, height > 0, width > 0 else {
      throw refusal(
        "CycleGAN halves the size of images twice, and these are \(sides)", nil,
        "Bring height and width to multiples of 4, with resize or pad.")
    }
    let layers = model.discriminatorLayers ?? 0
    let smallest = max(8, PatchDiscriminator.smallestSide(layers: layers))
    guard min(height, width) >= smallest else {
      throw refusal(
        "a discriminator of \(layers) layers for images of \(sides): it needs \(smallest) a side",
        "model.discriminator-layers", "Use fewer layers, or larger images.")
    }
  }

  private func refusal(_ message: String, _ place: String?, _ remedy: String) -> MirageError {
    MirageError(.badPipeline, message, place: place, remedy: remedy)
  }
}

// MARK: Networks

extension CycleGANConfiguration {
  /// Creates a generator from domain A to domain B. It takes images with the channels of `withNoise`.
  package func generatorAB(using random: inout Random) -> any Layer {
    generator(channelsA + model.noise, channelsB, &random)
  }

  /// Creates a generator from domain B to domain A.
  package func generatorBA(using random: inout Random) -> any Layer { generator(channelsB, channelsA, &random) }

  private func generator(_ inputs: Int, _ outputs: Int, _ random: inout Random) -> any Layer {
    ResNetGenerator(
      blocks: model.blocks ?? 0, filters: model.filters ?? 1, inputs: inputs, outputs: outputs, using: &random)
  }

  /// Creates a discriminator of images with the given number of channels.
  func discriminator(_ channels: Int, using random: inout Random) -> any Layer {
    PatchDiscriminator(
      layers: model.discriminatorLayers ?? 1, filters: model.discriminatorFilters ?? 1, inputs: channels,
      using: &random)
  }
}

// MARK: Noise

extension CycleGANConfiguration {
  /// Draws the noise for the generator from A to B, `count` × H × W × `noise`; nil if it takes none.
  ///
  /// Squares of 4 × 4 pixels have the same numbers, so that the residual blocks, which see a quarter of the size, get all
  /// of them and the first convolutions cannot average them away.
  package func noise(_ count: Int, using random: inout Random) -> Tensor? {
    guard model.noise > 0 else { return nil }
    return Tensor.normal([count, height / 4, width / 4, model.noise], using: &random).upsampled(by: 4)
  }

  /// Returns the generator's input for images of domain A, N × H × W × C: the images, followed by channels of noise if it
  /// takes some.
  package func withNoise(_ images: Tensor, using random: inout Random) -> Tensor {
    guard let noise = noise(images.shape[0], using: &random) else { return images }
    return concatenated([images, noise], axis: 3)
  }

  /// Returns the generator's input for images of domain A whose noise comes from each one's own random numbers.
  package func withNoise(_ images: Tensor, from randoms: [Random]) -> Tensor {
    let noise = randoms.compactMap { random in
      var random = random
      return self.noise(1, using: &random)
    }
    return noise.isEmpty ? images : concatenated([images, concatenated(noise, axis: 0)], axis: 3)
  }
}

// MARK: Checkpoints

extension CycleGANConfiguration: Codable {
  private enum CodingKeys: CodingKey { case height, width, channelsA, channelsB }

  /// Decodes a configuration without checks; that of a file must be checked by `checked`.
  package init(from decoder: any Decoder) throws {
    model = try CycleGANModel(from: decoder)
    let container = try decoder.container(keyedBy: CodingKeys.self)
    (height, width) = (try container.decode(Int.self, forKey: .height), try container.decode(Int.self, forKey: .width))
    channelsA = try container.decode(Int.self, forKey: .channelsA)
    channelsB = try container.decode(Int.self, forKey: .channelsB)
  }

  /// Encodes the model's settings beside the sizes, in one object.
  package func encode(to encoder: any Encoder) throws {
    try model.encode(to: encoder)
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(height, forKey: .height)
    try container.encode(width, forKey: .width)
    try container.encode(channelsA, forKey: .channelsA)
    try container.encode(channelsB, forKey: .channelsB)
  }
}
