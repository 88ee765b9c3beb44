/// Images laid out in rows and columns, on white with a gap between them.
///
/// All cells have the size of the largest image; a smaller one is in the upper left of its cell.
public struct ImageGrid: Sendable {
  /// The images row by row; rows may differ in length.
  public var rows: [[Image]]
  /// Number of cells in a row.
  public var columns: Int
  /// Maximum longer side in pixels up to which small images are enlarged, by a whole factor. Defaults to 56.
  package var side = 56
  /// Pixels between cells, and around all of them.
  package var gap = 2
  /// Additional pixels after the first column.
  package var indent = 0

  /// Creates a grid of rows of equal length; the last one may be shorter.
  ///
  /// - Precondition: there is at least one image and one column.
  public init(_ cells: [Image], columns: Int) {
    rows = stride(from: 0, to: cells.count, by: columns).map {
      Array(cells[$0..<min($0 + columns, cells.count)])
    }
    self.columns = columns
  }

  /// Creates a grid of rows of any length.
  ///
  /// - Precondition: there is at least one image.
  package init(rows: [[Image]]) { (self.rows, columns) = (rows, rows.map(\.count).max()!) }

  /// The grid as one RGB image.
  public var image: Image {
    let images = rows.joined()
    let (tallest, widest) = (images.map(\.height).max()!, images.map(\.width).max()!)
    let zoom = max(1, side / max(tallest, widest))
    let (rowHeight, columnWidth) = (tallest * zoom + gap, widest * zoom + gap)
    var sheet = Image(
      height: rows.count * rowHeight + gap, width: columns * columnWidth + gap + (columns > 1 ? indent : 0),
      channels: 3, fill: [255])
    for (row, images) in rows.enumerated() {
      for (column, image) in images.enumerated() {
        let cell = image.converted(to: .rgb)
          .resized(height: image.height * zoom, width: image.width * zoom, interpolation: .nearest)
        let left = gap + column * columnWidth + (column > 0 ? indent : 0)
        for y in 0..<cell.height {
          let to = ((gap + row * rowHeight + y) * sheet.width + left) * 3
          sheet.pixels.replaceSubrange(
            to..<to + cell.stride, with: cell.pixels[y * cell.stride..<(y + 1) * cell.stride])
        }
      }
    }
    return sheet
  }
}
