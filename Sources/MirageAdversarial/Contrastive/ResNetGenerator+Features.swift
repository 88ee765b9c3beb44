import MirageNetworks
import MirageTensors

/// Features of the encoder, which contrastive learning compares at patches.
///
/// CUT (Park et al. 2020) takes layers 0, 4, 8, 12 and 16 of its anti-aliased generator with 9 blocks: the padded image,
/// the two convolutions that make channels double, and the first and fifth block. Here they are the padded image, the
/// outputs of the two convolutions that halve the size, and of the first and the middle block.
extension ResNetGenerator {
  /// Index of the first residual block.
  private static let firstBlock = 10

  /// Layers whose outputs are compared, in ascending order: 3, 4 or 5 of them for 0, 1 or 2, and more blocks.
  package static func featureLayers(blocks: Int) -> [Int] {
    let chosen = blocks == 0 ? [] : [1, max(min(blocks, 2), (blocks + 1) / 2)]
    return [0, 4, 7] + Set(chosen).sorted().map { firstBlock + $0 - 1 }
  }

  /// Channels of the feature layers' outputs.
  package static func featureChannels(blocks: Int, filters: Int, inputs: Int) -> [Int] {
    featureLayers(blocks: blocks).map { $0 == 0 ? inputs : $0 == 4 ? 2 * filters : 4 * filters }
  }

  /// Translates images, and hands the outputs of ascending layers to `observe` on the way, with their place in the list.
  package func callAsFunction(
    _ images: consuming Tensor, _ mode: Mode, observing layers: [Int], _ observe: (Int, Tensor) -> Void
  ) -> Tensor {
    let last = layers.last.map { $0 + 1 } ?? 0
    let x = encoded(images, mode, observing: layers, observe)
    return model(x, mode, layers: last..<model.layers.count)
  }

  /// Computes only as many layers as are observed, which are ascending.
  package func encode(
    _ images: consuming Tensor, _ mode: Mode, observing layers: [Int], _ observe: (Int, Tensor) -> Void
  ) {
    _ = encoded(images, mode, observing: layers, observe)
  }

  private func encoded(
    _ images: consuming Tensor, _ mode: Mode, observing layers: [Int], _ observe: (Int, Tensor) -> Void
  ) -> Tensor {
    var (x, done) = (images, 0)
    for (place, layer) in layers.enumerated() {
      x = model(consume x, mode, layers: done..<layer + 1)
      done = layer + 1
      observe(place, x)
    }
    return x
  }
}
