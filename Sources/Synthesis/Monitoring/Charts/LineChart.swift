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
      series.points.last { $0.y.isFinite }.map { "\(series.name) \(NumberText.significant($0.y))" }
    }
    return title + (ends.isEmpty ? ": no values yet" : ". Last: " + ends.joined(separator: ", "))
  }

  private var canvas: SVGCanvas {
    var canvas = SVGCanvas(width: width, height: height)
    LinePlot(self).draw(on: &canvas)
    return canvas
  }
}

/// A line chart as it is drawn.
private struct LinePlot {
  private let chart: LineChart
  /// What can be drawn; a gap is a not-a-number.
  private let series: [LineChart.Series]
  private let x, y: ChartScale
  private let frame: ChartFrame
  private let header: ChartHeader
  private let isClipped: Bool
  /// Whether the series stand a little beside each other, or their error bars would hide one another.
  private let isApart: Bool

  init(_ chart: LineChart) {
    self.chart = chart
    let isLogarithmicX = chart.xAxis == .logarithmic
    var series = chart.series.map { $0.drawable(isLogarithmicX: isLogarithmicX, isLogarithmicY: false) }
    let isLogarithmic =
      switch chart.yAxis {
      case .automatic: series.contains { !$0.values.isEmpty } && Self.spansDecades(series)
      case .linear: false
      case .logarithmic: true
      }
    if isLogarithmic {
      series = series.map { $0.drawable(isLogarithmicX: isLogarithmicX, isLogarithmicY: true) }
    }
    self.series = series
    let shown = isLogarithmic ? (values: series.flatMap(\.values), hidden: 0) : Self.withoutSpikes(series)
    isClipped = shown.hidden > 0
    var details = chart.detail.isEmpty ? [] : [chart.detail]
    if isLogarithmic { details.append("log scale") }
    if isClipped {
      details.append("\(NumberText.grouped(shown.hidden)) value\(shown.hidden == 1 ? "" : "s") off the scale")
    }
    header = ChartHeader(
      title: chart.title, detail: details.joined(separator: " · "), names: series.map(\.name), width: chart.width)
    let bottom = chart.height - (chart.xLabel.isEmpty ? 26 : 44)
    let y = ChartScale(
      shown.values, isLogarithmic: isLogarithmic, count: max(2, Int((bottom - header.height) / 42)))
    self.y = y
    let left = (y.ticks.map { textWidth(y.label($0)) }.max() ?? 0) + 10
    frame = ChartFrame(
      left: left, top: header.height, width: chart.width - left - 14, height: bottom - header.height)
    let places = series.flatMap(\.points).filter { $0.y.isFinite }.map(\.x)
    let range = chart.xRange.map { [$0.lowerBound, $0.upperBound] } ?? []
    switch chart.xAxis {
    case .categories(let names):
      x = ChartScale([-0.5, Double(max(1, names.count)) - 0.5], count: 2, isRounded: false)
    case .logarithmic where range.isEmpty && (1...10).contains(Set(places).count):
      x = ChartScale(logarithmicAt: Set(places).sorted())
    case .logarithmic, .linear:
      x = ChartScale(
        places + range.filter { !isLogarithmicX || $0 > 0 }, isLogarithmic: isLogarithmicX,
        count: Int(frame.width / 80), isRounded: false)
    }
    isApart = series.count > 1 && series.contains(where: \.hasIntervals)
  }

  func draw(on canvas: inout SVGCanvas) {
    header.draw(on: &canvas)
    drawYAxis(on: &canvas)
    drawXAxis(on: &canvas)
    if !series.contains(where: { !$0.values.isEmpty }) {
      canvas.text(
        "no values yet", x: frame.left + frame.width / 2, y: frame.top + frame.height / 2 + 4, anchor: .middle)
    }
    if isClipped {
      canvas.clipped(to: frame) { canvas in drawLines(on: &canvas) }
    } else {
      drawLines(on: &canvas)
    }
    for index in series.indices { drawPoints(of: index, on: &canvas) }
  }

  private func drawYAxis(on canvas: inout SVGCanvas) {
    // Without values the numbers of the scale would say nothing.
    let ticks = series.contains { !$0.values.isEmpty } ? y.ticks : []
    if ticks.isEmpty { canvas.line(frame.left, frame.bottom, frame.right, frame.bottom, style: "axis") }
    for tick in ticks {
      let height = self.height(tick)
      canvas.line(frame.left, height, frame.right, height, style: tick == y.ticks.first ? "axis" : "grid")
      canvas.text(y.label(tick), x: frame.left - 8, y: height + 4, anchor: .end)
    }
  }

  private func drawXAxis(on canvas: inout SVGCanvas) {
    let baseline = frame.bottom + 18
    if case .categories(let names) = chart.xAxis {
      let room = frame.width / Double(max(1, names.count))
      let every = max(1, Int(((names.map(textWidth).max() ?? 0) / room).rounded(.up)))
      for index in stride(from: 0, to: names.count, by: every) {
        canvas.text(names[index], x: across(Double(index)), y: baseline, anchor: .middle)
      }
    } else {
      var free = -Double.infinity
      for tick in x.ticks {
        let (place, label) = (across(tick), x.label(tick))
        canvas.line(place, frame.bottom, place, frame.bottom + 4, style: "axis")
        // A label at the right end stays within the drawing.
        let half = textWidth(label) / 2
        let middle = min(place, chart.width - half)
        if middle - half < free { continue }
        canvas.text(label, x: middle, y: baseline, anchor: .middle)
        free = middle + half
      }
    }
    if !chart.xLabel.isEmpty {
      canvas.text(chart.xLabel, x: frame.left + frame.width / 2, y: frame.bottom + 36, anchor: .middle, style: "label")
    }
  }

  private func drawLines(on canvas: inout SVGCanvas) {
    for (index, series) in series.enumerated() {
      let style = seriesStyle(index)
      if series.isSmoothed { canvas.path(runs(series.points), style: "raw \(style)") }
    }
    for (index, series) in series.enumerated() {
      let points = series.isSmoothed ? series.smoothed(within: isClipped ? y.low...y.high : nil) : series.points
      canvas.path(runs(points, of: index), style: "line \(seriesStyle(index))")
    }
  }

  /// The points as dots with their error bars, where they are few.
  private func drawPoints(of index: Int, on canvas: inout SVGCanvas) {
    let (series, style) = (series[index], seriesStyle(index))
    let isSparse = series.points.count <= 40
    for (place, point) in series.points.enumerated() where point.y.isFinite {
      let here = (x: across(point.x) + shift(index), y: height(point.y))
      if series.hasIntervals {
        let (low, high) = (height(point.low ?? point.y), height(point.high ?? point.y))
        canvas.line(here.x, low, here.x, high, style: "interval \(style)")
        for end in [low, high] where abs(end - here.y) > 1 {
          canvas.line(here.x - 3.5, end, here.x + 3.5, end, style: "interval \(style)")
        }
      }
      // A point between gaps has no line to be seen by.
      if isSparse || isAlone(place, in: series.points) {
        canvas.dot(x: here.x, y: here.y, title: tooltip(series, point), style: "dot \(style)")
      }
    }
  }

  private func isAlone(_ place: Int, in points: [LineChart.Point]) -> Bool {
    (place == 0 || !points[place - 1].y.isFinite)
      && (place == points.count - 1 || !points[place + 1].y.isFinite)
  }

  private func tooltip(_ series: LineChart.Series, _ point: LineChart.Point) -> String {
    var place = x.label(point.x)
    if case .categories(let names) = chart.xAxis {
      let index = Int(point.x.rounded())
      place = names.indices.contains(index) ? names[index] : ""
    } else if !chart.xLabel.isEmpty {
      place = "\(chart.xLabel) \(NumberText.trimmed(NumberText.significant(point.x, digits: 9)))"
    }
    var text = "\(series.name), \(place): \(NumberText.significant(point.y))"
    if let low = point.low, let high = point.high {
      text += " (\(NumberText.significant(low)) to \(NumberText.significant(high)))"
    }
    return text
  }

  private func across(_ value: Double) -> Double {
    let inset = isApart ? Double(series.count) * Self.apart : 0
    return frame.left + inset + x.position(value) * (frame.width - 2 * inset)
  }

  private func height(_ value: Double) -> Double { frame.bottom - y.position(value) * frame.height }

  private static let apart = 5.0

  private func shift(_ index: Int) -> Double {
    isApart ? (Double(index) - Double(series.count - 1) / 2) * Self.apart : 0
  }

  /// The points as lines in the drawing, broken at gaps, with no more of them than can be told apart: of those in a
  /// column of pixels the first, the lowest, the highest and the last.
  private func runs(_ points: [LineChart.Point], of index: Int? = nil) -> [[(x: Double, y: Double)]] {
    let shift = index.map(self.shift) ?? 0
    return points.split { !$0.y.isFinite }.map { run in
      let places = run.map { (x: across($0.x) + shift, y: height($0.y)) }
      if places.count <= Int(frame.width) * 2 { return places }
      var thinned: [(x: Double, y: Double)] = []
      var start = 0
      while start < places.count {
        var end = start + 1
        while end < places.count, Int(places[end].x) == Int(places[start].x) { end += 1 }
        let column = start..<end
        let chosen = [
          start, column.min { places[$0].y < places[$1].y }!, column.max { places[$0].y < places[$1].y }!, end - 1,
        ]
        thinned += Set(chosen).sorted().map { places[$0] }
        start = end
      }
      return thinned
    }
  }

  /// Whether a logarithmic scale shows more, some stray values aside.
  private static func spansDecades(_ series: [LineChart.Series]) -> Bool {
    guard series.allSatisfy({ $0.values.allSatisfy { $0 > 0 } }) else { return false }
    let ranges = series.compactMap(\.usualRange)
    return ranges.map(\.high).max()! > 100 * ranges.map(\.low).min()!
  }

  /// The values that decide the scale: where a few spikes would press the rest flat, they are left out and counted.
  private static func withoutSpikes(_ series: [LineChart.Series]) -> (values: [Double], hidden: Int) {
    let values = series.flatMap(\.values)
    let ranges = series.compactMap(\.usualRange)
    guard let low = ranges.map(\.low).min(), let high = ranges.map(\.high).max(), high > low,
      values.max()! - values.min()! > 3 * (high - low)
    else { return (values, 0) }
    let margin = (high - low) / 4
    let shown = values.filter { $0 >= low - margin && $0 <= high + margin }
    return (shown, values.count - shown.count)
  }
}

extension LineChart.Series {
  /// The series without what has no place on the axes: a y without one becomes a gap.
  fileprivate func drawable(isLogarithmicX: Bool, isLogarithmicY: Bool) -> Self {
    // Beyond this, distances between values overflow.
    func isDrawable(_ value: Double, isLogarithmic: Bool) -> Bool {
      abs(value) < 1e100 && (!isLogarithmic || value > 1e-100)
    }
    var copy = self
    copy.points = points.filter { isDrawable($0.x, isLogarithmic: isLogarithmicX) }.map { point in
      func drawn(_ end: Double?) -> Double? { end.flatMap { isDrawable($0, isLogarithmic: isLogarithmicY) ? $0 : nil } }
      return LineChart.Point(
        x: point.x, y: drawn(point.y) ?? .nan, low: drawn(point.low), high: drawn(point.high))
    }
    return copy
  }

  /// Everything that is drawn against the y axis.
  fileprivate var values: [Double] {
    var values: [Double] = []
    for point in points where point.y.isFinite {
      values.append(point.y)
      if let low = point.low { values.append(low) }
      if let high = point.high { values.append(high) }
    }
    return values
  }

  fileprivate var hasIntervals: Bool { points.contains { $0.low != nil || $0.high != nil } }

  /// Where all but the outermost hundredth of the values are; of few values, where all are.
  fileprivate var usualRange: (low: Double, high: Double)? {
    let sorted = values.sorted()
    if sorted.isEmpty { return nil }
    let beyond = sorted.count < 50 ? 0 : sorted.count / 100
    return (sorted[beyond], sorted[sorted.count - 1 - beyond])
  }

  /// A running mean takes some values to run over.
  fileprivate var isSmoothed: Bool { isNoisy && points.count >= 20 }

  /// The mean of the values around each, taken twice so that one value's coming and going does not show.
  /// - Parameter range: where the values count; a spike would bend the line around it.
  fileprivate func smoothed(within range: ClosedRange<Double>?) -> [LineChart.Point] {
    let counting = points.map { point in range.map { $0.contains(point.y) } ?? true ? point.y : .nan }
    let values = runningMean(runningMean(counting))
    return zip(points, values).map { LineChart.Point(x: $0.x, y: $1) }
  }

  private func runningMean(_ values: [Double]) -> [Double] {
    let reach = max(2, values.count / 60)
    var sums = [0.0]
    var counts = [0]
    for value in values {
      sums.append(sums.last! + (value.isFinite ? value : 0))
      counts.append(counts.last! + (value.isFinite ? 1 : 0))
    }
    return values.indices.map { index in
      let (start, end) = (max(0, index - reach), min(values.count, index + reach + 1))
      return values[index].isFinite ? (sums[end] - sums[start]) / Double(counts[end] - counts[start]) : .nan
    }
  }
}
