import MirageSupport
import MirageTensors

/// Squared Euclidean distances between all rows of two sets, or within one set, computed tile by tile, so that the whole
/// matrix is never in memory.
///
/// A squared distance is |a|² + |b|² - 2 a·b in double precision, with a and b relative to the mean of the first set. If
/// that loses digits because a and b are close, it is the sum of squared differences instead; so it is 0 for identical
/// samples, and accurate to nine digits for all. Memory per thread: two blocks of up to 512 rows of features and a block
/// of 512 × 512 distances, 19 MB with 2048 features; with more features, blocks have fewer rows.
struct DistanceTiles {
  /// A block of the matrix of distances.
  struct Tile {
    let rows, columns: Range<Int>
    /// Squared distances, rows.count × columns.count, row-major; valid during the visit only.
    let squares: UnsafePointer<Double>
  }

  let rows, columns: Features
  /// True if rows and columns are the same set. If so, only tiles on and above the diagonal are visited.
  let isWithin: Bool
  private let center: [Double]
  /// Maximum number of rows, and of columns, per tile.
  private let side: Int
  /// Fraction of |a|² + |b|² below which a squared distance has lost too many digits to cancellation.
  private static let cancellation = 1e-3

  /// Distances from each sample of one set to each of another.
  init(_ rows: Features, _ columns: Features) {
    self.init(rows, columns, isWithin: false)
  }

  /// Distances between the samples of one set.
  init(within features: Features) {
    self.init(features, features, isWithin: true)
  }

  private init(_ rows: Features, _ columns: Features, isWithin: Bool) {
    (self.rows, self.columns, self.isWithin, center) = (rows, columns, isWithin, rows.mean)
    side = min(512, max(32, (1 << 20) / rows.dimensions))
  }

  /// Visits all tiles, on `Compute.threads` threads at a time, which call `body` concurrently.
  ///
  /// - Throws: `CancellationError`.
  func forEach(_ body: (Tile) -> Void) throws {
    func ranges(_ count: Int) -> [Range<Int>] {
      stride(from: 0, to: count, by: side).map { $0..<min(count, $0 + side) }
    }
    let (rowRanges, columnRanges) = (ranges(rows.count), ranges(columns.count))
    let places = rowRanges.indices.flatMap { row in
      (isWithin ? row..<columnRanges.count : columnRanges.indices).map { (rowRanges[row], columnRanges[$0]) }
    }
    let threads = Compute.threads
    // Each thread computes eight tiles between two checks for cancellation.
    for start in stride(from: 0, to: places.count, by: 8 * threads) {
      try Task.checkCancellation()
      inParallel(min(threads, places.count - start)) { part in
        let scratch = Scratch(side: side, dimensions: rows.dimensions)
        for place in stride(from: start + part, to: min(places.count, start + 8 * threads), by: threads) {
          let (rowRange, columnRange) = places[place]
          fill(scratch, rowRange, columnRange)
          body(Tile(rows: rowRange, columns: columnRange, squares: scratch.squares))
        }
        scratch.deallocate()
      }
    }
  }

  private func fill(_ scratch: Scratch, _ rowRange: Range<Int>, _ columnRange: Range<Int>) {
    let (a, b, squares, size) = (scratch.rows, scratch.columns, scratch.squares, rows.dimensions)
    rows.copyRows(rowRange, minus: center, to: a)
    columns.copyRows(columnRange, minus: center, to: b)
    LinearAlgebra.multiply(a, transposed: b, into: squares, m: rowRange.count, n: columnRange.count, k: size)
    let (rowNorms, columnNorms) = (norms(a, rowRange.count), norms(b, columnRange.count))
    for row in 0..<rowRange.count {
      let line = squares + row * columnRange.count
      for column in 0..<columnRange.count {
        let norms = rowNorms[row] + columnNorms[column]
        line[column] = norms - 2 * line[column]
        if line[column] < Self.cancellation * norms {
          line[column] = squaredDistance(a + row * size, b + column * size, count: size)
        }
      }
    }
  }

  private func norms(_ vectors: UnsafePointer<Double>, _ count: Int) -> [Double] {
    let (size, zero) = (rows.dimensions, [Double](repeating: 0, count: rows.dimensions))
    return (0..<count).map { squaredDistance(vectors + $0 * size, zero, count: size) }
  }

  /// Working memory of a thread.
  private struct Scratch {
    let rows, columns, squares: UnsafeMutablePointer<Double>

    init(side: Int, dimensions: Int) {
      rows = .allocate(capacity: side * dimensions)
      columns = .allocate(capacity: side * dimensions)
      squares = .allocate(capacity: side * side)
    }

    func deallocate() {
      for pointer in [rows, columns, squares] { pointer.deallocate() }
    }
  }
}

/// Returns the sum of squared differences, with eight partial sums.
private func squaredDistance(_ a: UnsafePointer<Double>, _ b: UnsafePointer<Double>, count: Int) -> Double {
  var sums = SIMD8<Double>.zero
  let whole = count - count % 8
  for place in stride(from: 0, to: whole, by: 8) {
    let difference =
      UnsafeRawPointer(a + place).loadUnaligned(as: SIMD8<Double>.self)
      - UnsafeRawPointer(b + place).loadUnaligned(as: SIMD8<Double>.self)
    sums += difference * difference
  }
  return (whole..<count).reduce(sums.sum()) { $0 + (a[$1] - b[$1]) * (a[$1] - b[$1]) }
}
