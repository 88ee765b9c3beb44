import MirageSupport

/// A line chart as SVG: series over the steps of a training, or measurements with error bars over the size of a set.
///
/// Values that are not finite leave a gap. A chart without values says so.
package struct LineChart: Sendable {
  /// A point of a series.
  package struct Point: Sendable {
    /// Position on the x axis; the index of the category, from 0, if the axis has categories.
    package var x: Double
    /// The value.
    package var y: Double
    /// Ends of the error bar; nil if there is none.
    package var low, high: Double?

    /// Creates a point with the ends of its error bar.
    package init(x: Double, y: Double, low: Double? = nil, high: Double? = nil) {
      (self.x, self.y, self.low, self.high) = (x, y, low, high)
    }
  }

  /// A line with its name.
  package struct Series: Sendable {
    /// Name of the line in the legend.
    package var name: String
    /// Points in ascending order of x.
    package var points: [Point]
    /// True if the values are noisy. Noisy values are drawn pale, with a running mean over them.
    package var isNoisy: Bool

    /// Creates a line through points.
    package init(_ name: String, _ points: [Point], isNoisy: Bool = false) {
      (self.name, self.points, self.isNoisy) = (name, points, isNoisy)
    }
  }

  /// Kind of the x axis.
  package enum XAxis: Sendable, Equatable {
    case linear, logarithmic
    /// Names at equal distances.
    case categories([String])
  }

  /// Kind of the y axis.
  package enum YAxis: Sendable {
    /// Logarithmic if values are positive and span more than two powers of ten, linear otherwise.
    case automatic
    case linear, logarithmic
  }

  /// Title of the chart.
  package var title: String
  /// Quantity on the y axis and its unit.
  package var detail: String
  /// Quantity on the x axis and its unit.
  package var xLabel: String
  /// The lines.
  package var series: [Series]
  /// Kind of the x axis.
  package var xAxis: XAxis
  /// Range of the x axis, if it is wider than that of the points, so that several charts can be compared.
  package var xRange: ClosedRange<Double>?
  /// Kind of the y axis.
  package var yAxis: YAxis
  /// Size in pixels; a page scales the drawing to its column.
  package var width, height: Double

  /// Creates a chart of series.
  package init(
    title: String, detail: String = "", xLabel: String = "", series: [Series], xAxis: XAxis = .linear,
    xRange: ClosedRange<Double>? = nil, yAxis: YAxis = .automatic, width: Double = 480, height: Double = 280
  ) {
    (self.title, self.detail, self.xLabel, self.series) = (title, detail, xLabel, series)
    (self.xAxis, self.xRange, self.yAxis, self.width, self.height) = (xAxis, xRange, yAxis, width, height)
  }

  /// The chart as an SVG element for a page that includes `ChartStyle.css`.
  package var svg: String { canvas.element(label: summary) }

  /// The chart as the text of an SVG file.
  package var file: String { canvas.document(label: summary) }

  /// Description of the chart for screen readers.
  private var summary: String {
    let ends = series.compactMap { series in
      series.points.last { $0.y.isFinite }.map { "\(series.name) \(NumberText.significant($0.y, .typographic))" }
    }
    return title + (ends.isEmpty ? ": no values yet" : ". Last: " + ends.joined(separator: ", "))
  }

  private var canvas: SVGCanvas {
    var canvas = SVGCanvas(width: width, height: height)
    LinePlot(self).draw(on: &canvas)
    return canvas
  }
}
