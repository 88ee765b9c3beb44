import MirageSupport
import Glibc

/// Distances of generated samples to the training samples of a model, compared with those to held-out samples of the same
/// distribution. A model that copies training samples has short distances to them.
///
/// For each generated sample, the distance to the nearest training sample is divided by that to the nearest held-out
/// sample. A nearest neighbor among more samples is nearer, so both sets must be of one size: a random subset of the larger
/// set is used. A copy of a training sample is then found only if that sample is in the subset; to find every copy, hold
/// out as many samples as the model was trained on.
package struct Memorization: Sendable, Equatable, Codable {
  /// Mean ratio of the distance to the nearest training sample to that to the nearest held-out sample: near 1 for no
  /// memorization, near 0 for copies. A ratio of two zeros counts as 1; the mean is infinite if a generated sample equals
  /// a held-out sample and no training sample.
  package var meanRatio: Double
  /// Median of the same ratios; the mean of the middle two if their number is even.
  package var medianRatio: Double
  /// Fraction of the generated samples that are nearer to a training sample than to any held-out sample; those at equal
  /// distances count half. Near 0.5 for no memorization, 1 for copies.
  package var fractionNearerTraining: Double
  /// Number of samples used of each of the two sets.
  package var compared: Int

  /// Computes the ratios.
  ///
  /// The cost is about 2 × generated × compared × D multiplications, on `Compute.threads` threads, and memory for a copy
  /// of the features of the random subset.
  ///
  /// - Parameters:
  ///   - generated: Features of generated samples.
  ///   - training: Features of samples that the model was trained on.
  ///   - heldOut: Features of other samples of the same distribution.
  ///   - seed: Random seed of the subset of the larger set. Defaults to 0.
  /// - Throws: `MirageError` of kind `badData` if a set is empty or the numbers of features differ; `CancellationError`.
  package init(generated: Features, training: Features, heldOut: Features, seed: UInt64 = 0) throws {
    try Features.expectSameDimensions(generated, training, heldOut)
    for (features, name) in [(generated, "generated"), (training, "training"), (heldOut, "held-out")]
    where features.count == 0 {
      throw MirageError.badData("there is no \(name) sample", remedy: "Use some thousands of each.")
    }
    let compared = min(training.count, heldOut.count)
    let key = Random.Key(seed: seed, path: "memorisation")
    func nearest(_ features: Features) throws -> [Double] {
      let others = features.sample(compared, key: key)
      return try NearestDistances(DistanceTiles(generated, others), neighbors: 1).squares(toNearest: 1)
    }
    let pairs = zip(try nearest(training), try nearest(heldOut))
    let ratios = pairs.map { $0 == $1 ? 1 : ($0 / $1).squareRoot() }.sorted()
    let count = Double(ratios.count)
    self.compared = compared
    meanRatio = ratios.reduce(0, +) / count
    medianRatio = (ratios[(ratios.count - 1) / 2] + ratios[ratios.count / 2]) / 2
    fractionNearerTraining = pairs.reduce(0) { $0 + ($1.0 < $1.1 ? 1 : $1.0 == $1.1 ? 0.5 : 0) } / count
  }
}
