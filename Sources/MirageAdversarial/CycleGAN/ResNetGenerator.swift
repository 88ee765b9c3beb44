import MirageNetworks
import MirageSupport
import MirageTensors

/// CycleGAN's generator (Zhu et al. 2017, after Johnson et al. 2016): an encoder that halves the size twice, residual
/// blocks, and transposed convolutions that double it twice.
///
/// Maps N × H × W × `inputs` images in -1 ... 1 to N × H × W × `outputs` images in -1 ... 1. H and W are multiples of 4 and
/// at least 8. Each convolution but the last is followed by instance normalization without parameters, so that training
/// and inference compute the same. The state has the names of the CycleGAN repository's state dicts: `model.1.weight`,
/// `model.10.conv_block.1.weight`.
package final class ResNetGenerator: Layer {
  let model: Sequential

  /// Creates a generator with normal weights of deviation 0.02 and biases of 0, as published.
  ///
  /// - Parameters:
  ///   - blocks: Number of residual blocks. As published: 6 for images of 128 × 128, 9 for 256 × 256 and above.
  ///   - filters: Channels of the first convolution; the blocks have four times as many.
  ///   - inputs: Channels of the input images.
  ///   - outputs: Channels of the output images.
  ///   - random: Source of the initial weights.
  package init(
    blocks: Int = 9, filters: Int = 64, inputs: Int = 3, outputs: Int = 3, using random: inout Random
  ) {
    let wide = 4 * filters
    func convolution(_ inputs: Int, _ outputs: Int, _ kernel: Int, stride: Int = 1, padding: Int = 0) -> Conv2D {
      Conv2D(
        inputs, outputs, kernel: [kernel], stride: [stride], padding: [padding], initialized: .normal(), using: &random)
    }
    func up(_ inputs: Int, _ outputs: Int) -> ConvTranspose2D {
      ConvTranspose2D(
        inputs, outputs, kernel: [3], stride: [2], padding: [1], outputPadding: [1], initialized: .normal(),
        using: &random)
    }
    func normalized(_ layer: any Layer, _ channels: Int) -> [any Layer] {
      [layer, InstanceNorm(channels), Activation.relu]
    }
    func block() -> any Layer {
      let first = [ReflectionPad2D(1)] + normalized(convolution(wide, wide, 3), wide)
      let second: [any Layer] = [ReflectionPad2D(1), convolution(wide, wide, 3), InstanceNorm(wide)]
      return ResidualBlock(Sequential(first + second), name: "conv_block")
    }
    var layers: [any Layer] = [ReflectionPad2D(3)] + normalized(convolution(inputs, filters, 7), filters)
    layers += normalized(convolution(filters, 2 * filters, 3, stride: 2, padding: 1), 2 * filters)
    layers += normalized(convolution(2 * filters, wide, 3, stride: 2, padding: 1), wide)
    for _ in 0..<blocks { layers.append(block()) }
    layers += normalized(up(wide, 2 * filters), 2 * filters)
    layers += normalized(up(2 * filters, filters), filters)
    layers += [ReflectionPad2D(3), convolution(filters, outputs, 7), Activation.tanh]
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
