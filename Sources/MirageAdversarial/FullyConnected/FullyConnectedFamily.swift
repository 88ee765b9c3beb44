import MirageSupport

/// Multilayer perceptrons (Goodfellow et al. 2014), for images of up to 64 × 64 pixels.
enum FullyConnectedFamily: GANFamily {
  static let name = "fully-connected"

  static func check(_ configuration: GANConfiguration) throws {
    try configuration.checkImages()
    let (height, width) = (configuration.height, configuration.width)
    guard imageSides.contains(height), imageSides.contains(width), height * width <= 64 * 64 else {
      throw configuration.refusal(
        "a fully connected network for images of \(height) x \(width)", "model.network",
        "Use dcgan, or resize to 64 x 64.")
    }
  }

  static func generator(_ configuration: GANConfiguration, using random: inout Random) -> any Generator {
    PerceptronGenerator(configuration, using: &random)
  }

  static func discriminator(_ configuration: GANConfiguration, using random: inout Random) -> any Discriminator {
    PerceptronDiscriminator(configuration, using: &random)
  }
}

extension GANModel.Network {
  /// Multilayer perceptrons (Goodfellow et al. 2014), for images of up to 64 × 64 pixels.
  public static let fullyConnected = GANModel.Network(FullyConnectedFamily.self)
}
