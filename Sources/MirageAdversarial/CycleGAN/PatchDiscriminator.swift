import MirageNetworks
import MirageSupport
import MirageTensors

/// PatchGAN's discriminator (Isola et al. 2017): a score for each patch of an image, the greater the more real.
///
/// Maps N × H × W × `inputs` images in -1 ... 1 to N × h × w × 1 scores, with h = H / 2^`layers` - 2. The state has the
/// names of the CycleGAN repository's state dicts: `model.0.weight`.
package final class PatchDiscriminator: Layer {
  private let model: Sequential

  /// Creates a discriminator with normal weights of deviation 0.02 and biases of 0, as published.
  ///
  /// - Parameters:
  ///   - layers: Number of convolutions that halve the size. A patch is 16, 34, 70, 142 pixels wide for 1, 2, 3, 4 layers.
  ///   - filters: Channels of the first convolution; each further one doubles them, up to eight times the first.
  ///   - inputs: Channels of the images.
  ///   - normalization: Normalization after each convolution but the first and the last. Defaults to `instance`.
  ///   - random: Source of the initial weights.
  package init(
    layers: Int = 3, filters: Int = 64, inputs: Int = 3, normalization: ImageNormalization = .instance,
    using random: inout Random
  ) {
    func convolution(_ inputs: Int, _ outputs: Int, stride: Int, hasBias: Bool = true) -> Conv2D {
      Conv2D(
        inputs, outputs, kernel: [4], stride: [stride], padding: [1], hasBias: hasBias, initialized: .normal(),
        using: &random)
    }
    let rectifier = Activation.leakyReLU(0.2)
    var model: [any Layer] = [convolution(inputs, filters, stride: 2), rectifier]
    var width = filters
    for level in 1...layers {
      let wider = filters * min(1 << level, 8)
      model.append(convolution(width, wider, stride: level < layers ? 2 : 1, hasBias: normalization.hasBias))
      model += [normalization.layer(wider, using: &random), rectifier] as [any Layer]
      width = wider
    }
    self.model = Sequential(model + [convolution(width, 1, stride: 1)])
  }

  /// Returns the smallest height and width of images that give at least one score.
  package static func smallestSide(layers: Int) -> Int { 3 << layers }

  package func callAsFunction(_ images: consuming Tensor, _ mode: Mode) -> Tensor { model(images, mode) }

  package func visit(_ visitor: inout some StateVisitor) { visitor.visit(model, "model") }
}
