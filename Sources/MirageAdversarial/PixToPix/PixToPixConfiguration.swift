import MirageNetworks
import MirageStreams
import MirageSupport

/// Settings of pix2pix's networks. Settings that are nil follow the size of the images.
public struct PixToPixModel: Sendable, Codable, Equatable {
  /// Architecture of the generator.
  public enum Network: String, Sendable, Codable, CaseIterable {
    /// A U-Net, which hands fine structures of the input on to the output; for images whose height and width are multiples
    /// of 2^`downs`.
    case unet
    /// Residual blocks at a quarter of the size, for images whose height and width are multiples of 4.
    case resnet
  }

  /// Architecture of the generator. Defaults to `unet`.
  public var network = Network.unet
  /// Number of levels of the U-Net, each of which halves the size, 2 to 8. Defaults to as many as height and width can be
  /// halved, up to 8, as published: 2 for 28 pixels, 5 for 32, 6 for 64, 8 for 256. A residual generator has none.
  public var downs: Int?
  /// Number of residual blocks, 0 to 64. Defaults to 9 (6 up to 160 pixels, 3 below 48). A U-Net has none.
  public var blocks: Int?
  /// Channels of the generator's first convolution, 1 to 256. Defaults to 64 (32 below 48 pixels).
  public var filters: Int?
  /// Normalization in both networks. Defaults to `instance`: the published generator has `batch`, but trains and translates
  /// single images with their own statistics, which is instance normalization at any batch size.
  public var normalization = ImageNormalization.instance
  /// Dropout: true if training sets half of the features to 0 on the inner levels of a U-Net of 6 levels or more, or in residual
  /// blocks. Defaults to true, as published; translating is without, so that an image has one translation.
  public var dropout = true
  /// Number of convolutions in the discriminator that halve the size, 1 to 6. Defaults to 3, for patches of 70 × 70 (2 below
  /// 48 pixels, for patches of 34 × 34).
  public var discriminatorLayers: Int?
  /// Channels of the discriminator's first convolution, 1 to 256. Defaults to 64 (32 below 48 pixels).
  public var discriminatorFilters: Int?

  public static let settings = Setting.list(
    of: PixToPixModel(),
    Setting("network", .choice(Network.self), "Architecture of the generator"),
    Setting(
      "downs", .integer(2...8),
      "Number of levels of a U-Net, each of which halves the size; as many as the size allows if not given"),
    .blocks, .filters,
    Setting("normalization", .choice(ImageNormalization.self), "Normalization in both networks"),
    Setting("dropout", .boolean, "Whether the generator is trained with dropout"),
    .discriminatorLayers, .discriminatorFilters)

  /// Networks that follow the size of the images.
  public init() {}
}

/// Networks of pix2pix, and the images they are trained on.
package struct PixToPixConfiguration: Sendable, Codable, Equatable {
  /// Settings of the networks; nil only for settings of the network that is not used.
  package let model: PixToPixModel
  /// Size of the images.
  package let height, width: Int
  /// Channels of the inputs (A) and of the targets (B), 1 or 3.
  package let channelsA, channelsB: Int

  /// Creates the networks' configuration for images of a size.
  ///
  /// - Throws: bad pipeline with `place` naming the setting, if such networks cannot be built or trained on such images.
  package init(_ model: PixToPixModel, height: Int, width: Int, channelsA: Int = 3, channelsB: Int = 3) throws {
    try PixToPixModel.settings.check(JSONValue(encoding: model), at: "model")
    let sizes = TranslationSizes(
      blocks: model.blocks, filters: model.filters, discriminatorLayers: model.discriminatorLayers,
      discriminatorFilters: model.discriminatorFilters, side: min(height, width))
    var model = model
    let isUNet = model.network == .unet
    for (setting, isGiven) in [("blocks", isUNet && model.blocks != nil), ("downs", !isUNet && model.downs != nil)]
    where isGiven {
      throw MirageError(
        .badPipeline,
        "\(setting) is a setting of \(isUNet ? "resnet" : "unet"), and the network is \(model.network.rawValue)",
        place: "model.\(setting)", remedy: "Take it out, or set model.network to \(isUNet ? "resnet" : "unet").")
    }
    if isUNet {
      let halvings = min(height.trailingZeroBitCount, width.trailingZeroBitCount, 8)
      model.downs = model.downs ?? max(2, halvings)
    } else {
      model.blocks = sizes.blocks
    }
    model.filters = sizes.filters
    (model.discriminatorLayers, model.discriminatorFilters) = (sizes.discriminatorLayers, sizes.discriminatorFilters)
    (self.model, self.height, self.width) = (model, height, width)
    (self.channelsA, self.channelsB) = (channelsA, channelsB)
    try sizes.check(
      isUNet ? "The U-Net of pix2pix" : "pix2pix", halvings: model.downs ?? 2, height: height, width: width,
      channels: [channelsA, channelsB])
  }

  /// Checks a configuration that a file names.
  ///
  /// - Throws: bad pipeline if such networks cannot be built.
  package func checked() throws -> PixToPixConfiguration {
    try PixToPixConfiguration(model, height: height, width: width, channelsA: channelsA, channelsB: channelsB)
  }

  /// Creates the generator of targets from inputs.
  package func generator(using random: inout Random) -> any Layer {
    let filters = model.filters ?? 1
    switch model.network {
    case .unet:
      return UNetGenerator(
        downs: model.downs ?? 2, filters: filters, inputs: channelsA, outputs: channelsB,
        normalization: model.normalization, hasDropout: model.dropout, using: &random)
    case .resnet:
      return ResNetGenerator(
        blocks: model.blocks ?? 0, filters: filters, inputs: channelsA, outputs: channelsB,
        normalization: model.normalization, hasDropout: model.dropout, using: &random)
    }
  }

  /// Creates the discriminator of pairs, whose channels are those of the input, then those of the target.
  func discriminator(using random: inout Random) -> any Layer {
    PatchDiscriminator(
      layers: model.discriminatorLayers ?? 1, filters: model.discriminatorFilters ?? 1, inputs: channelsA + channelsB,
      normalization: model.normalization, using: &random)
  }
}
