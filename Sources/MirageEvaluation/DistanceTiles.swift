import MirageSupport
import MirageTensors

/// The squared Euclidean distances between all rows of two sets, or within one, a tile at a time: the whole matrix of
/// them never stands in memory.
///
/// They are |a|² + |b|² - 2 a·b in double precision, a and b relative to the mean of the first set; those of samples
/// that are near to each other are the sums of squared differences, and so 0 for identical samples and right to nine
/// digits for any. Memory: for each thread, two times up to 512 rows of features and as many times as many distances,
/// 19 MB with 2048 features; with more of them there are fewer rows.
struct DistanceTiles {
  /// Some rows and columns of the matrix.
  struct Tile {
    let rows, columns: Range<Int>
    /// rows.count × columns.count, row-major.
    let squares: UnsafePointer<Double>
  }

  let rows, columns: Features
  /// Whether both sets are the same one: then only tiles on and above the diagonal are visited.
  let isWithin: Bool
  private let center: [Double]
  /// Rows and columns of a tile.
  private let side: Int
  /// The part of |a|² + |b|² below which a square has lost too much to cancellation.
  private static let cancellation = 1e-3

  init(_ rows: Features, _ columns: Features) {
    self.init(rows, columns, isWithin: false)
  }

  init(within features: Features) {
    self.init(features, features, isWithin: true)
  }

  private init(_ rows: Features, _ columns: Features, isWithin: Bool) {
    (self.rows, self.columns, self.isWithin, center) = (rows, columns, isWithin, rows.mean)
    side = min(512, max(32, (1 << 20) / rows.dimensions))
  }

  /// Visits all tiles, several at a time, on `Compute.threads` threads.
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
    // A few for each thread between two looks at whether the task was cancelled.
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

  /// What one thread works in.
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

/// The sum of the squares of the differences, eight at a time.
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
