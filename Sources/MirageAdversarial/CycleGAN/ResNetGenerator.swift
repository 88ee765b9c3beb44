import MirageNetworks
import MirageSupport
import MirageTensors

/// CycleGAN's generator (Zhu et al. 2017, after Johnson et al. 2016): an encoder that halves the size twice, residual
/// blocks, and layers that double it twice.
///
/// Maps N × H × W × `inputs` images in -1 ... 1 to N × H × W × `outputs` images in -1 ... 1. H and W are multiples of 4 and
/// at least 8. Each convolution but the last is followed by a normalization. The state has the names of the CycleGAN
/// repository's state dicts: `model.1.weight`, `model.10.conv_block.1.weight`.
package final class ResNetGenerator: Layer {
  let model: Sequential

  /// Creates a generator with normal weights of deviation 0.02 and biases of 0, as published.
  ///
  /// - Parameters:
  ///   - blocks: Number of residual blocks. As published: 6 for images of 128 × 128, 9 for 256 × 256 and above.
  ///   - filters: Channels of the first convolution; the blocks have four times as many.
  ///   - inputs: Channels of the input images.
  ///   - outputs: Channels of the output images.
  ///   - normalization: Normalization after each convolution but the last. Defaults to `instance`.
  ///   - hasDropout: Whether training sets half of the features in the middle of each block to 0. Defaults to `false`.
  ///   - upsampling: Layers that double the size. Defaults to `transposed`.
  ///   - startsAtZero: Whether the last convolution begins with zeros, and so the output. Defaults to `false`.
  ///   - random: Source of the initial weights.
  package init(
    blocks: Int = 9, filters: Int = 64, inputs: Int = 3, outputs: Int = 3,
    normalization: ImageNormalization = .instance, hasDropout: Bool = false, upsampling: ImageUpsampling = .transposed,
    startsAtZero: Bool = false, using random: inout Random
  ) {
    let wide = 4 * filters
    func convolution(
      _ inputs: Int, _ outputs: Int, _ kernel: Int, stride: Int = 1, padding: Int = 0, hasBias: Bool? = nil,
      deviation: Float = 0.02
    ) -> Conv2D {
      Conv2D(
        inputs, outputs, kernel: [kernel], stride: [stride], padding: [padding],
        hasBias: hasBias ?? normalization.hasBias, initialized: .normal(deviation), using: &random)
    }
    func normalized(_ layer: any Layer, _ channels: Int) -> [any Layer] {
      [layer, normalization.layer(channels, using: &random), Activation.relu]
    }
    func up(_ inputs: Int, _ outputs: Int) -> [any Layer] {
      switch upsampling {
      case .transposed:
        let layer = ConvTranspose2D(
          inputs, outputs, kernel: [3], stride: [2], padding: [1], outputPadding: [1], hasBias: normalization.hasBias,
          initialized: .normal(), using: &random)
        return normalized(layer, outputs)
      case .resize:
        return [Upsample(by: 2), ReflectionPad2D(1)] + normalized(convolution(inputs, outputs, 3), outputs)
      }
    }
    func block() -> any Layer {
      let first: [any Layer] = [ReflectionPad2D(1)] + normalized(convolution(wide, wide, 3), wide)
      let dropout: [any Layer] = hasDropout ? [Dropout(0.5)] : []
      let second = [ReflectionPad2D(1)] + normalized(convolution(wide, wide, 3), wide).dropLast()
      return ResidualBlock(Sequential(first + dropout + second), name: "conv_block")
    }
    var layers: [any Layer] = [ReflectionPad2D(3)] + normalized(convolution(inputs, filters, 7), filters)
    layers += normalized(convolution(filters, 2 * filters, 3, stride: 2, padding: 1), 2 * filters)
    layers += normalized(convolution(2 * filters, wide, 3, stride: 2, padding: 1), wide)
    for _ in 0..<blocks { layers.append(block()) }
    layers += up(wide, 2 * filters) + up(2 * filters, filters)
    let last = convolution(filters, outputs, 7, hasBias: true, deviation: startsAtZero ? 0 : 0.02)
    layers += [ReflectionPad2D(3), last, Activation.tanh]
    model = Sequential(layers)
  }

  package func callAsFunction(_ images: consuming Tensor, _ mode: Mode) -> Tensor {
    let shape = images.shape
    require(
      shape.count == 4 && shape[1...2].allSatisfy { $0 >= 8 && $0 % 4 == 0 },
      "ResNetGenerator: images of \(shape), whose height and width are not multiples of 4 from 8 up")
    return model(images, mode)
  }

  package func visit(_ visitor: inout some StateVisitor) { visitor.visit(model, "model") }
}
