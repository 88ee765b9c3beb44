import MirageSupport
import MirageTensors

/// A normalization that can compute a leaky ReLU after it in the same pass.
protocol FusedNormalization: Layer {
  /// Normalizes, and applies a leaky ReLU with the given slope below 0, or none if the slope is 1.
  func normalized(_ x: consuming Tensor, _ mode: Mode, slope: Float) -> Tensor
}

extension FusedNormalization {
  /// Normalizes; the output has the shape of the input.
  public func callAsFunction(_ x: consuming Tensor, _ mode: Mode) -> Tensor { normalized(x, mode, slope: 1) }
}

/// Running mean and variance of each channel, for inference.
struct RunningStatistics: Module {
  private let mean, variance: Buffer
  private let batches = Buffer(Tensor(0))
  private let momentum, epsilon: Float

  init(_ channels: Int, momentum: Float, epsilon: Float) {
    (mean, variance) = (Buffer(.zeros([channels])), Buffer(.ones([channels])))
    (self.momentum, self.epsilon) = (momentum, epsilon)
  }

  /// Normalizes with the statistics of the batch in training, and updates the running ones; normalizes with the running
  /// statistics in inference.
  func normalized(
    _ x: consuming Tensor, scale: Tensor?, offset: Tensor?, _ mode: Mode, slope: Float
  ) -> Tensor {
    guard mode.isTraining else {
      return x.batchNormalized(
        mean: mean.value, variance: variance.value, scale: scale, offset: offset, epsilon: epsilon, slope: slope)
    }
    let count = Float(x.count / x.shape[x.rank - 1])
    let (output, batchMean, batchVariance) = x.batchNormalized(
      scale: scale, offset: offset, epsilon: epsilon, slope: slope)
    // The running variance is unbiased, as in PyTorch.
    let unbiased = batchVariance * (count / max(1, count - 1))
    mean.value = mean.value * (1 - momentum) + batchMean * momentum
    variance.value = variance.value * (1 - momentum) + unbiased * momentum
    batches.value = batches.value + 1
    return output
  }

  func visit(_ visitor: inout some StateVisitor) {
    visitor.visit(mean, "running_mean")
    visitor.visit(variance, "running_var")
    visitor.visit(batches, "num_batches_tracked")
  }
}

/// Batch normalization over all axes but the last, with a trained scale and offset per channel (Ioffe and Szegedy 2015).
public final class BatchNorm: FusedNormalization {
  let weight, bias: Parameter
  private let statistics: RunningStatistics

  /// Creates a layer with scale 1 and offset 0.
  ///
  /// - Parameters:
  ///   - channels: Number of channels.
  ///   - momentum: Weight of a new batch in the running statistics, 0 to 1. Defaults to 0.1.
  ///   - epsilon: Number added to the variance. Defaults to 1e-5.
  public init(_ channels: Int, momentum: Float = 0.1, epsilon: Float = 1e-5) {
    weight = Parameter(.ones([channels]))
    bias = Parameter(.zeros([channels]))
    statistics = RunningStatistics(channels, momentum: momentum, epsilon: epsilon)
  }

  func normalized(_ x: consuming Tensor, _ mode: Mode, slope: Float) -> Tensor {
    statistics.normalized(x, scale: weight(mode), offset: bias(mode), mode, slope: slope)
  }

  /// Visits `weight`, `bias`, `running_mean`, `running_var` and `num_batches_tracked`.
  public func visit(_ visitor: inout some StateVisitor) {
    visitor.visit(weight, "weight")
    visitor.visit(bias, "bias")
    statistics.visit(&visitor)
  }
}

/// Batch normalization with a trained scale and offset per class and channel (Dumoulin et al. 2017; de Vries et al. 2017).
public final class ConditionalBatchNorm: Module {
  private let embedding: Parameter
  private let statistics: RunningStatistics
  private let channels: Int

  /// Creates a layer with scale 1 and offset 0.
  ///
  /// - Parameters:
  ///   - channels: Number of channels.
  ///   - classes: Number of classes.
  ///   - momentum: Weight of a new batch in the running statistics, 0 to 1. Defaults to 0.1.
  ///   - epsilon: Number added to the variance. Defaults to 1e-5.
  public init(_ channels: Int, classes: Int, momentum: Float = 0.1, epsilon: Float = 1e-5) {
    self.channels = channels
    embedding = Parameter(concatenated([.ones([classes, channels]), .zeros([classes, channels])], axis: 1))
    statistics = RunningStatistics(channels, momentum: momentum, epsilon: epsilon)
  }

  /// Normalizes; the output has the shape of the input.
  ///
  /// - Parameters:
  ///   - x: Input, N × … × C.
  ///   - labels: Class of each sample.
  ///   - mode: Mode of the network.
  ///   - slope: Slope below 0 of a leaky ReLU that follows. Defaults to 1, for none.
  public func callAsFunction(_ x: Tensor, _ labels: [Int], _ mode: Mode, slope: Float = 1) -> Tensor {
    require(labels.count == x.shape[0], "ConditionalBatchNorm: \(labels.count) labels for \(x.shape)")
    return normalized(x, embedding(mode).gathered(labels, axis: 0), mode, slope)
  }

  /// The normalization with a mixture of the classes' scales and offsets for each sample.
  /// - Parameter weights: N × classes, the weight of each class.
  package func callAsFunction(_ x: Tensor, mixing weights: Tensor, _ mode: Mode, slope: Float = 1) -> Tensor {
    require(weights.shape[0] == x.shape[0], "ConditionalBatchNorm: weights of \(weights.shape) for \(x.shape)")
    return normalized(x, matmul(weights, embedding(mode)), mode, slope)
  }

  private func normalized(_ x: Tensor, _ chosen: Tensor, _ mode: Mode, _ slope: Float) -> Tensor {
    statistics.normalized(
      x, scale: chosen.sliced(axis: 1, 0..<channels), offset: chosen.sliced(axis: 1, channels..<2 * channels), mode,
      slope: slope)
  }

  /// Visits the running statistics as `bn`, and `embed.weight`, whose rows hold the scales and then the offsets of a class.
  public func visit(_ visitor: inout some StateVisitor) {
    visitor.visit(statistics, "bn")
    visitor.visit(embedding, "embed.weight")
  }
}

/// Instance normalization, of each channel of each sample over the spatial axes (Ulyanov et al. 2016).
public final class InstanceNorm: FusedNormalization {
  private let weight, bias: Parameter?
  private let epsilon: Float

  /// Creates a layer.
  ///
  /// - Parameters:
  ///   - channels: Number of channels.
  ///   - isAffine: Whether each channel has a trained scale and offset. Defaults to `false`.
  ///   - epsilon: Number added to the variance. Defaults to 1e-5.
  public init(_ channels: Int, isAffine: Bool = false, epsilon: Float = 1e-5) {
    weight = isAffine ? Parameter(.ones([channels])) : nil
    bias = isAffine ? Parameter(.zeros([channels])) : nil
    self.epsilon = epsilon
  }

  func normalized(_ x: consuming Tensor, _ mode: Mode, slope: Float) -> Tensor {
    x.instanceNormalized(
      scale: weight.map { $0(mode) }, offset: bias.map { $0(mode) }, epsilon: epsilon, slope: slope)
  }

  /// Visits `weight` and `bias`, if the layer has them.
  public func visit(_ visitor: inout some StateVisitor) {
    if let weight { visitor.visit(weight, "weight") }
    if let bias { visitor.visit(bias, "bias") }
  }
}

/// Layer normalization over the last axes, with a trained scale and offset of their shape (Ba et al. 2016).
///
/// State is channels last: for images, weights from PyTorch must be permuted from C × H × W to H × W × C.
public final class LayerNorm: Layer {
  private let weight, bias: Parameter
  private let epsilon: Float

  /// Creates a layer with scale 1 and offset 0.
  ///
  /// - Parameters:
  ///   - shape: Sizes of the last axes, over which to normalize.
  ///   - epsilon: Number added to the variance. Defaults to 1e-5.
  public init(_ shape: [Int], epsilon: Float = 1e-5) {
    (weight, bias) = (Parameter(.ones(shape)), Parameter(.zeros(shape)))
    self.epsilon = epsilon
  }

  /// Normalizes; the output has the shape of the input.
  public func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor {
    x.layerNormalized(axes: weight.value.rank, scale: weight(mode), offset: bias(mode), epsilon: epsilon)
  }

  /// Visits `weight` and `bias`.
  public func visit(_ visitor: inout some StateVisitor) {
    visitor.visit(weight, "weight")
    visitor.visit(bias, "bias")
  }
}
