import MirageSupport
import MirageNetworks
import MirageTensors

/// SNGAN's generator (Miyato et al. 2018): residual blocks that double the size, all of one width.
final class ResidualGenerator: Generator {
  private let configuration: GANConfiguration
  private let project: Linear
  private let unflatten: Unflatten
  private let blocks: [Block]
  private let norm: GeneratorNorm
  private let out: Conv2D

  init(_ configuration: GANConfiguration, using random: inout Random) {
    self.configuration = configuration
    let pyramid = Pyramid(height: configuration.height, width: configuration.width)!
    let width = configuration.model.generatorWidth
    project = Linear(
      configuration.generatorInputs, width * pyramid.base[0] * pyramid.base[1], initialized: .xavierUniform(),
      using: &random)
    unflatten = Unflatten(channels: width, sizes: pyramid.base)
    blocks = (0..<pyramid.doublings).map { _ in Block(width, configuration, using: &random) }
    norm = GeneratorNorm(width, configuration)
    out = Conv2D(
      width, configuration.channels, kernel: [3], padding: [1], initialized: .xavierUniform(), using: &random)
  }

  func callAsFunction(_ latents: Tensor, _ labels: [Int], _ mode: Mode) -> Tensor {
    var x = unflatten(project(configuration.generatorInput(latents, labels), mode), mode)
    for block in blocks { x = block(x, labels, mode) }
    return out(norm(x, labels, mode), mode).tanh()
  }

  func visit(_ visitor: inout some StateVisitor) {
    visitor.visit(project, "project")
    for (index, block) in blocks.enumerated() { visitor.visit(block, "blocks.\(index)") }
    visitor.visit(norm, "norm")
    visitor.visit(out, "out")
  }

  /// Normalize, rectify, double, convolve; normalize, rectify, convolve; beside it the input, doubled.
  private final class Block: Module {
    private let norms: [GeneratorNorm]
    private let convolutions: [Conv2D]

    init(_ width: Int, _ configuration: GANConfiguration, using random: inout Random) {
      norms = (0..<2).map { _ in GeneratorNorm(width, configuration) }
      convolutions = (0..<2).map { _ in residualConvolution(width, width, isSpectral: false, using: &random) }
    }

    func callAsFunction(_ x: Tensor, _ labels: [Int], _ mode: Mode) -> Tensor {
      let doubled = norms[0](x, labels, mode).upsampled(by: 2)
      let inner = norms[1](convolutions[0](doubled, mode), labels, mode)
      return convolutions[1](inner, mode) + x.upsampled(by: 2)
    }

    func visit(_ visitor: inout some StateVisitor) {
      for (index, norm) in norms.enumerated() { visitor.visit(norm, "norms.\(index)") }
      for (index, convolution) in convolutions.enumerated() { visitor.visit(convolution, "convolutions.\(index)") }
    }
  }
}

/// SNGAN's discriminator: residual blocks that halve the size to 8 a side at most, two more, the sum over all places, or
/// without spectral normalization the mean, and the head.
final class ResidualDiscriminator: Discriminator {
  private let configuration: GANConfiguration
  private let blocks: [Block]
  private let head: DiscriminatorHead

  init(_ configuration: GANConfiguration, using random: inout Random) {
    self.configuration = configuration
    let width = configuration.model.discriminatorWidth
    var (blocks, size) = ([Block](), [configuration.height, configuration.width])
    func add(_ inputs: Int, halves: Bool) {
      blocks.append(Block(inputs, width, size, halves, isFirst: blocks.isEmpty, configuration, using: &random))
      if halves { size = size.map { $0 / 2 } }
    }
    while size.min()! > 8 { add(blocks.isEmpty ? configuration.discriminatorChannels : width, halves: true) }
    for _ in 0..<2 { add(width, halves: false) }
    self.blocks = blocks
    head = DiscriminatorHead(width, configuration, using: &random)
  }

  func callAsFunction(_ images: Tensor, _ labels: [Int], _ mode: Mode) -> Verdict {
    var x = configuration.discriminatorInput(images, labels)
    for block in blocks { x = block(x, mode) }
    // Only spectral normalization keeps features so small that their sum makes no logits of hundreds to begin with.
    let isSpectral = configuration.model.normalization == .spectral
    return head(isSpectral ? x.relu().sum(axes: [1, 2]) : x.relu().mean(axes: [1, 2]), labels, mode)
  }

  func visit(_ visitor: inout some StateVisitor) {
    for (index, block) in blocks.enumerated() { visitor.visit(block, "blocks.\(index)") }
    visitor.visit(head, "head")
  }

  /// Rectify, convolve, twice, then average pairs where it halves; beside it the input, through a 1 × 1 convolution where
  /// channels or size change. The first block does not rectify the image.
  private final class Block: Module {
    private let layers: Sequential
    private let shortcut: Conv2D?
    private let halves: Bool

    init(
      _ inputs: Int, _ width: Int, _ size: [Int], _ halves: Bool, isFirst: Bool, _ configuration: GANConfiguration,
      using random: inout Random
    ) {
      let normalization = configuration.model.normalization
      let isSpectral = normalization == .spectral
      self.halves = halves
      let before = isFirst ? [] : discriminatorNorm(size + [inputs], normalization) + [Activation.relu]
      layers = Sequential(
        before + [residualConvolution(inputs, width, isSpectral: isSpectral, using: &random)]
          + discriminatorNorm(size + [width], normalization)
          + [Activation.relu, residualConvolution(width, width, isSpectral: isSpectral, using: &random)])
      shortcut =
        halves || inputs != width
        ? Conv2D(
          inputs, width, kernel: [1], isSpectral: isSpectral, initialized: .xavierUniform(), using: &random) : nil
    }

    func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor {
      func pooled(_ x: Tensor) -> Tensor { halves ? x.averagePooled(size: [2, 2]) : x }
      // Averaging and a 1 × 1 convolution may change places: fewer pixels to convolve.
      let beside = pooled(x)
      return pooled(layers(x, mode)) + (shortcut.map { $0(beside, mode) } ?? beside)
    }

    func visit(_ visitor: inout some StateVisitor) {
      visitor.visit(layers, "layers")
      if let shortcut { visitor.visit(shortcut, "shortcut") }
    }
  }
}

private func residualConvolution(
  _ inputs: Int, _ outputs: Int, isSpectral: Bool, using random: inout Random
) -> Conv2D {
  Conv2D(
    inputs, outputs, kernel: [3], padding: [1], isSpectral: isSpectral,
    initialized: .xavierUniform(gain: Float(2).squareRoot()), using: &random)
}
