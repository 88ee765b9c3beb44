import MirageMedia
import Testing

@Suite struct ImageGridTests {
  private func image(_ height: Int, _ width: Int, _ fill: UInt8...) -> Image {
    Image(height: height, width: width, channels: fill.count, fill: fill)
  }

  /// The pixels as digits, 0 for white; red only.
  private func text(_ image: Image) -> [String] {
    (0..<image.height).map { y in
      (0..<image.width).map { x in
        let red = image.pixels[(y * image.width + x) * 3]
        return red == 255 ? "." : "\(red)"
      }.joined()
    }
  }

  private func sheet(_ rows: [[Image]], side: Int = 1, gap: Int = 1, indent: Int = 0) -> Image {
    var grid = ImageGrid(rows: rows)
    (grid.side, grid.gap, grid.indent) = (side, gap, indent)
    return grid.image
  }

  @Test func placesImagesInCells() {
    let sheet = sheet([[image(2, 1, 1), image(1, 2, 2, 7, 7)], [image(1, 1, 3)]])
    #expect(sheet.channels == 3)
    #expect(text(sheet) == [".......", ".1..22.", ".1.....", ".......", ".3.....", ".......", "......."])
  }

  @Test func setsTheFirstColumnApart() {
    let images = [image(1, 1, 1), image(1, 1, 2), image(1, 1, 3)]
    #expect(text(sheet([images], indent: 2)) == [".........", ".1...2.3.", "........."])
    #expect(sheet([[images[0]]], indent: 2).width == 3)
  }

  @Test func enlargesByWholeNumbers() {
    let sheet = sheet([[image(2, 1, 1), image(1, 1, 2)]], side: 5, gap: 0)
    #expect(text(sheet) == ["1122", "1122", "11..", "11.."])
  }

  /// Enlarged to at most 56 pixels, two pixels between them, all columns there.
  @Test func rowsOfEqualLength() {
    let sheet = ImageGrid([Image](repeating: image(28, 20, 0), count: 4), columns: 3).image
    #expect((sheet.height, sheet.width) == (2 * 58 + 2, 3 * 42 + 2))
    #expect(sheet[60, 2, 0] == 0 && sheet[60, 44, 0] == 255 && sheet[57, 127 - 2, 0] == 0)
    #expect(ImageGrid([image(28, 20, 0)], columns: 3).image.width == 128)
  }
}
