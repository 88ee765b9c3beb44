import MirageStreams
import MirageSupport

/// Settings of CycleGAN's networks; both directions have the same. Settings that are nil follow the size of the images.
public struct CycleGANModel: Sendable, Codable, Equatable {
  /// Architecture of the generators.
  public enum Network: String, Sendable, Codable, CaseIterable {
    /// Residual blocks at a quarter of the size, for images whose height and width are multiples of 4.
    case resnet
    /// A U-Net of seven levels, for multiples of 128 pixels.
    case unet128 = "unet-128"
    /// A U-Net of eight levels, for multiples of 256 pixels.
    case unet256 = "unet-256"

    /// Number of times that the size is halved.
    var halvings: Int {
      switch self {
      case .resnet: 2
      case .unet128: 7
      case .unet256: 8
      }
    }
  }

  /// Architecture of the discriminators.
  public enum Discriminator: String, Sendable, Codable, CaseIterable {
    /// A score for each patch of an image.
    case patch
    /// A score for each pixel, from its color alone.
    case pixel
  }

  /// Architecture of the generators. Defaults to `resnet`.
  public var network = Network.resnet
  /// Number of residual blocks in a generator, 0 to 64. Defaults to 9 (6 up to 160 pixels, 3 below 48), as published for 128
  /// and 256 pixels. A U-Net has none.
  public var blocks: Int?
  /// Channels of a generator's first convolution, 1 to 256. Defaults to 64 (32 below 48 pixels).
  public var filters: Int?
  /// Normalization in all networks. Defaults to `instance`.
  public var normalization = ImageNormalization.instance
  /// Dropout: true if training sets half of the features in a generator's residual blocks, or on the inner levels of a U-Net, to 0.
  /// Defaults to false.
  public var dropout = false
  /// Layers of a residual generator that double the size. Defaults to `transposed`. A U-Net has transposed convolutions.
  public var upsampling = ImageUpsampling.transposed
  /// True if generators begin near the identity, which keeps them from learning to invert brightness; domains of equal channels
  /// only. Defaults to false. It changes what given weights compute, not their names: see `NearIdentityGenerator`.
  public var startsNearIdentity = false
  /// Number of channels of Gaussian noise that the generator from A to B gets beside an image's, 0 to 64: for a domain B of
  /// which one image of A has many pictures. Defaults to 0.
  public var noise = 0
  /// Architecture of the discriminators. Defaults to `patch`.
  public var discriminator = Discriminator.patch
  /// Number of convolutions in a patch discriminator that halve the size, 1 to 6. Defaults to 3, for patches of 70 × 70 (2
  /// below 48 pixels, for patches of 34 × 34).
  public var discriminatorLayers: Int?
  /// Channels of a discriminator's first convolution, 1 to 256. Defaults to 64 (32 below 48 pixels).
  public var discriminatorFilters: Int?

  public static let settings = Setting.list(
    of: CycleGANModel(),
    Setting("network", .choice(Network.self), "Architecture of the generators"),
    .blocks, .filters,
    Setting("normalization", .choice(ImageNormalization.self), "Normalization in all networks"),
    Setting("dropout", .boolean, "Whether the generators are trained with dropout"),
    Setting(
      "upsampling", .choice(ImageUpsampling.self),
      "Layers of a residual generator that double the size; resize leaves no checkerboards"),
    Setting(
      "starts-near-identity", .boolean, "Whether generators add to their image, and begin with adding nothing"),
    Setting(
      "noise", .integer(0...64),
      "Number of channels of noise beside an image's, for the generator to a domain where an image has many pictures"),
    Setting("discriminator", .choice(Discriminator.self), "Architecture of the discriminators"),
    .discriminatorLayers, .discriminatorFilters)

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
    try decode(.network, &network)
    try decode(.blocks, &blocks)
    try decode(.filters, &filters)
    try decode(.normalization, &normalization)
    try decode(.dropout, &dropout)
    try decode(.upsampling, &upsampling)
    try decode(.startsNearIdentity, &startsNearIdentity)
    try decode(.noise, &noise)
    try decode(.discriminator, &discriminator)
    try decode(.discriminatorLayers, &discriminatorLayers)
    try decode(.discriminatorFilters, &discriminatorFilters)
  }

  /// Returns the sizes of the networks for images whose shorter side is `side` pixels.
  func sizes(for side: Int) -> TranslationSizes {
    TranslationSizes(
      blocks: blocks, filters: filters, discriminatorLayers: discriminatorLayers,
      discriminatorFilters: discriminatorFilters, side: side)
  }

  /// Returns the settings with those that are nil by the size of images, the shorter side. Settings that belong to another
  /// network stay nil.
  func resolved(for side: Int) -> CycleGANModel {
    var model = self
    let sizes = sizes(for: side)
    if network == .resnet { model.blocks = sizes.blocks }
    if discriminator == .patch { model.discriminatorLayers = sizes.discriminatorLayers }
    (model.filters, model.discriminatorFilters) = (sizes.filters, sizes.discriminatorFilters)
    return model
  }
}
