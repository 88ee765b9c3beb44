import MirageNetworks
import MirageSupport
import MirageTensors

/// The U-Net of pix2pix (Isola et al. 2017, after Ronneberger et al. 2015): convolutions halve the size down to a few pixels,
/// transposed convolutions double it again, and each of these also gets the features of its size from the way down.
///
/// Maps N × H × W × `inputs` images in -1 ... 1 to N × H × W × `outputs` images in -1 ... 1. H and W are multiples of
/// 2^`downs`. The state has the names of the CycleGAN repository's state dicts: `model.model.0.weight` on the outermost
/// level, `model.model.1.model.1.weight` on the next, `model.model.1.model.3.model.1.weight` and so on within.
package final class UNetGenerator: Layer {
  /// Numbers of levels that can be built.
  package static let depths = 2...8

  private let model: UNetLevel
  private let downs: Int

  /// Creates a generator with normal weights of deviation 0.02 and biases of 0, as published.
  ///
  /// - Parameters:
  ///   - downs: Number of levels, each of which halves the size: 2 to 8. As published: 7 for images of 128 × 128, 8 for
  ///     256 × 256.
  ///   - filters: Channels of the outermost level; each further one doubles them, up to eight times the first.
  ///   - inputs: Channels of the input images.
  ///   - outputs: Channels of the output images.
  ///   - normalization: Normalization on all levels, except on the outermost and on the way down to the innermost. Defaults
  ///     to `batch`, pix2pix's.
  ///   - hasDropout: Whether training sets half of the features to 0 on the way up from the innermost levels, those that
  ///     have eight times the first's channels around them. Defaults to `false`.
  ///   - startsAtZero: Whether the last convolution begins with zeros, and so the output. Defaults to `false`.
  ///   - random: Source of the initial weights.
  package init(
    downs: Int = 8, filters: Int = 64, inputs: Int = 3, outputs: Int = 3, normalization: ImageNormalization = .batch,
    hasDropout: Bool = false, startsAtZero: Bool = false, using random: inout Random
  ) {
    require(Self.depths.contains(downs), "UNetGenerator: \(downs) levels, from 2 to 8 can be built")
    func width(_ level: Int) -> Int { filters * min(1 << level, 8) }
    func normalized(_ channels: Int) -> any Layer { normalization.layer(channels, using: &random) }
    func level(_ level: Int, around inner: UNetLevel?) -> UNetLevel {
      let isOutermost = level == 0
      let (outside, inside) = (isOutermost ? outputs : width(level - 1), width(level))
      let down = Conv2D(
        isOutermost ? inputs : outside, inside, kernel: [4], stride: [2], padding: [1], hasBias: normalization.hasBias,
        initialized: .normal(), using: &random)
      let up = ConvTranspose2D(
        inner == nil ? inside : 2 * inside, outside, kernel: [4], stride: [2], padding: [1],
        hasBias: isOutermost || normalization.hasBias,
        initialized: .normal(isOutermost && startsAtZero ? 0 : 0.02), using: &random)
      var layers: [any Layer] = isOutermost ? [down] : [Activation.leakyReLU(0.2), down]
      if let inner { layers += isOutermost ? [inner] : [normalized(inside), inner] }
      layers += [Activation.relu, up]
      layers += isOutermost ? [Activation.tanh] : [normalized(outside)]
      if hasDropout && inner != nil && level >= 4 { layers.append(Dropout(0.5)) }
      return UNetLevel(Sequential(layers), isOutermost: isOutermost)
    }
    model = (0..<downs - 1).reversed().reduce(level(downs - 1, around: nil)) { level($1, around: $0) }
    self.downs = downs
  }

  package func callAsFunction(_ images: consuming Tensor, _ mode: Mode) -> Tensor {
    let (shape, factor) = (images.shape, 1 << downs)
    require(
      shape.count == 4 && shape[1...2].allSatisfy { $0 > 0 && $0 % factor == 0 },
      "UNetGenerator: images of \(shape), whose height and width are not multiples of \(factor)")
    return model(images, mode)
  }

  package func visit(_ visitor: inout some StateVisitor) { visitor.visit(model, "model") }
}

/// A level of a U-Net with all levels within: its layers' output, after the input itself unless it is the outermost one.
private final class UNetLevel: Layer {
  private let model: Sequential
  private let isOutermost: Bool

  init(_ model: Sequential, isOutermost: Bool) { (self.model, self.isOutermost) = (model, isOutermost) }

  func callAsFunction(_ x: consuming Tensor, _ mode: Mode) -> Tensor {
    guard !isOutermost else { return model(x, mode) }
    let input = x
    return concatenated([input, model(input, mode)], axis: 3)
  }

  func visit(_ visitor: inout some StateVisitor) { visitor.visit(model, "model") }
}
