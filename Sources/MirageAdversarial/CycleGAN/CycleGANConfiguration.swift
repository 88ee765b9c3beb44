import MirageNetworks
import MirageStreams
import MirageSupport

/// Settings of CycleGAN's networks; both directions have the same. Settings that are nil follow the size of the images.
public struct CycleGANModel: Sendable, Codable, Equatable {
  /// Number of residual blocks in a generator, 0 to 64. Defaults to 9 (6 up to 160 pixels, 3 below 48), as published for 128
  /// and 256 pixels.
  public var blocks: Int?
  /// Channels of a generator's first convolution, 1 to 256. Defaults to 64 (32 below 48 pixels).
  public var filters: Int?
  /// Number of convolutions in a discriminator that halve the size, 1 to 6. Defaults to 3, for patches of 70 × 70 (2 below 48
  /// pixels, for patches of 34 × 34).
  public var discriminatorLayers: Int?
  /// Channels of a discriminator's first convolution, 1 to 256. Defaults to 64 (32 below 48 pixels).
  public var discriminatorFilters: Int?

  public static let settings = Setting.list(
    of: CycleGANModel(), .blocks, .filters, .discriminatorLayers, .discriminatorFilters)

  /// Networks that follow the size of the images.
  public init() {}
}

/// CycleGAN's networks and the images they are trained on.
package struct CycleGANConfiguration: Sendable, Codable, Equatable {
  /// Number of residual blocks, and channels of the first convolution, of a generator.
  package let blocks, filters: Int
  /// Number of convolutions that halve the size, and channels of the first one, of a discriminator.
  package let discriminatorLayers, discriminatorFilters: Int
  /// Size of the images of both domains, multiples of 4.
  package let height, width: Int
  /// Channels of the images in each domain, 1 or 3.
  package let channelsA, channelsB: Int

  /// Creates the networks' configuration for images of a size.
  ///
  /// - Throws: bad pipeline with `place` naming the setting, if such networks cannot be built or trained on such images.
  package init(_ model: CycleGANModel, height: Int, width: Int, channelsA: Int = 3, channelsB: Int = 3) throws {
    try CycleGANModel.settings.check(JSONValue(encoding: model), at: "model")
    let sizes = TranslationSizes(
      blocks: model.blocks, filters: model.filters, discriminatorLayers: model.discriminatorLayers,
      discriminatorFilters: model.discriminatorFilters, side: min(height, width))
    (blocks, filters) = (sizes.blocks, sizes.filters)
    (discriminatorLayers, discriminatorFilters) = (sizes.discriminatorLayers, sizes.discriminatorFilters)
    (self.height, self.width, self.channelsA, self.channelsB) = (height, width, channelsA, channelsB)
    try sizes.check("CycleGAN", height: height, width: width, channels: [channelsA, channelsB])
  }

  /// Checks a configuration that a file names.
  ///
  /// - Throws: bad pipeline if such networks cannot be built.
  package func checked() throws -> CycleGANConfiguration {
    var model = CycleGANModel()
    (model.blocks, model.filters) = (blocks, filters)
    (model.discriminatorLayers, model.discriminatorFilters) = (discriminatorLayers, discriminatorFilters)
    return try CycleGANConfiguration(
      model, height: height, width: width, channelsA: channelsA, channelsB: channelsB)
  }

  /// Creates a generator from domain A to domain B.
  package func generatorAB(using random: inout Random) -> any Layer { generator(channelsA, channelsB, &random) }

  /// Creates a generator from domain B to domain A.
  package func generatorBA(using random: inout Random) -> any Layer { generator(channelsB, channelsA, &random) }

  private func generator(_ inputs: Int, _ outputs: Int, _ random: inout Random) -> any Layer {
    ResNetGenerator(blocks: blocks, filters: filters, inputs: inputs, outputs: outputs, using: &random)
  }

  /// Creates a discriminator of images with the given number of channels.
  func discriminator(_ channels: Int, using random: inout Random) -> any Layer {
    PatchDiscriminator(layers: discriminatorLayers, filters: discriminatorFilters, inputs: channels, using: &random)
  }
}
