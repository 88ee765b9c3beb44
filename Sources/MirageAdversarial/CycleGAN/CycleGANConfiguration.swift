import MirageNetworks
import MirageSupport

/// Architecture of CycleGAN's networks, the same in both directions.
public struct CycleGANModel: Sendable, Codable, Equatable {
  /// Number of residual blocks in a generator, 0 to 64. Defaults to 9.
  public var blocks = 9
  /// Channels of a generator's first convolution, 1 to 256. Defaults to 64.
  public var filters = 64
  /// Number of convolutions in a discriminator that halve the size, 1 to 6. Defaults to 3, for patches of 70 × 70.
  public var discriminatorLayers = 3
  /// Channels of a discriminator's first convolution, 1 to 256. Defaults to 64.
  public var discriminatorFilters = 64

  /// Creates the published architecture for images of 256 × 256.
  public init() {}
}

/// CycleGAN's networks and the images they are trained on.
public struct CycleGANConfiguration: Sendable, Codable, Equatable {
  /// The architecture.
  public let model: CycleGANModel
  /// Size of the images of both domains, multiples of 4.
  public let height, width: Int
  /// Channels of the images in each domain, 1 or 3.
  public let channelsA, channelsB: Int

  /// Checks and creates a configuration.
  /// - Throws: bad pipeline with `place` naming the setting, if such networks cannot be trained on such images.
  public init(_ model: CycleGANModel, height: Int, width: Int, channelsA: Int = 3, channelsB: Int = 3) throws {
    (self.model, self.height, self.width) = (model, height, width)
    (self.channelsA, self.channelsB) = (channelsA, channelsB)
    try check()
  }

  private func check() throws {
    let numbers = [
      ("blocks", model.blocks, 0...64), ("filters", model.filters, 1...256),
      ("discriminator-layers", model.discriminatorLayers, 1...6),
      ("discriminator-filters", model.discriminatorFilters, 1...256),
    ]
    for (name, number, range) in numbers where !range.contains(number) {
      throw refusal(
        "\(name) is \(number)", "model.\(name)", "Set it from \(range.lowerBound) to \(range.upperBound).")
    }
    for channels in [channelsA, channelsB] where channels != 1 && channels != 3 {
      throw refusal("images of \(channels) channels", nil, "Make them gray or RGB with the source's channels.")
    }
    let sides = "\(height) x \(width)"
    guard height % 4 == 0, width % 4 == 0, height > 0, width > 0 else {
      throw refusal(
        "CycleGAN halves the size of images twice, and these are \(sides)", nil,
        "Bring height and width to multiples of 4, with resize or pad.")
    }
    let smallest = max(8, PatchDiscriminator.smallestSide(layers: model.discriminatorLayers))
    guard min(height, width) >= smallest else {
      throw refusal(
        "a discriminator of \(model.discriminatorLayers) layers for images of \(sides): it needs \(smallest) a side",
        "model.discriminator-layers", "Use fewer layers, or larger images.")
    }
  }

  private func refusal(_ message: String, _ place: String?, _ remedy: String) -> MirageError {
    MirageError(.badPipeline, message, place: place, remedy: remedy)
  }

  /// Returns a new generator from domain A to domain B.
  public func generatorAB(using random: inout Random) -> any Layer { generator(channelsA, channelsB, &random) }

  /// Returns a new generator from domain B to domain A.
  public func generatorBA(using random: inout Random) -> any Layer { generator(channelsB, channelsA, &random) }

  private func generator(_ inputs: Int, _ outputs: Int, _ random: inout Random) -> any Layer {
    ResNetGenerator(
      blocks: model.blocks, filters: model.filters, inputs: inputs, outputs: outputs, using: &random)
  }

  /// Returns a new discriminator of images with the given number of channels.
  func discriminator(_ channels: Int, using random: inout Random) -> any Layer {
    PatchDiscriminator(
      layers: model.discriminatorLayers, filters: model.discriminatorFilters, inputs: channels, using: &random)
  }
}
