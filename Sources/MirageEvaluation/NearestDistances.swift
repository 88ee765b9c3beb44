import Synchronization

/// The squared distances from each of some points to the nearest of others.
struct NearestDistances: Sendable {
  /// How many are kept of each point.
  let neighbors: Int
  /// Points × neighbors, those of a point ascending; infinite where there are not so many.
  private var squares: [Double]

  private init(_ points: Int, neighbors: Int) {
    self.neighbors = neighbors
    squares = [Double](repeating: .infinity, count: points * neighbors)
  }

  /// From each row to the columns of the tiles; within one set, from each sample to the others but itself.
  ///
  /// - Throws: `CancellationError`.
  init(_ tiles: DistanceTiles, neighbors: Int) throws {
    let all = Mutex(NearestDistances(tiles.rows.count, neighbors: neighbors))
    try tiles.forEach { tile in
      let isDiagonal = tiles.isWithin && tile.rows == tile.columns
      let isMirrored = tiles.isWithin && !isDiagonal
      var ofRows = NearestDistances(tile.rows.count, neighbors: neighbors)
      var ofColumns = NearestDistances(isMirrored ? tile.columns.count : 0, neighbors: neighbors)
      for row in 0..<tile.rows.count {
        for column in 0..<tile.columns.count where !(isDiagonal && row == column) {
          let square = tile.squares[row * tile.columns.count + column]
          ofRows.insert(square, of: row)
          if isMirrored { ofColumns.insert(square, of: column) }
        }
      }
      all.withLock {
        $0.merge(ofRows, at: tile.rows.lowerBound)
        $0.merge(ofColumns, at: tile.columns.lowerBound)
      }
    }
    self = all.withLock { $0 }
  }

  /// The squared distance of each point to its k-th nearest, k from 1.
  func squares(toNearest k: Int) -> [Double] {
    stride(from: k - 1, to: squares.count, by: neighbors).map { squares[$0] }
  }

  @inline(__always)
  private mutating func insert(_ square: Double, of point: Int) {
    var place = (point + 1) * neighbors - 1
    if square >= squares[place] { return }
    while place > point * neighbors, squares[place - 1] > square {
      squares[place] = squares[place - 1]
      place -= 1
    }
    squares[place] = square
  }

  private mutating func merge(_ other: NearestDistances, at first: Int) {
    for (place, square) in other.squares.enumerated() { insert(square, of: first + place / neighbors) }
  }
}
