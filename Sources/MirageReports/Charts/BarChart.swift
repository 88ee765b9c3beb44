import MirageSupport

/// A chart of horizontal bars as SVG, with names of any length on the left and values on the right.
package struct BarChart: Sendable {
  /// Value of a bar.
  package struct Bar: Sendable {
    /// The value; no bar is drawn if it is not finite.
    package var value: Double
    /// Ends of the error bar; nil if there is none.
    package var low, high: Double?

    /// Creates a value with the ends of its error bar.
    package init(_ value: Double, low: Double? = nil, high: Double? = nil) {
      (self.value, self.low, self.high) = (value, low, high)
    }
  }

  /// Bars of one color.
  package struct Series: Sendable {
    /// Name of the series in the legend.
    package var name: String
    /// A bar for each name of the chart.
    package var bars: [Bar]

    /// Creates a series of bars.
    package init(_ name: String, _ bars: [Bar]) { (self.name, self.bars) = (name, bars) }
  }

  /// Title of the chart.
  package var title: String
  /// Measured quantity and its unit.
  package var detail: String
  /// Names of the bars, from the top.
  package var names: [String]
  /// The bars' values; each series has a bar for each name.
  package var series: [Series]
  /// Width in pixels at full size; the height follows from the number of bars. Defaults to 480.
  package var width: Double

  /// Creates a chart of series.
  package init(title: String, detail: String = "", names: [String], series: [Series], width: Double = 480) {
    (self.title, self.detail, self.names, self.series, self.width) = (title, detail, names, series, width)
  }

  /// The chart as an SVG element for a page that includes `ChartStyle.css`.
  package var svg: String { canvas.element(label: summary) }

  /// The chart as the text of an SVG file.
  package var file: String { canvas.document(label: summary) }

  private var summary: String {
    let parts = series.flatMap { series in
      zip(names, series.bars).map { name, bar in
        (self.series.count > 1 ? "\(series.name), " : "")
          + "\(name): \(NumberText.significant(bar.value, .typographic))"
      }
    }
    return title + ". " + parts.joined(separator: "; ")
  }

  private static let thickness = 14.0

  private var canvas: SVGCanvas {
    let header = ChartHeader(title: title, detail: detail, names: series.map(\.name), width: width)
    let group = Double(max(1, series.count)) * (Self.thickness + 2) + 10
    let bottom = header.height + Double(names.count) * group
    var canvas = SVGCanvas(width: width, height: bottom + 24)
    header.draw(on: &canvas)

    // Bars grow from zero, so zero is on the scale.
    let ends = series.flatMap(\.bars).flatMap { [$0.value, $0.low, $0.high].compactMap { $0 } }
    let labels = series.flatMap(\.bars).map { textWidth(NumberText.significant($0.value, .typographic)) }
    let room = (labels.max() ?? 0) + 10
    let start = min(width / 2, (names.map(textWidth).max() ?? 0) + 10)
    let left = start + (ends.contains { $0 < 0 } ? room : 0)
    let right = width - room
    let scale = ChartScale(
      ends.filter { abs($0) < 1e100 } + [0], count: max(2, Int((right - left) / 80)), isRounded: true)
    func across(_ value: Double) -> Double { left + scale.position(value) * (right - left) }

    for tick in scale.ticks {
      canvas.line(across(tick), header.height, across(tick), bottom, style: tick == 0 ? "axis" : "grid")
      canvas.text(scale.label(tick), x: across(tick), y: bottom + 18, anchor: .middle)
    }
    for (row, name) in names.enumerated() {
      let top = header.height + Double(row) * group + 5
      canvas.text(name, x: start - 8, y: top + (group - 10) / 2 + 4, anchor: .end, style: "name")
      for (index, series) in series.enumerated() where row < series.bars.count {
        draw(
          series.bars[row], title: "\(series.name.isEmpty ? name : series.name + ", " + name)",
          top: top + Double(index) * (Self.thickness + 2), style: seriesStyle(index), across: across, on: &canvas)
      }
    }
    return canvas
  }

  private func draw(
    _ bar: Bar, title: String, top: Double, style: String, across: (Double) -> Double, on canvas: inout SVGCanvas
  ) {
    guard abs(bar.value) < 1e100 else { return }
    let (zero, end, middle) = (across(0), across(bar.value), top + Self.thickness / 2 + 1)
    canvas.rectangle(
      x: min(zero, end), y: top + 1, width: abs(end - zero), height: Self.thickness,
      title: "\(title): \(NumberText.significant(bar.value, .typographic))", style: "bar \(style)")
    let interval = [bar.low, bar.high].compactMap { $0 }.filter { abs($0) < 1e100 }.map(across)
    let (low, high) = (([end] + interval).min()!, ([end] + interval).max()!)
    if high > low {
      canvas.line(low, middle, high, middle, style: "interval")
      for place in [low, high] where abs(place - end) > 1 {
        canvas.line(place, middle - 3.5, place, middle + 3.5, style: "interval")
      }
    }
    let label = NumberText.significant(bar.value, digits: 3, .typographic)
    if bar.value < 0 {
      canvas.text(label, x: min(zero, low) - 6, y: middle + 4, anchor: .end)
    } else {
      canvas.text(label, x: max(zero, high) + 6, y: middle + 4)
    }
  }
}
