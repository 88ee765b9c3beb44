import CKernels

/// Elements that share a mean and a variance: those of a channel in the batch, or in a sample.
enum StatisticsScope: Sendable { case batch, sample }

extension Tensor {
  /// Normalizes each channel, which is the last axis, over all other axes (batch normalization, Ioffe and Szegedy 2015).
  ///
  /// - Parameters:
  ///   - scale: Factor after normalization, C, or N × C for conditional normalization. Defaults to 1.
  ///   - offset: Summand after normalization, C or N × C. Defaults to 0.
  ///   - epsilon: Number added to the variance. Defaults to 1e-5.
  ///   - slope: Slope below 0 of a leaky ReLU that follows, computed in the same pass. Defaults to 1, for none.
  /// - Returns: The result, and the mean and biased variance of each channel, which are not recorded.
  package consuming func batchNormalized(
    scale: Tensor? = nil, offset: Tensor? = nil, epsilon: Float = 1e-5, slope: Float = 1
  ) -> (output: Tensor, mean: Tensor, variance: Tensor) {
    require(rank >= 2 && count > 0, "batchNormalized: \(shape)")
    return normalized(.batch, scale: scale, offset: offset, epsilon: epsilon, slope: slope)
  }

  /// Normalizes with given statistics, as in inference.
  ///
  /// - Parameters:
  ///   - mean: Mean of each channel, a constant.
  ///   - variance: Variance of each channel, a constant.
  ///   - scale: Factor after normalization, C or N × C. Defaults to 1.
  ///   - offset: Summand after normalization, C or N × C. Defaults to 0.
  ///   - epsilon: Number added to the variance. Defaults to 1e-5.
  ///   - slope: Slope below 0 of a leaky ReLU that follows. Defaults to 1, for none.
  package consuming func batchNormalized(
    mean: Tensor, variance: Tensor, scale: Tensor? = nil, offset: Tensor? = nil, epsilon: Float = 1e-5,
    slope: Float = 1
  ) -> Tensor {
    let channels = shape.last ?? 0
    require(
      rank >= 2 && mean.shape == [channels] && variance.shape == [channels],
      "batchNormalized: \(shape) with a mean of \(mean.shape) and a variance of \(variance.shape)")
    checkParameters(scale, offset)
    let isRecorded = isTracked || scale?.isTracked ?? false || offset?.isTracked ?? false
    if isRecorded || count == 0 {
      let standard = (self - mean.detached()) / (variance.detached() + epsilon).sqrt()
      return standard.scaled(scale ?? .ones([channels]), offset ?? .zeros([channels]), slope: slope)
    }
    let moments = Moments(mean: mean, variance: variance, for: shape, epsilon: epsilon)
    return moments.applied(moments.maps(scale: scale, offset: offset), to: self, slope: slope)
  }

  /// Normalizes each channel of each sample over the spatial axes (instance normalization, Ulyanov et al. 2016). Parameters
  /// are those of `batchNormalized`.
  package consuming func instanceNormalized(
    scale: Tensor? = nil, offset: Tensor? = nil, epsilon: Float = 1e-5, slope: Float = 1
  ) -> Tensor {
    require(rank >= 3 && count > 0, "instanceNormalized: \(shape)")
    return normalized(.sample, scale: scale, offset: offset, epsilon: epsilon, slope: slope).output
  }

  private consuming func normalized(
    _ scope: StatisticsScope, scale: Tensor?, offset: Tensor?, epsilon: Float, slope: Float
  ) -> (output: Tensor, mean: Tensor, variance: Tensor) {
    let channels = shape[rank - 1]
    checkParameters(scale, offset)
    let moments = Moments(of: copy self, scope, epsilon: epsilon)
    let maps = moments.maps(scale: scale, offset: offset)
    let isRecorded = isTracked || scale?.isTracked ?? false || offset?.isTracked ?? false
    let inputs = isRecorded ? [copy self, scale ?? .ones([channels]), offset ?? .zeros([channels])] : []
    let result = moments.applied(maps, to: self, slope: slope)
    let output = result.recorded("normalization", inputs, saving: [0, 1, 2]) { gradient, record in
      if record.isDifferentiable {
        return gradientsThrough(gradient, record, inputs: 3) { inputs in
          inputs[0].composedNormalization(
            scope, scale: inputs[1], offset: inputs[2], epsilon: epsilon, slope: slope)
        }
      }
      return Profile.counted("normalization, gradient") { moments.gradients(gradient, record, slope: slope) }
    }
    return (output, moments.mean, moments.variance)
  }

  /// Normalizes by the definition, with recorded operations.
  private func composedNormalization(
    _ scope: StatisticsScope, scale: Tensor, offset: Tensor, epsilon: Float, slope: Float
  ) -> Tensor {
    let axes = Array((scope == .batch ? 0 : 1)..<rank - 1)
    let centered = self - mean(axes: axes, keepingDimensions: true)
    let deviation = (centered.square().mean(axes: axes, keepingDimensions: true) + epsilon).sqrt()
    return (centered / deviation).scaled(scale, offset, slope: slope)
  }

  /// Applies scale, offset and leaky ReLU, with recorded operations.
  private func scaled(_ scale: Tensor, _ offset: Tensor, slope: Float) -> Tensor {
    func spread(_ parameter: Tensor) -> Tensor {
      guard parameter.rank == 2 else { return parameter }
      return parameter.reshaped([shape[0]] + [Int](repeating: 1, count: rank - 2) + [shape[rank - 1]])
    }
    let result = self * spread(scale) + spread(offset)
    return slope == 1 ? result : result.leakyReLU(slope)
  }

  private func checkParameters(_ scale: Tensor?, _ offset: Tensor?) {
    for parameter in [scale, offset].compactMap({ $0 }) {
      require(
        parameter.shape == [shape[rank - 1]] || parameter.shape == [shape[0], shape[rank - 1]],
        "normalization of \(shape) with a scale or offset of \(parameter.shape)")
    }
  }
}
