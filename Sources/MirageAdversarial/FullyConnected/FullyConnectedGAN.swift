import MirageSupport
import MirageNetworks
import MirageTensors

/// A perceptron of two hidden layers, 256 and 512 wide, from latents to pixels.
final class PerceptronGenerator: Generator {
  private let configuration: GANConfiguration
  private let layers: [Linear]
  private let norms: [GeneratorNorm]
  private let shape: Unflatten

  init(_ configuration: GANConfiguration, using random: inout Random) {
    self.configuration = configuration
    let pixels = configuration.height * configuration.width * configuration.channels
    let widths = [configuration.generatorInputs, 256, 512, pixels]
    layers = zip(widths, widths.dropFirst()).map { Linear($0, $1, using: &random) }
    norms = widths[1...2].map { GeneratorNorm($0, configuration) }
    shape = Unflatten(channels: configuration.channels, sizes: [configuration.height, configuration.width])
  }

  func callAsFunction(_ latents: Tensor, _ labels: [Int], _ mode: Mode) -> Tensor {
    var x = configuration.generatorInput(latents, labels)
    for (layer, norm) in zip(layers, norms) { x = norm(layer(x, mode), labels, mode) }
    return shape(layers[2](x, mode).tanh(), mode)
  }

  func visit(_ visitor: inout some StateVisitor) {
    for (index, layer) in layers.enumerated() { visitor.visit(layer, "layers.\(index)") }
    for (index, norm) in norms.enumerated() { visitor.visit(norm, "norms.\(index)") }
  }
}

/// A perceptron of two hidden layers, 512 and 256 wide, from pixels (and the class, where it is concatenated) to the head.
final class PerceptronDiscriminator: Discriminator {
  private let configuration: GANConfiguration
  private let layers: Sequential
  private let head: DiscriminatorHead

  init(_ configuration: GANConfiguration, using random: inout Random) {
    self.configuration = configuration
    let normalization = configuration.model.normalization
    let pixels = configuration.height * configuration.width * configuration.channels
    let widths = [pixels + (configuration.concatenatesImages ? configuration.conditions : 0), 512, 256]
    var layers: [any Layer] = []
    for (index, (inputs, outputs)) in zip(widths, widths.dropFirst()).enumerated() {
      layers.append(Linear(inputs, outputs, isSpectral: normalization == .spectral, using: &random))
      if index > 0 { layers += discriminatorNorm([outputs], normalization) }
      layers.append(Activation.leakyReLU(0.2))
    }
    self.layers = Sequential(layers)
    head = DiscriminatorHead(widths[2], configuration, using: &random)
  }

  func callAsFunction(_ images: Tensor, _ labels: [Int], _ mode: Mode) -> Verdict {
    var pixels = Flatten()(images, mode)
    if configuration.concatenatesImages { pixels = concatenated([pixels, configuration.oneHot(labels)], axis: 1) }
    return head(layers(pixels, mode), labels, mode)
  }

  func visit(_ visitor: inout some StateVisitor) {
    visitor.visit(layers, "layers")
    visitor.visit(head, "head")
  }
}
