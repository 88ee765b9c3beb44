import MirageNetworks
import MirageSupport
import MirageTensors

/// PixelGAN's discriminator (Isola et al. 2017): a score for each pixel from its color alone, the greater the more real.
///
/// Maps N × H × W × `inputs` images in -1 ... 1 to N × H × W × 1 scores. The state has the names of the CycleGAN
/// repository's state dicts: `net.0.weight`.
package final class PixelDiscriminator: Layer {
  private let net: Sequential

  /// Creates a discriminator with normal weights of deviation 0.02 and biases of 0, as published.
  ///
  /// - Parameters:
  ///   - filters: Channels of the first convolution; the second has twice as many.
  ///   - inputs: Channels of the images.
  ///   - normalization: Normalization after the second convolution. Defaults to `instance`.
  ///   - random: Source of the initial weights.
  package init(
    filters: Int = 64, inputs: Int = 3, normalization: ImageNormalization = .instance, using random: inout Random
  ) {
    func convolution(_ inputs: Int, _ outputs: Int, hasBias: Bool) -> Conv2D {
      Conv2D(inputs, outputs, kernel: [1], hasBias: hasBias, initialized: .normal(), using: &random)
    }
    let rectifier = Activation.leakyReLU(0.2)
    net = Sequential([
      convolution(inputs, filters, hasBias: true), rectifier,
      convolution(filters, 2 * filters, hasBias: normalization.hasBias),
      normalization.layer(2 * filters, using: &random), rectifier,
      convolution(2 * filters, 1, hasBias: normalization.hasBias),
    ])
  }

  package func callAsFunction(_ images: consuming Tensor, _ mode: Mode) -> Tensor { net(images, mode) }

  package func visit(_ visitor: inout some StateVisitor) { visitor.visit(net, "net") }
}
