import MirageSupport
import Synchronization
import MirageTensors

/// Overlap of real and generated samples, measured with neighborhoods: that of a sample is the ball around it that reaches
/// its k-th nearest neighbor in its own set.
///
/// Precision and recall are those of Kynkäänniemi et al. 2019, "Improved precision and recall metric for assessing
/// generative models" (equations 1 and 2); density and coverage those of Naeem et al. 2020, "Reliable fidelity and
/// diversity metrics for generative models" (section 3). All depend on the number of samples: compare only values from
/// the same number. Distances that are equal to nine digits count as equal.
package struct Neighborhoods: Sendable, Equatable, Codable {
  /// Fraction of the generated samples that are in, or on the border of, a real sample's neighborhood; 0 to 1.
  package var precision: Double
  /// Fraction of the real samples that are in, or on the border of, a generated sample's neighborhood; 0 to 1.
  package var recall: Double
  /// Mean number of real samples' neighborhoods that a generated sample is in, divided by k, at least 0: about 1 for two
  /// sets of one distribution, and more if generated samples cluster where real samples are dense. Borders do not count,
  /// as in the authors' implementation, so that the density of a set against itself is 1.
  package var density: Double
  /// Fraction of the real samples that have a generated sample in their neighborhood, without its border; 0 to 1.
  package var coverage: Double

  /// Computes the four metrics.
  ///
  /// The cost is about (N + M)² / 2 × D multiplications, on `Compute.threads` threads. The matrix of distances is never in
  /// memory as a whole: each thread needs 19 MB with 2048 features.
  ///
  /// - Parameters:
  ///   - real: Features of real samples.
  ///   - generated: Features of generated samples.
  ///   - precisionNeighbors: Number of neighbors k for precision and recall, at least 1. Defaults to 3.
  ///   - densityNeighbors: Number of neighbors k for density and coverage, at least 1. Defaults to 5.
  /// - Throws: `MirageError` of kind `badData` if a set does not have more samples than neighbors, or the numbers of
  ///   features differ; `CancellationError`.
  package init(
    real: Features, generated: Features, precisionNeighbors: Int = 3, densityNeighbors: Int = 5
  ) throws {
    let most = max(precisionNeighbors, densityNeighbors)
    require(min(precisionNeighbors, densityNeighbors) >= 1, "neighborhoods without a neighbor")
    try Features.expectSameDimensions(real, generated)
    try Self.expect(real, "real", most)
    try Self.expect(generated, "generated", precisionNeighbors)
    let nearest = try NearestDistances(DistanceTiles(within: real), neighbors: most)
    // Equal distances on a border must count as equal in spite of rounding.
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
        "\(neighbors) neighbors of each sample are needed, and there are only \(features.count) \(name) samples",
        remedy: "Use more samples, at least \(neighbors + 1) and better some thousands.")
    }
  }
}

/// Counts for a range of real and generated samples.
private struct Found: Sendable {
  /// True if each generated sample is in a real neighborhood, and each real sample in a generated one.
  var isPrecise, isRecalled: [Bool]
  /// Number of generated samples in each real sample's neighborhood.
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
