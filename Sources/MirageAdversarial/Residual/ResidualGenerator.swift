import MirageNetworks
import MirageSupport
import MirageTensors

/// SNGAN's generator (Miyato et al. 2018). A linear layer turns latents into features of the smallest size; residual blocks
/// of equal width double the size, up to the image.
final class ResidualGenerator: Generator {
  private let configuration: GANConfiguration
  private let project: Linear
  private let unflatten: Unflatten
  private let blocks: [Block]
  private let norm: GeneratorNorm
  private let out: Conv2D

  init(_ configuration: GANConfiguration, using random: inout Random) {
    self.configuration = configuration
    let pyramid = configuration.pyramid
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

  func callAsFunction(_ latents: Tensor, _ condition: Condition, _ mode: Mode) -> Tensor {
    var x = unflatten(project(configuration.generatorInput(latents, condition), mode), mode)
    for block in blocks { x = block(x, condition, mode) }
    return out(norm(x, condition, mode), mode).tanh()
  }

  func visit(_ visitor: inout some StateVisitor) {
    visitor.visit(project, "project")
    for (index, block) in blocks.enumerated() { visitor.visit(block, "blocks.\(index)") }
    visitor.visit(norm, "norm")
    visitor.visit(out, "out")
  }

  /// Normalization, rectifier, doubling, convolution, normalization, rectifier, convolution; added to the doubled input.
  private final class Block: Module {
    private let norms: [GeneratorNorm]
    private let convolutions: [Conv2D]

    init(_ width: Int, _ configuration: GANConfiguration, using random: inout Random) {
      norms = (0..<2).map { _ in GeneratorNorm(width, configuration) }
      convolutions = (0..<2).map { _ in ResidualFamily.convolution(width, width, isSpectral: false, using: &random) }
    }

    func callAsFunction(_ x: Tensor, _ condition: Condition, _ mode: Mode) -> Tensor {
      let doubled = norms[0](x, condition, mode).upsampled(by: 2)
      let inner = norms[1](convolutions[0](doubled, mode), condition, mode)
      return convolutions[1](inner, mode) + x.upsampled(by: 2)
    }

    func visit(_ visitor: inout some StateVisitor) {
      for (index, norm) in norms.enumerated() { visitor.visit(norm, "norms.\(index)") }
      for (index, convolution) in convolutions.enumerated() { visitor.visit(convolution, "convolutions.\(index)") }
    }
  }
}
