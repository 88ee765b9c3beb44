import Synchronization

/// Squared distances of points to their nearest neighbors.
struct NearestDistances: Sendable {
  /// Number of neighbors per point.
  let neighbors: Int
  /// Squared distances, points × neighbors, ascending for each point; infinite if a point has fewer neighbors.
  private var squares: [Double]

  private init(_ points: Int, neighbors: Int) {
    self.neighbors = neighbors
    squares = [Double](repeating: .infinity, count: points * neighbors)
  }

  /// Finds the nearest columns of each row of the tiles; within one set, the nearest samples other than itself.
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

  /// Returns the squared distance of each point to its k-th nearest neighbor, where k is at least 1.
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
