import MirageNetworks
import MirageSupport

/// Residual blocks (SNGAN; Miyato et al. 2018), for images of up to 64 × 64 that are doublings of a small one.
enum ResidualFamily: GANFamily {
  static let name = "residual"

  static func check(_ configuration: GANConfiguration) throws {
    try configuration.checkPyramid()
    let (height, width) = (configuration.height, configuration.width)
    guard max(height, width) <= 64 else {
      throw configuration.refusal(
        "residual networks for images of \(height) x \(width)", "model.network", "Use dcgan, or resize to 64 x 64.")
    }
  }

  static func generator(_ configuration: GANConfiguration, using random: inout Random) -> any Generator {
    ResidualGenerator(configuration, using: &random)
  }

  static func discriminator(_ configuration: GANConfiguration, using random: inout Random) -> any Discriminator {
    ResidualDiscriminator(configuration, using: &random)
  }

  /// Returns the 3 × 3 convolution of a residual block.
  static func convolution(_ inputs: Int, _ outputs: Int, isSpectral: Bool, using random: inout Random) -> Conv2D {
    Conv2D(
      inputs, outputs, kernel: [3], padding: [1], isSpectral: isSpectral,
      initialized: .xavierUniform(gain: Float(2).squareRoot()), using: &random)
  }
}

extension GANModel.Network {
  /// Residual blocks (Miyato et al. 2018), for images with sides such as 28, 32 or 64 pixels.
  public static let residual = GANModel.Network(ResidualFamily.self)
}
