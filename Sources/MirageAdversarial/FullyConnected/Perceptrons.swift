import MirageNetworks
import MirageSupport
import MirageTensors

/// A perceptron from latents to pixels, with two hidden layers of 256 and 512 units.
final class PerceptronGenerator: Generator {
  private let configuration: GANConfiguration
  private let layers: [Linear]
  private let norms: [GeneratorNorm]
  private let shape: Unflatten

  init(_ configuration: GANConfiguration, using random: inout Random) {
    self.configuration = configuration
    let widths = [configuration.generatorInputs, 256, 512, configuration.pixelCount]
    layers = zip(widths, widths.dropFirst()).map { Linear($0, $1, using: &random) }
    norms = widths[1...2].map { GeneratorNorm($0, configuration) }
    shape = Unflatten(channels: configuration.channels, sizes: [configuration.height, configuration.width])
  }

  func callAsFunction(_ latents: Tensor, _ condition: Condition, _ mode: Mode) -> Tensor {
    var x = configuration.generatorInput(latents, condition)
    for (layer, norm) in zip(layers, norms) { x = norm(layer(x, mode), condition, mode) }
    return shape(layers[2](x, mode).tanh(), mode)
  }

  func visit(_ visitor: inout some StateVisitor) {
    for (index, layer) in layers.enumerated() { visitor.visit(layer, "layers.\(index)") }
    for (index, norm) in norms.enumerated() { visitor.visit(norm, "norms.\(index)") }
  }
}

/// A perceptron from pixels, and the condition if it is concatenated, to the head, with two hidden layers of 512 and 256
/// units.
final class PerceptronDiscriminator: Discriminator {
  private let configuration: GANConfiguration
  private let layers: Sequential
  private let head: DiscriminatorHead

  init(_ configuration: GANConfiguration, using random: inout Random) {
    self.configuration = configuration
    let normalization = configuration.model.normalization
    let pixels = configuration.pixelCount + (configuration.concatenatesSamples ? configuration.conditionSize : 0)
    let widths = [pixels, 512, 256]
    var layers: [any Layer] = []
    for (index, (inputs, outputs)) in zip(widths, widths.dropFirst()).enumerated() {
      layers.append(Linear(inputs, outputs, isSpectral: normalization == .spectral, using: &random))
      if index > 0 { layers += discriminatorNorm([outputs], normalization) }
      layers.append(Activation.leakyReLU(0.2))
    }
    self.layers = Sequential(layers)
    head = DiscriminatorHead(widths[2], configuration, using: &random)
  }

  func callAsFunction(_ samples: Tensor, _ condition: Condition, _ mode: Mode) -> Prediction {
    var pixels = Flatten()(samples, mode)
    if configuration.concatenatesSamples {
      pixels = concatenated([pixels, configuration.vectors(condition)], axis: 1)
    }
    return head(layers(pixels, mode), condition, mode)
  }

  func visit(_ visitor: inout some StateVisitor) {
    visitor.visit(layers, "layers")
    visitor.visit(head, "head")
  }
}
