import MirageSupport
import MirageTensors

/// A normalization that can have a rectifier computed in the same pass.
protocol FusedNormalization: Layer {
  /// - Parameter slope: below 0, of the rectifier behind; 1 for none.
  func normalized(_ x: consuming Tensor, _ mode: Mode, slope: Float) -> Tensor
}

extension FusedNormalization {
  public func callAsFunction(_ x: consuming Tensor, _ mode: Mode) -> Tensor { normalized(x, mode, slope: 1) }
}

/// Running mean and variance of each channel, which inference normalizes with.
struct RunningStatistics: Module {
  private let mean, variance: Buffer
  private let batches = Buffer(Tensor(0))
  private let momentum, epsilon: Float

  init(_ channels: Int, momentum: Float, epsilon: Float) {
    (mean, variance) = (Buffer(.zeros([channels])), Buffer(.ones([channels])))
    (self.momentum, self.epsilon) = (momentum, epsilon)
  }

  /// Normalized by the batch's statistics in training, where the running ones follow; by those in inference.
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
    // The running variance is the unbiased one, as in PyTorch.
    let unbiased = batchVariance * (count / max(1, count - 1))
    mean.value = mean.value * (1 - momentum) + batchMean * momentum
    variance.value = variance.value * (1 - momentum) + unbiased * momentum
    batches.value = batches.value + 1
    return output
  }

  public func visit(_ visitor: inout some StateVisitor) {
    visitor.visit(mean, "running_mean")
    visitor.visit(variance, "running_var")
    visitor.visit(batches, "num_batches_tracked")
  }
}

/// Batch normalization over all axes but the last, with a scale and offset for each channel.
public final class BatchNorm: FusedNormalization {
  let weight, bias: Parameter
  private let statistics: RunningStatistics

  /// - Parameter momentum: the part of a new batch's statistics in the running ones.
  public init(_ channels: Int, momentum: Float = 0.1, epsilon: Float = 1e-5) {
    weight = Parameter(.ones([channels]))
    bias = Parameter(.zeros([channels]))
    statistics = RunningStatistics(channels, momentum: momentum, epsilon: epsilon)
  }

  func normalized(_ x: consuming Tensor, _ mode: Mode, slope: Float) -> Tensor {
    statistics.normalized(x, scale: weight(mode), offset: bias(mode), mode, slope: slope)
  }

  public func visit(_ visitor: inout some StateVisitor) {
    visitor.visit(weight, "weight")
    visitor.visit(bias, "bias")
    statistics.visit(&visitor)
  }
}

/// Batch normalization whose scale and offset depend on each sample's class (Dumoulin et al. 2017; de Vries et al. 2017).
/// State: the inner normalization under `bn`, without parameters; one `embed` whose rows hold scales, then offsets.
public final class ConditionalBatchNorm: Module {
  private let embedding: Parameter
  private let statistics: RunningStatistics
  private let channels: Int

  /// - Parameter momentum: the part of a new batch's statistics in the running ones.
  public init(_ channels: Int, classes: Int, momentum: Float = 0.1, epsilon: Float = 1e-5) {
    self.channels = channels
    embedding = Parameter(concatenated([.ones([classes, channels]), .zeros([classes, channels])], axis: 1))
    statistics = RunningStatistics(channels, momentum: momentum, epsilon: epsilon)
  }

  /// - Parameters:
  ///   - labels: a class for each sample.
  ///   - slope: below 0, of a rectifier behind; 1 for none.
  public func callAsFunction(_ x: Tensor, _ labels: [Int], _ mode: Mode, slope: Float = 1) -> Tensor {
    require(labels.count == x.shape[0], "ConditionalBatchNorm: \(labels.count) labels for \(x.shape)")
    let chosen = embedding(mode).gathered(labels, axis: 0)
    return statistics.normalized(
      x, scale: chosen.sliced(axis: 1, 0..<channels), offset: chosen.sliced(axis: 1, channels..<2 * channels), mode,
      slope: slope)
  }

  public func visit(_ visitor: inout some StateVisitor) {
    visitor.visit(statistics, "bn")
    visitor.visit(embedding, "embed.weight")
  }
}

/// Instance normalization: each channel of each sample over the spatial axes.
public final class InstanceNorm: FusedNormalization {
  private let weight, bias: Parameter?
  private let epsilon: Float

  /// - Parameter isAffine: whether there are a scale and an offset for each channel.
  public init(_ channels: Int, isAffine: Bool = false, epsilon: Float = 1e-5) {
    weight = isAffine ? Parameter(.ones([channels])) : nil
    bias = isAffine ? Parameter(.zeros([channels])) : nil
    self.epsilon = epsilon
  }

  func normalized(_ x: consuming Tensor, _ mode: Mode, slope: Float) -> Tensor {
    x.instanceNormalized(
      scale: weight.map { $0(mode) }, offset: bias.map { $0(mode) }, epsilon: epsilon, slope: slope)
  }

  public func visit(_ visitor: inout some StateVisitor) {
    if let weight { visitor.visit(weight, "weight") }
    if let bias { visitor.visit(bias, "bias") }
  }
}

/// Layer normalization over the last axes, with a scale and offset of their shape.
///
/// The shape of the state is ours: channels last. For images, PyTorch's C × H × W has to be permuted.
public final class LayerNorm: Layer {
  private let weight, bias: Parameter
  private let epsilon: Float

  /// - Parameter shape: the sizes of the axes that are normalized over.
  public init(_ shape: [Int], epsilon: Float = 1e-5) {
    (weight, bias) = (Parameter(.ones(shape)), Parameter(.zeros(shape)))
    self.epsilon = epsilon
  }

  public func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor {
    x.layerNormalized(axes: weight.value.rank, scale: weight(mode), offset: bias(mode), epsilon: epsilon)
  }

  public func visit(_ visitor: inout some StateVisitor) {
    visitor.visit(weight, "weight")
    visitor.visit(bias, "bias")
  }
}
