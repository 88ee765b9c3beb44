import MirageNetworks
import MirageSupport
import MirageTensors

/// DCGAN's discriminator. Strided convolutions halve the size and double the number of channels; then follow one more
/// convolution, the sum of the features over all pixels, or their mean if they are normalized, and the head.
final class DCGANDiscriminator: Discriminator {
  private let configuration: GANConfiguration
  private let layers: Sequential
  private let head: DiscriminatorHead

  init(_ configuration: GANConfiguration, using random: inout Random) {
    self.configuration = configuration
    let model = configuration.model
    let pyramid = configuration.pyramid
    var (layers, inputs): ([any Layer], Int) = ([], configuration.discriminatorChannels)
    for level in 0...pyramid.doublings {
      let isLast = level == pyramid.doublings
      let outputs = min(DCGANFamily.widestLayer, model.discriminatorWidth << level)
      layers.append(
        Conv2D(
          inputs, outputs, kernel: [isLast ? 3 : 4], stride: [isLast ? 1 : 2], padding: [1],
          isSpectral: model.normalization == .spectral, initialized: .normal(), using: &random))
      let shift = isLast ? level : level + 1
      let shape = [configuration.height >> shift, configuration.width >> shift, outputs]
      if level > 0 { layers += discriminatorNorm(shape, model.normalization) }
      layers.append(Activation.leakyReLU(0.2))
      inputs = outputs
    }
    self.layers = Sequential(layers)
    head = DiscriminatorHead(inputs, configuration, using: &random)
  }

  func callAsFunction(_ samples: Tensor, _ condition: Condition, _ mode: Mode) -> Prediction {
    let features = layers(configuration.discriminatorInput(samples, condition), mode)
    // Normalized features have size 1 at every pixel. Their sum would give initial logits of tens, for which some
    // losses have no gradient and others too large a one.
    let isNormalized = [.batch, .layer].contains(configuration.model.normalization)
    return head(isNormalized ? features.mean(axes: [1, 2]) : features.sum(axes: [1, 2]), condition, mode)
  }

  func visit(_ visitor: inout some StateVisitor) {
    visitor.visit(layers, "layers")
    visitor.visit(head, "head")
  }
}
