import MirageSupport

/// Strided and transposed convolutions (Radford et al. 2016), for images that are doublings of a small one.
enum DCGANFamily: GANFamily {
  static let name = "dcgan"
  /// Maximum number of channels of a layer.
  static let widestLayer = 512

  static func check(_ configuration: GANConfiguration) throws { try configuration.checkPyramid() }

  static func generator(_ configuration: GANConfiguration, using random: inout Random) -> any Generator {
    DCGANGenerator(configuration, using: &random)
  }

  static func discriminator(_ configuration: GANConfiguration, using random: inout Random) -> any Discriminator {
    DCGANDiscriminator(configuration, using: &random)
  }
}

extension GANModel.Network {
  /// Strided and transposed convolutions (Radford et al. 2016), for images with sides such as 28, 32, 64 or 128 pixels.
  public static let dcgan = GANModel.Network(DCGANFamily.self)
}
