import MirageSupport
import MirageNetworks
import MirageTensors

/// A layer at every size is at most this wide.
private let widestLayer = 512

/// DCGAN's generator (Radford et al. 2016): latents become features of the smallest size, which transposed convolutions
/// double, with half as many channels each time, up to the image.
final class DCGANGenerator: Generator {
  private let configuration: GANConfiguration
  private let project: Linear
  private let unflatten: Unflatten
  private let ups: [ConvTranspose2D]
  private let norms: [GeneratorNorm]
  private let out: any Layer

  init(_ configuration: GANConfiguration, using random: inout Random) {
    self.configuration = configuration
    let pyramid = Pyramid(height: configuration.height, width: configuration.width)!
    let endsTransposed = configuration.model.output == .transposed
    let doublings = pyramid.doublings - (endsTransposed ? 1 : 0)
    let widths = (0...doublings).reversed().map { min(widestLayer, configuration.model.generatorWidth << $0) }
    func up(_ inputs: Int, _ outputs: Int) -> ConvTranspose2D {
      ConvTranspose2D(
        inputs, outputs, kernel: [4], stride: [2], padding: [1], initialized: .normal(), using: &random)
    }
    project = Linear(
      configuration.generatorInputs, widths[0] * pyramid.base[0] * pyramid.base[1], initialized: .normal(),
      using: &random)
    unflatten = Unflatten(channels: widths[0], sizes: pyramid.base)
    norms = widths.map { GeneratorNorm($0, configuration) }
    ups = zip(widths, widths.dropFirst()).map { up($0, $1) }
    let channels = configuration.channels
    out =
      endsTransposed
      ? up(widths.last!, channels)
      : Conv2D(widths.last!, channels, kernel: [3], padding: [1], initialized: .normal(), using: &random)
  }

  func callAsFunction(_ latents: Tensor, _ labels: [Int], _ mode: Mode) -> Tensor {
    var x = project(configuration.generatorInput(latents, labels), mode)
    x = norms[0](unflatten(x, mode), labels, mode)
    for (up, norm) in zip(ups, norms.dropFirst()) { x = norm(up(x, mode), labels, mode) }
    return out(x, mode).tanh()
  }

  func visit(_ visitor: inout some StateVisitor) {
    visitor.visit(project, "project")
    for (index, norm) in norms.enumerated() { visitor.visit(norm, "norms.\(index)") }
    for (index, up) in ups.enumerated() { visitor.visit(up, "ups.\(index)") }
    visitor.visit(out, "out")
  }
}

/// Its counterpart: strided convolutions halve the size, with twice as many channels each time; a last one, the sum over
/// all places, or the mean behind a normalization, and the head.
final class DCGANDiscriminator: Discriminator {
  private let configuration: GANConfiguration
  private let layers: Sequential
  private let head: DiscriminatorHead

  init(_ configuration: GANConfiguration, using random: inout Random) {
    self.configuration = configuration
    let model = configuration.model
    let pyramid = Pyramid(height: configuration.height, width: configuration.width)!
    var (layers, inputs): ([any Layer], Int) = ([], configuration.discriminatorChannels)
    for level in 0...pyramid.doublings {
      let isLast = level == pyramid.doublings
      let outputs = min(widestLayer, model.discriminatorWidth << level)
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

  func callAsFunction(_ images: Tensor, _ labels: [Int], _ mode: Mode) -> Verdict {
    let features = layers(configuration.discriminatorInput(images, labels), mode)
    // Normalized features are of size 1 at every place. Their sum would make logits of tens to begin with, where some losses
    // have no slope and others too much.
    let isNormalized = [.batch, .layer].contains(configuration.model.normalization)
    return head(isNormalized ? features.mean(axes: [1, 2]) : features.sum(axes: [1, 2]), labels, mode)
  }

  func visit(_ visitor: inout some StateVisitor) {
    visitor.visit(layers, "layers")
    visitor.visit(head, "head")
  }
}
