/// Rectangle in which values are drawn.
struct ChartFrame {
  var left, top, width, height: Double

  var right: Double { left + width }
  var bottom: Double { top + height }
}

/// Lines above a chart: title, measured quantity and legend.
struct ChartHeader {
  let title: String
  let detail: String
  /// Names in the legend, which is left out for fewer than two.
  let names: [String]
  let width: Double

  private static let lineHeight = 20.0

  var height: Double {
    let lines = (title.isEmpty && detail.isEmpty ? 0 : 1) + (isBroken ? 1 : 0) + legend.rows
    return Double(lines) * Self.lineHeight + 14
  }

  func draw(on canvas: inout SVGCanvas) {
    var top = 0.0
    if !title.isEmpty || !detail.isEmpty {
      canvas.title(title, detail: isBroken ? "" : detail, y: 14)
      top += Self.lineHeight
    }
    if isBroken {
      canvas.text(detail, x: 0, y: top + 14)
      top += Self.lineHeight
    }
    for (index, item) in legend.items.enumerated() {
      let y = top + Double(item.row) * Self.lineHeight + 10
      canvas.line(item.x, y, item.x + 16, y, style: "line \(seriesStyle(index))")
      canvas.text(names[index], x: item.x + 22, y: y + 4, style: "name")
    }
  }

  /// True if title and detail do not fit on one line.
  private var isBroken: Bool {
    !title.isEmpty && !detail.isEmpty && textWidth(title) * 1.15 + 8 + textWidth(detail) > width
  }

  /// Positions of the names, in rows.
  private var legend: (items: [(x: Double, row: Int)], rows: Int) {
    if names.count < 2 { return ([], 0) }
    var items: [(x: Double, row: Int)] = []
    var (x, row) = (0.0, 0)
    for name in names {
      let needed = 22 + textWidth(name)
      if x > 0 && x + needed > width { (x, row) = (0, row + 1) }
      items.append((x, row))
      x += needed + 14
    }
    return (items, row + 1)
  }
}

/// Returns the maximum width of a text, in the larger type of small screens.
func textWidth(_ text: String) -> Double { Double(text.count) * 8.2 }

/// Returns the style class of a series: six colors, followed by the same colors with dashes.
func seriesStyle(_ index: Int) -> String { "s\(index % 6 + 1)" + (index % 12 >= 6 ? " dashed" : "") }
