import MirageSupport
import Synchronization
import MirageTensors

/// How far generated samples lie where real ones do, and the other way round, judged by neighborhoods: a sample's
/// reaches as far as its k-th nearest neighbor in its own set.
///
/// Precision and recall are Kynkäänniemi et al. 2019, "Improved precision and recall metric for assessing generative
/// models" (equations 1 and 2); density and coverage Naeem et al. 2020, "Reliable fidelity and diversity metrics for
/// generative models" (section 3). All depend on the number of samples: compare only values of as many. Distances that
/// are equal but for rounding (to nine digits) count as equal.
public struct Neighborhoods: Sendable, Equatable, Codable {
  /// The part of the generated samples that are in, or on the border of, a real sample's neighborhood; 0 to 1.
  public var precision: Double
  /// The part of the real samples that are in, or on the border of, a generated sample's neighborhood; 0 to 1.
  public var recall: Double
  /// How many real samples' neighborhoods a generated sample is in, as a part of k, on average: about 1 where the sets
  /// are from one distribution, and above where generated samples crowd among real ones. As in the authors'
  /// implementation the border does not count, so it is 1 for a set and itself.
  public var density: Double
  /// The part of the real samples that have a generated one in their neighborhood, its border not counted; 0 to 1.
  public var coverage: Double

  /// Takes about (N + M)² / 2 × D multiplications, on `Compute.threads` threads. There is no matrix of all distances:
  /// each thread needs 19 MB with 2048 features.
  ///
  /// - Parameters:
  ///   - precisionNeighbors: k of precision and recall.
  ///   - densityNeighbors: k of density and coverage.
  /// - Precondition: both are at least 1.
  /// - Throws: bad data where a set has no more samples than the neighbors asked for, or the dimensions differ;
  ///   `CancellationError`.
  public init(
    real: Features, generated: Features, precisionNeighbors: Int = 3, densityNeighbors: Int = 5
  ) throws {
    let most = max(precisionNeighbors, densityNeighbors)
    require(min(precisionNeighbors, densityNeighbors) >= 1, "neighborhoods without a neighbor")
    try Features.expectSameDimensions(real, generated)
    try Self.expect(real, "real", most)
    try Self.expect(generated, "generated", precisionNeighbors)
    let nearest = try NearestDistances(DistanceTiles(within: real), neighbors: most)
    // A border is two distances that are the same, which rounding must not tell apart.
    let (beyond, within) = (1 + 1e-9, 1 - 1e-9)
    let real3 = nearest.squares(toNearest: precisionNeighbors).map { $0 * beyond }
    let real5 = nearest.squares(toNearest: densityNeighbors).map { $0 * within }
    let generated3 = try NearestDistances(DistanceTiles(within: generated), neighbors: precisionNeighbors)
      .squares(toNearest: precisionNeighbors).map { $0 * beyond }
    let all = Mutex(Found(real: real.count, generated: generated.count))
    try DistanceTiles(real, generated).forEach { tile in
      var found = Found(real: tile.rows.count, generated: tile.columns.count)
      for row in 0..<tile.rows.count {
        let (border3, border5) = (real3[tile.rows.lowerBound + row], real5[tile.rows.lowerBound + row])
        var (inside, isRecalled) = (0, false)
        for column in 0..<tile.columns.count {
          let square = tile.squares[row * tile.columns.count + column]
          if square <= border3 { found.isPrecise[column] = true }
          if square <= generated3[tile.columns.lowerBound + column] { isRecalled = true }
          if square < border5 { inside += 1 }
        }
        found.isRecalled[row] = isRecalled
        found.inside[row] = inside
      }
      all.withLock { $0.add(found, rows: tile.rows, columns: tile.columns) }
    }
    let found = all.withLock { $0 }
    precision = Double(found.isPrecise.count { $0 }) / Double(generated.count)
    recall = Double(found.isRecalled.count { $0 }) / Double(real.count)
    density = Double(found.inside.reduce(0, +)) / Double(densityNeighbors) / Double(generated.count)
    coverage = Double(found.inside.count { $0 > 0 }) / Double(real.count)
  }

  private static func expect(_ features: Features, _ name: String, _ neighbors: Int) throws {
    guard features.count > neighbors else {
      throw MirageError.badData(
        "\(neighbors) neighbors of each sample, and there are \(features.count) \(name) samples",
        remedy: "Use more samples, at least \(neighbors + 1) and better some thousands.")
    }
  }
}

/// What was found of some real and generated samples.
private struct Found: Sendable {
  /// Of each generated sample, and of each real one.
  var isPrecise, isRecalled: [Bool]
  /// The generated samples in each real one's neighborhood.
  var inside: [Int]

  init(real: Int, generated: Int) {
    isPrecise = [Bool](repeating: false, count: generated)
    isRecalled = [Bool](repeating: false, count: real)
    inside = [Int](repeating: 0, count: real)
  }

  mutating func add(_ other: Found, rows: Range<Int>, columns: Range<Int>) {
    for (place, column) in columns.enumerated() where other.isPrecise[place] { isPrecise[column] = true }
    for (place, row) in rows.enumerated() {
      if other.isRecalled[place] { isRecalled[row] = true }
      inside[row] += other.inside[place]
    }
  }
}
