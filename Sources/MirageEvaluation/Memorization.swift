import MirageSupport
import Glibc

/// Whether generated samples are nearer to those that a model was trained on than to others like them.
///
/// For each generated sample, the distance to the nearest training sample is held against that to the nearest held-out
/// one. The nearest of more samples is nearer, so both are looked for among as many: of the larger set, as many samples
/// are drawn at random as the smaller one has. A copy of a training sample is then found only as often as that one is
/// drawn: hold out as many samples as the model is trained on, and every copy is.
public struct Memorization: Sendable, Equatable, Codable {
  /// The mean of the distance to the nearest training sample over that to the nearest held-out one. Near 1: no
  /// memorizing; near 0: copies. Infinite where a generated sample is at distance 0 from a held-out sample and from no
  /// training sample; one that is at distance 0 from both counts as 1.
  public var meanRatio: Double
  /// The median of the same: for an even number of samples, the mean of the middle two.
  public var medianRatio: Double
  /// The part of the generated samples that are nearer to a training sample than to any held-out one, those at equal
  /// distances counted half. Near 0.5: no memorizing; 1: copies.
  public var fractionNearerTraining: Double
  /// How many samples of either set took part.
  public var compared: Int

  /// Takes about 2 × generated × compared × D multiplications, on `Compute.threads` threads, and the memory of the
  /// samples that are drawn beside that of the features.
  ///
  /// - Parameters:
  ///   - training: of the samples that the model was trained on.
  ///   - heldOut: of other samples from the same distribution.
  ///   - seed: what is drawn from the larger set depends on.
  /// - Throws: bad data where a set is empty or the dimensions differ; `CancellationError`.
  public init(generated: Features, training: Features, heldOut: Features, seed: UInt64 = 0) throws {
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
