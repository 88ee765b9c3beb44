import MirageNetworks
import MirageSupport
import MirageTensors

/// CycleGAN's networks and the images they are trained on.
package struct CycleGANConfiguration: Sendable, Equatable {
  /// Settings of the networks. Only those of networks that are not used are nil.
  package let model: CycleGANModel
  /// Size of the images of both domains, multiples of 2 to the power of the number of times that the network halves it.
  package let height, width: Int
  /// Channels of the images in each domain, 1 or 3.
  package let channelsA, channelsB: Int

  /// Creates the networks' configuration for images of a size.
  ///
  /// - Throws: bad pipeline with `place` naming the setting, if such networks cannot be built or trained on such images.
  package init(_ model: CycleGANModel, height: Int, width: Int, channelsA: Int = 3, channelsB: Int = 3) throws {
    try CycleGANModel.settings.check(JSONValue(encoding: model), at: "model")
    self.model = model.resolved(for: min(height, width))
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
    try checkNetworks()
    try model.sizes(for: min(height, width)).check(
      model.network == .resnet ? "CycleGAN" : model.network.rawValue, halvings: model.network.halvings,
      height: height, width: width, channels: [channelsA, channelsB], hasPatches: model.discriminator == .patch)
  }

  /// Refuses settings that do not fit the networks that are used.
  private func checkNetworks() throws {
    if model.network != .resnet {
      for (setting, isGiven) in [("blocks", model.blocks != nil), ("upsampling", model.upsampling != .transposed)]
      where isGiven {
        throw refusal(
          "\(setting) is a setting of resnet, and the network is \(model.network.rawValue)", "model.\(setting)",
          "Take it out, or set model.network to resnet.")
      }
    }
    if model.startsNearIdentity && channelsA != channelsB {
      throw refusal(
        "images of \(channelsA) channels cannot begin as images of \(channelsB)", "model.starts-near-identity",
        "Set it to false, or give both domains the same channels.")
    }
    if model.discriminator == .pixel && model.discriminatorLayers != nil {
      throw refusal(
        "a pixel discriminator has no layers that halve the size", "model.discriminator-layers",
        "Take it out, or set model.discriminator to patch.")
    }
  }

  private func refusal(_ message: String, _ place: String, _ remedy: String) -> MirageError {
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
    let network = network(inputs, outputs, &random)
    return model.startsNearIdentity ? NearIdentityGenerator(network, channels: outputs) : network
  }

  private func network(_ inputs: Int, _ outputs: Int, _ random: inout Random) -> any Layer {
    let filters = model.filters ?? 1
    switch model.network {
    case .resnet:
      return ResNetGenerator(
        blocks: model.blocks ?? 0, filters: filters, inputs: inputs, outputs: outputs,
        normalization: model.normalization, hasDropout: model.dropout, upsampling: model.upsampling,
        startsAtZero: model.startsNearIdentity, using: &random)
    case .unet128, .unet256:
      return UNetGenerator(
        downs: model.network.halvings, filters: filters, inputs: inputs, outputs: outputs,
        normalization: model.normalization, hasDropout: model.dropout, startsAtZero: model.startsNearIdentity,
        using: &random)
    }
  }

  /// Creates a discriminator of images with the given number of channels.
  func discriminator(_ channels: Int, using random: inout Random) -> any Layer {
    let filters = model.discriminatorFilters ?? 1
    switch model.discriminator {
    case .patch:
      return PatchDiscriminator(
        layers: model.discriminatorLayers ?? 1, filters: filters, inputs: channels, normalization: model.normalization,
        using: &random)
    case .pixel:
      return PixelDiscriminator(
        filters: filters, inputs: channels, normalization: model.normalization, using: &random)
    }
  }
}

// MARK: Noise

extension CycleGANConfiguration {
  /// Draws the noise for the generator from A to B, `count` × H × W × `noise`; nil if it takes none.
  ///
  /// Channels take turns in three scales: one number for the whole image, 3 × 3 numbers with smooth transitions, and one
  /// number for each square of 4 × 4 pixels, which the residual blocks see as a single one. Instance normalization removes
  /// the first of them.
  package func noise(_ count: Int, using random: inout Random) -> Tensor? {
    guard model.noise > 0 else { return nil }
    let channels = (0..<model.noise).map { index -> Tensor in
      switch index % 3 {
      case 0: Tensor.normal([count, 1, 1, 1], using: &random).resized(to: [height, width])
      case 1: Tensor.normal([count, 3, 3, 1], using: &random).resized(to: [height, width])
      default: Tensor.normal([count, height / 4, width / 4, 1], using: &random).upsampled(by: 4)
      }
    }
    return concatenated(channels, axis: 3)
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
