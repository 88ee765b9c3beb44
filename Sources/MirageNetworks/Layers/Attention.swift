import MirageSupport
import MirageTensors

/// Self-attention over the positions of N × H × W × C images (Zhang et al. 2019, SAGAN): x + gamma · attention(x), where
/// gamma is initially 0. Queries and keys have C/8 channels, values C.
public final class SelfAttention: Layer {
  private let query, key, value: Conv2D
  private let gamma = Parameter(.zeros([1]))

  /// Creates a layer with random weights.
  ///
  /// - Parameters:
  ///   - channels: Number of channels of the input and output, at least 8.
  ///   - isSpectral: Whether the weights are spectrally normalized. Defaults to `false`.
  ///   - random: Source of the initial weights.
  public init(_ channels: Int, isSpectral: Bool = false, using random: inout Random) {
    require(channels >= 8, "SelfAttention: \(channels) channels, at least 8 are needed")
    func projection(_ outputs: Int) -> Conv2D {
      Conv2D(channels, outputs, kernel: [1], isSpectral: isSpectral, using: &random)
    }
    (query, key, value) = (projection(channels / 8), projection(channels / 8), projection(channels))
  }

  /// Computes the output, of the shape of the input.
  public func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor {
    func positions(_ projected: Tensor) -> Tensor { projected.reshaped([x.shape[0], -1, projected.shape[3]]) }
    let attention = matmul(positions(query(x, mode)), positions(key(x, mode)), transposeB: true).softmax()
    let attended = matmul(attention, positions(value(x, mode))).reshaped(x.shape)
    return attended * gamma(mode) + x
  }

  /// Visits the convolutions `query`, `key` and `value`, and `gamma`.
  public func visit(_ visitor: inout some StateVisitor) {
    visitor.visit(query, "query")
    visitor.visit(key, "key")
    visitor.visit(value, "value")
    visitor.visit(gamma, "gamma")
  }
}

/// Layer that adds a channel with the standard deviation over a group of samples, averaged over positions and channels
/// (Karras et al. 2018), so that a discriminator recognizes samples without variety.
public struct MinibatchStandardDeviation: StatelessLayer {
  private let groupSize: Int

  /// Creates a layer.
  ///
  /// - Parameter groupSize: Number of samples per group, at least 1. Defaults to 4. If it does not divide the batch, the whole
  ///   batch is a group.
  public init(groupSize: Int = 4) {
    require(groupSize > 0, "MinibatchStandardDeviation: groups of \(groupSize)")
    self.groupSize = groupSize
  }

  /// Computes the output, with one channel more than the input.
  public func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor {
    let batch = x.shape[0]
    let group = batch % groupSize == 0 ? min(groupSize, batch) : batch
    let inner = Array(x.shape.dropFirst())
    // In a batch of G · M samples, samples m, m + M, m + 2M, … are a group, as in the published code.
    let grouped = x.reshaped([group, batch / group, -1])
    let deviation = (grouped.variance(axes: [0]) + 1e-8).sqrt().mean(axes: [1])
    let ones = [Int](repeating: 1, count: inner.count)
    let spread = deviation.reshaped([1, batch / group] + ones)
      .broadcast(to: [group, batch / group] + inner.dropLast() + [1])
      .reshaped([batch] + inner.dropLast() + [1])
    return concatenated([x, spread], axis: x.rank - 1)
  }
}
