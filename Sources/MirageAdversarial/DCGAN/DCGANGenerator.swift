import MirageNetworks
import MirageSupport
import MirageTensors

/// DCGAN's generator (Radford et al. 2016). A linear layer turns latents into features of the smallest size; transposed
/// convolutions double the size and halve the number of channels, up to the image.
final class DCGANGenerator: Generator {
  private let configuration: GANConfiguration
  private let project: Linear
  private let unflatten: Unflatten
  private let ups: [ConvTranspose2D]
  private let norms: [GeneratorNorm]
  private let out: any Layer

  init(_ configuration: GANConfiguration, using random: inout Random) {
    self.configuration = configuration
    let pyramid = configuration.pyramid
    let endsTransposed = configuration.model.output == .transposed
    let doublings = pyramid.doublings - (endsTransposed ? 1 : 0)
    let widths = (0...doublings).reversed().map {
      min(DCGANFamily.widestLayer, configuration.model.generatorWidth << $0)
    }
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

  func callAsFunction(_ latents: Tensor, _ condition: Condition, _ mode: Mode) -> Tensor {
    var x = project(configuration.generatorInput(latents, condition), mode)
    x = norms[0](unflatten(x, mode), condition, mode)
    for (up, norm) in zip(ups, norms.dropFirst()) { x = norm(up(x, mode), condition, mode) }
    return out(x, mode).tanh()
  }

  func visit(_ visitor: inout some StateVisitor) {
    visitor.visit(project, "project")
    for (index, norm) in norms.enumerated() { visitor.visit(norm, "norms.\(index)") }
    for (index, up) in ups.enumerated() { visitor.visit(up, "ups.\(index)") }
    visitor.visit(out, "out")
  }
}
