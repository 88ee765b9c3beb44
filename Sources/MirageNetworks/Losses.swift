import MirageTensors

/// Loss functions. Each returns a recorded scalar, averaged over the batch.
public enum Losses {
  /// Computes the binary cross-entropy of logits x with targets t in 0 ... 1, of the same shape: the mean of
  /// log(1 + eˣ) - x t, which does not overflow.
  public static func binaryCrossEntropy(logits: Tensor, targets: Tensor) -> Tensor {
    require(logits.shape == targets.shape, "binaryCrossEntropy: \(logits.shape) and \(targets.shape)")
    return (logits.softplus() - logits * targets).mean()
  }

  /// Computes the binary cross-entropy of logits with one target for all, in 0 ... 1.
  public static func binaryCrossEntropy(logits: Tensor, target: Float) -> Tensor {
    (logits.softplus() - logits * target).mean()
  }

  /// Computes the cross-entropy of N × K logits with N class indices.
  ///
  /// - Parameter weights: weight of each class; the loss is then the weighted mean. All are equal by default.
  public static func crossEntropy(logits: Tensor, labels: [Int], weights: [Float]? = nil) -> Tensor {
    require(logits.rank == 2, "crossEntropy: logits of \(logits.shape)")
    let (count, classes) = (logits.shape[0], logits.shape[1])
    require(
      labels.count == count && labels.allSatisfy { (0..<classes).contains($0) },
      "crossEntropy: \(labels.count) labels for logits of \(logits.shape)")
    let chosen = logits.logSoftmax().reshaped([-1])
      .gathered(labels.enumerated().map { $0 * classes + $1 }, axis: 0)
    guard let weights else { return -chosen.mean() }
    require(weights.count == classes, "crossEntropy: \(weights.count) weights for logits of \(logits.shape)")
    let own = labels.map { weights[$0] }
    return (chosen * Tensor(own, shape: [count])).sum() * (-1 / max(own.reduce(0, +), .leastNormalMagnitude))
  }

  /// Computes the cross-entropy of N × K logits with N × K probabilities.
  public static func crossEntropy(logits: Tensor, probabilities: Tensor) -> Tensor {
    require(
      logits.rank == 2 && logits.shape == probabilities.shape,
      "crossEntropy: \(logits.shape) and \(probabilities.shape)")
    return (logits.logSoftmax() * probabilities).sum() * (-1 / Float(logits.shape[0]))
  }

  /// Computes the mean squared difference of two tensors of one shape.
  public static func meanSquaredError(_ x: Tensor, _ target: Tensor) -> Tensor {
    require(x.shape == target.shape, "meanSquaredError: \(x.shape) and \(target.shape)")
    return (x - target).square().mean()
  }

  /// Computes the mean squared difference from one target for all elements.
  public static func meanSquaredError(_ x: Tensor, _ target: Float) -> Tensor { (x - target).square().mean() }

  /// Computes the mean absolute difference of two tensors of one shape.
  public static func l1(_ x: Tensor, _ target: Tensor) -> Tensor {
    require(x.shape == target.shape, "l1: \(x.shape) and \(target.shape)")
    return (x - target).abs().mean()
  }

  /// Computes the hinge loss of a discriminator from its logits (Lim and Ye 2017): mean max(0, 1 - real) +
  /// mean max(0, 1 + fake).
  public static func hingeDiscriminator(real: Tensor, fake: Tensor) -> Tensor {
    (1 - real).relu().mean() + (1 + fake).relu().mean()
  }

  /// Computes the hinge loss of a generator from the discriminator's logits (Lim and Ye 2017): -mean fake.
  public static func hingeGenerator(fake: Tensor) -> Tensor { -fake.mean() }

  /// Computes the KL divergence of N(mean, exp(logVariance)) from N(0, 1), summed over all axes but the first (Kingma and
  /// Welling 2014).
  public static func gaussianDivergence(mean: Tensor, logVariance: Tensor) -> Tensor {
    require(mean.shape == logVariance.shape, "gaussianDivergence: \(mean.shape) and \(logVariance.shape)")
    return (mean.square() + logVariance.exp() - logVariance - 1).sum() * (0.5 / Float(mean.shape[0]))
  }

  /// Computes KL(p ‖ q) of two distributions, each given by N × K logits.
  public static func divergence(logits p: Tensor, from q: Tensor) -> Tensor {
    require(p.rank == 2 && p.shape == q.shape, "divergence: \(p.shape) from \(q.shape)")
    let logP = p.logSoftmax()
    return (logP.exp() * (logP - q.logSoftmax())).sum() * (1 / Float(p.shape[0]))
  }
}
