import MirageNetworks
import MirageSupport
import MirageTensors

/// SNGAN's discriminator. Residual blocks halve the size to at most 8 pixels on the shorter side; then follow two more blocks,
/// the sum of the features over all pixels, or their mean without spectral normalization, and the head.
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
    while min(size[0], size[1]) > 8 { add(blocks.isEmpty ? configuration.discriminatorChannels : width, halves: true) }
    for _ in 0..<2 { add(width, halves: false) }
    self.blocks = blocks
    head = DiscriminatorHead(width, configuration, using: &random)
  }

  func callAsFunction(_ samples: Tensor, _ condition: Condition, _ mode: Mode) -> Prediction {
    var x = configuration.discriminatorInput(samples, condition)
    for block in blocks { x = block(x, mode) }
    // Without spectral normalization, a sum of features would give logits of hundreds at the beginning.
    let isSpectral = configuration.model.normalization == .spectral
    return head(isSpectral ? x.relu().sum(axes: [1, 2]) : x.relu().mean(axes: [1, 2]), condition, mode)
  }

  func visit(_ visitor: inout some StateVisitor) {
    for (index, block) in blocks.enumerated() { visitor.visit(block, "blocks.\(index)") }
    visitor.visit(head, "head")
  }

  /// Rectifier and convolution twice, then average pooling if the block halves the size; added to the input, which passes a
  /// 1 × 1 convolution if channels or size change. The first block does not rectify the image.
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
        before + [ResidualFamily.convolution(inputs, width, isSpectral: isSpectral, using: &random)]
          + discriminatorNorm(size + [width], normalization)
          + [Activation.relu, ResidualFamily.convolution(width, width, isSpectral: isSpectral, using: &random)])
      shortcut =
        halves || inputs != width
        ? Conv2D(
          inputs, width, kernel: [1], isSpectral: isSpectral, initialized: .xavierUniform(), using: &random) : nil
    }

    func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor {
      func pooled(_ x: Tensor) -> Tensor { halves ? x.averagePooled(size: [2, 2]) : x }
      // Averaging commutes with a 1 × 1 convolution, which is cheaper after it.
      let beside = pooled(x)
      return pooled(layers(x, mode)) + (shortcut.map { $0(beside, mode) } ?? beside)
    }

    func visit(_ visitor: inout some StateVisitor) {
      visitor.visit(layers, "layers")
      if let shortcut { visitor.visit(shortcut, "shortcut") }
    }
  }
}
