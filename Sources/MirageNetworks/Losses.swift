import MirageTensors

/// Losses, averaged over the batch unless said otherwise; each is a scalar with its history.
public enum Losses {
  /// Binary cross entropy of logits with targets in [0, 1]: mean of log(1 + eˣ) - x t, which does not overflow.
  public static func binaryCrossEntropy(logits: Tensor, targets: Tensor) -> Tensor {
    require(logits.shape == targets.shape, "binaryCrossEntropy: \(logits.shape) and \(targets.shape)")
    return (logits.softplus() - logits * targets).mean()
  }

  /// The same with one target for all.
  public static func binaryCrossEntropy(logits: Tensor, target: Float) -> Tensor {
    (logits.softplus() - logits * target).mean()
  }

  /// Cross entropy of N × K logits with a class for each sample.
  public static func crossEntropy(logits: Tensor, labels: [Int]) -> Tensor {
    require(logits.rank == 2, "crossEntropy: logits of \(logits.shape)")
    let (count, classes) = (logits.shape[0], logits.shape[1])
    require(
      labels.count == count && labels.allSatisfy { (0..<classes).contains($0) },
      "crossEntropy: \(labels.count) labels for logits of \(logits.shape)")
    let chosen = logits.logSoftmax().reshaped([-1])
      .gathered(labels.enumerated().map { $0 * classes + $1 }, axis: 0)
    return -chosen.mean()
  }

  /// Cross entropy of N × K logits with a distribution for each sample.
  public static func crossEntropy(logits: Tensor, probabilities: Tensor) -> Tensor {
    require(
      logits.rank == 2 && logits.shape == probabilities.shape,
      "crossEntropy: \(logits.shape) and \(probabilities.shape)")
    return (logits.logSoftmax() * probabilities).sum() * (-1 / Float(logits.shape[0]))
  }

  /// The mean square difference.
  public static func meanSquaredError(_ x: Tensor, _ target: Tensor) -> Tensor {
    require(x.shape == target.shape, "meanSquaredError: \(x.shape) and \(target.shape)")
    return (x - target).square().mean()
  }

  /// The same with one target for all.
  public static func meanSquaredError(_ x: Tensor, _ target: Float) -> Tensor { (x - target).square().mean() }

  /// The mean absolute difference.
  public static func l1(_ x: Tensor, _ target: Tensor) -> Tensor {
    require(x.shape == target.shape, "l1: \(x.shape) and \(target.shape)")
    return (x - target).abs().mean()
  }

  /// The discriminator's hinge loss (Lim and Ye 2017): mean max(0, 1 - real) + mean max(0, 1 + fake).
  public static func hingeDiscriminator(real: Tensor, fake: Tensor) -> Tensor {
    (1 - real).relu().mean() + (1 + fake).relu().mean()
  }

  /// The generator's hinge loss: -mean fake.
  public static func hingeGenerator(fake: Tensor) -> Tensor { -fake.mean() }

  /// The divergence of N(mean, exp(logVariance)) from N(0, 1), summed over a sample's dimensions (Kingma and Welling 2014).
  public static func gaussianDivergence(mean: Tensor, logVariance: Tensor) -> Tensor {
    require(mean.shape == logVariance.shape, "gaussianDivergence: \(mean.shape) and \(logVariance.shape)")
    return (mean.square() + logVariance.exp() - logVariance - 1).sum() * (0.5 / Float(mean.shape[0]))
  }

  /// KL(p ‖ q) of the distributions that N × K logits stand for.
  public static func divergence(logits p: Tensor, from q: Tensor) -> Tensor {
    require(p.rank == 2 && p.shape == q.shape, "divergence: \(p.shape) from \(q.shape)")
    let logP = p.logSoftmax()
    return (logP.exp() * (logP - q.logSoftmax())).sum() * (1 / Float(p.shape[0]))
  }
}
