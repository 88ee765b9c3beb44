import MirageNetworks
import MirageStreams
import MirageSupport

/// Settings of the networks of CUT and FastCUT. Settings that are nil follow the size of the images.
public struct ContrastiveModel: Sendable, Codable, Equatable {
  /// Number of residual blocks in the generator, 0 to 64. Defaults to 9 (6 up to 160 pixels, 3 below 48).
  public var blocks: Int?
  /// Channels of the generator's first convolution, 1 to 256. Defaults to 64 (32 below 48 pixels).
  public var filters: Int?
  /// Number of convolutions in the discriminator that halve the size, 1 to 6. Defaults to 3, for patches of 70 × 70 (2 below
  /// 48 pixels, for patches of 34 × 34).
  public var discriminatorLayers: Int?
  /// Channels of the discriminator's first convolution, 1 to 256. Defaults to 64 (32 below 48 pixels).
  public var discriminatorFilters: Int?

  public static let settings = Setting.list(
    of: ContrastiveModel(), .blocks, .filters, .discriminatorLayers, .discriminatorFilters)

  /// Networks that follow the size of the images.
  public init() {}
}

/// Networks of CUT and FastCUT, and the images they are trained on.
package struct ContrastiveConfiguration: Sendable, Codable, Equatable {
  /// Number of residual blocks, and channels of the first convolution, of the generator.
  package let blocks, filters: Int
  /// Number of convolutions that halve the size, and channels of the first one, of the discriminator.
  package let discriminatorLayers, discriminatorFilters: Int
  /// Size of the images of both domains, multiples of 4, and their channels, 1 or 3.
  package let height, width, channels: Int

  /// Creates the networks' configuration for images of a size.
  ///
  /// - Throws: bad pipeline with `place` naming the setting, if such networks cannot be built or trained on such images.
  ///   Domains of different channels are refused: the generator's encoder sees the images of both.
  package init(
    _ model: ContrastiveModel, height: Int, width: Int, channelsA: Int = 3, channelsB: Int = 3
  ) throws {
    try ContrastiveModel.settings.check(JSONValue(encoding: model), at: "model")
    let sizes = TranslationSizes(
      blocks: model.blocks, filters: model.filters, discriminatorLayers: model.discriminatorLayers,
      discriminatorFilters: model.discriminatorFilters, side: min(height, width))
    (blocks, filters) = (sizes.blocks, sizes.filters)
    (discriminatorLayers, discriminatorFilters) = (sizes.discriminatorLayers, sizes.discriminatorFilters)
    (self.height, self.width, channels) = (height, width, channelsA)
    try sizes.check("CUT", height: height, width: width, channels: [channelsA, channelsB])
    guard channelsA == channelsB else {
      throw MirageError(
        .badPipeline,
        "CUT compares images of both domains, and these have \(channelsA) and \(channelsB) channels",
        remedy: "Give both domains the same channels.")
    }
  }

  /// Checks a configuration that a file names.
  ///
  /// - Throws: bad pipeline if such networks cannot be built.
  package func checked() throws -> ContrastiveConfiguration {
    var model = ContrastiveModel()
    (model.blocks, model.filters) = (blocks, filters)
    (model.discriminatorLayers, model.discriminatorFilters) = (discriminatorLayers, discriminatorFilters)
    return try ContrastiveConfiguration(model, height: height, width: width, channelsA: channels, channelsB: channels)
  }

  /// Creates the generator from domain A to domain B.
  package func generator(using random: inout Random) -> ResNetGenerator {
    ResNetGenerator(blocks: blocks, filters: filters, inputs: channels, outputs: channels, using: &random)
  }

  /// Layers of the generator whose features are compared.
  var featureLayers: [Int] { ResNetGenerator.featureLayers(blocks: blocks) }

  /// Creates the heads for the generator's features.
  func heads(using random: inout Random) -> ProjectionHeads {
    ProjectionHeads(
      channels: ResNetGenerator.featureChannels(blocks: blocks, filters: filters, inputs: channels), using: &random)
  }

  /// Creates the discriminator of images in B.
  func discriminator(using random: inout Random) -> any Layer {
    PatchDiscriminator(layers: discriminatorLayers, filters: discriminatorFilters, inputs: channels, using: &random)
  }
}
