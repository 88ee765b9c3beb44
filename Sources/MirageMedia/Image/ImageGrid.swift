/// Pictures of equal size laid out in rows and columns, on white with a gap between them.
public struct ImageGrid: Sendable {
  /// The pictures row by row, all of one size.
  public var cells: [Image]
  /// Number of pictures in a row.
  public var columns: Int

  /// - Precondition: there is at least one picture and one column.
  public init(_ cells: [Image], columns: Int) { (self.cells, self.columns) = (cells, columns) }

  private static let gap = 2
  /// Smaller pictures are enlarged by a whole number up to this many pixels a side.
  private static let side = 56

  /// The grid as one RGB picture.
  public var image: Image {
    let (height, width, gap) = (cells[0].height, cells[0].width, Self.gap)
    let zoom = max(1, Self.side / max(height, width))
    let (tall, wide) = (height * zoom, width * zoom)
    let rows = (cells.count + columns - 1) / columns
    var sheet = Image(
      height: rows * (tall + gap) + gap, width: columns * (wide + gap) + gap, channels: 3, fill: [255])
    for (index, cell) in cells.enumerated() {
      let picture = cell.converted(to: .rgb).resized(height: tall, width: wide, interpolation: .nearest)
      let (row, column) = index.quotientAndRemainder(dividingBy: columns)
      for y in 0..<tall {
        let to = ((gap + row * (tall + gap) + y) * sheet.width + gap + column * (wide + gap)) * 3
        sheet.pixels.replaceSubrange(
          to..<to + picture.stride, with: picture.pixels[y * picture.stride..<(y + 1) * picture.stride])
      }
    }
    return sheet
  }
}
