import MirageSupport

/// Lines over a common axis, drawn as SVG: series over the steps of a training, or measurements with their intervals
/// against the size of a set.
///
/// Values that are not finite leave a gap. A chart without values is drawn with a line that says so.
public struct LineChart: Sendable {
  /// A point of a series.
  public struct Point: Sendable {
    /// For an axis of categories, the place among them, from 0.
    public var x: Double
    public var y: Double
    /// The ends of the error bar.
    public var low, high: Double?

    public init(x: Double, y: Double, low: Double? = nil, high: Double? = nil) {
      (self.x, self.y, self.low, self.high) = (x, y, low, high)
    }
  }

  /// A line with its name.
  public struct Series: Sendable {
    public var name: String
    /// In the order of their x.
    public var points: [Point]
    /// Whether the values are noisy: they are then drawn pale, with a running mean over them.
    public var isNoisy: Bool

    public init(_ name: String, _ points: [Point], isNoisy: Bool = false) {
      (self.name, self.points, self.isNoisy) = (name, points, isNoisy)
    }
  }

  public enum XAxis: Sendable, Equatable {
    case linear, logarithmic
    /// Names at equal distances.
    case categories([String])
  }

  public enum YAxis: Sendable {
    /// Logarithmic where values are positive and span more than two powers of ten, else linear.
    case automatic
    case linear, logarithmic
  }

  public var title: String
  /// What y is, and its unit.
  public var detail: String
  /// What x is, and its unit.
  public var xLabel: String
  public var series: [Series]
  public var xAxis: XAxis
  /// The ends of the x axis, where they are wider than the points': charts that share it can be compared.
  public var xRange: ClosedRange<Double>?
  public var yAxis: YAxis
  /// In pixels at full size; a page scales the drawing to its column.
  public var width, height: Double

  public init(
    title: String, detail: String = "", xLabel: String = "", series: [Series], xAxis: XAxis = .linear,
    xRange: ClosedRange<Double>? = nil, yAxis: YAxis = .automatic, width: Double = 480, height: Double = 280
  ) {
    (self.title, self.detail, self.xLabel, self.series) = (title, detail, xLabel, series)
    (self.xAxis, self.xRange, self.yAxis, self.width, self.height) = (xAxis, xRange, yAxis, width, height)
  }

  /// The drawing as an element of a page that includes `ChartStyle.css`.
  public var svg: String { canvas.element(label: summary) }

  /// The drawing as an SVG file.
  public var file: String { canvas.document(label: summary) }

  /// What a reader who does not see the drawing is told.
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
