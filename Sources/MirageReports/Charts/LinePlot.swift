import MirageSupport

/// Drawing of a line chart.
struct LinePlot {
  private let chart: LineChart
  /// Points that can be drawn; a gap is not-a-number.
  private let series: [LineChart.Series]
  private let x, y: ChartScale
  private let frame: ChartFrame
  private let header: ChartHeader
  private let isClipped: Bool
  /// True if the series are shifted slightly, so that their error bars do not hide each other.
  private let isApart: Bool

  init(_ chart: LineChart) {
    self.chart = chart
    var series = chart.series.map { $0.drawable(on: chart.xAxis, isLogarithmic: false) }
    let isLogarithmic =
      switch chart.yAxis {
      case .automatic: series.contains { !$0.values.isEmpty } && Self.spansDecades(series)
      case .linear: false
      case .logarithmic: true
      }
    if isLogarithmic {
      series = series.map { $0.drawable(on: chart.xAxis, isLogarithmic: true) }
    }
    self.series = series
    let values = series.flatMap(\.values)
    let y = ChartScale(
      isLogarithmic ? values : Self.withoutSpikes(values, of: series), isLogarithmic: isLogarithmic,
      count: max(2, Int(chart.height / 65)))
    let hidden = values.count { $0 < y.low || $0 > y.high }
    isClipped = hidden > 0
    var details = chart.detail.isEmpty ? [] : [chart.detail]
    if isLogarithmic { details.append("log scale") }
    if isClipped {
      details.append("\(NumberText.grouped(hidden, .typographic)) value\(hidden == 1 ? "" : "s") off the scale")
    }
    header = ChartHeader(
      title: chart.title, detail: details.joined(separator: " · "), names: series.map(\.name), width: chart.width)
    let bottom = chart.height - (chart.xLabel.isEmpty ? 26 : 44)
    self.y = y
    let left = (y.ticks.map { textWidth(y.label($0)) }.max() ?? 0) + 10
    frame = ChartFrame(
      left: left, top: header.height, width: chart.width - left - 14, height: bottom - header.height)
    let places = series.flatMap(\.points).filter { $0.y.isFinite }.map(\.x)
    let range = chart.xRange.map { [$0.lowerBound, $0.upperBound].filter(chart.xAxis.holds) } ?? []
    switch chart.xAxis {
    case .categories(let names):
      x = ChartScale([-0.5, Double(max(1, names.count)) - 0.5], count: 2, isRounded: false)
    case .logarithmic where range.isEmpty && (1...10).contains(Set(places).count):
      x = ChartScale(logarithmicAt: Set(places).sorted())
    case .logarithmic, .linear:
      x = ChartScale(
        places + range, isLogarithmic: chart.xAxis == .logarithmic, count: max(2, Int(frame.width / 80)),
        isRounded: false)
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
    // Without values, the numbers of the scale have no meaning.
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
      canvas.text(chart.xLabel, x: frame.left + frame.width / 2, y: frame.bottom + 36, anchor: .middle)
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

  /// Draws the points as dots with their error bars, if they are few.
  private func drawPoints(of index: Int, on canvas: inout SVGCanvas) {
    let (series, style) = (series[index], seriesStyle(index))
    let (hasIntervals, isSparse) = (series.hasIntervals, series.points.count <= 40)
    for (place, point) in series.points.enumerated() where point.y.isFinite {
      let here = (x: across(point.x) + shift(index), y: height(point.y))
      if hasIntervals {
        let (low, high) = (height(point.low ?? point.y), height(point.high ?? point.y))
        canvas.line(here.x, low, here.x, high, style: "interval \(style)")
        for end in [low, high] where abs(end - here.y) > 1 {
          canvas.line(here.x - 3.5, end, here.x + 3.5, end, style: "interval \(style)")
        }
      }
      // A point between two gaps is not on a line and needs a dot.
      if isSparse || isAlone(place, in: series.points), point.y >= y.low, point.y <= y.high {
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
      place = names[Int(point.x.rounded())]
    } else if !chart.xLabel.isEmpty {
      place = "\(chart.xLabel) \(NumberText.trimmed(NumberText.significant(point.x, digits: 9, .typographic)))"
    }
    var text = "\(series.name), \(place): \(NumberText.significant(point.y, .typographic))"
    if let low = point.low, let high = point.high {
      text += " (\(NumberText.significant(low, .typographic)) to \(NumberText.significant(high, .typographic)))"
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

  /// Returns the points as lines in the drawing, broken at gaps, without points that cannot be distinguished: each
  /// column of pixels has its first, lowest, highest and last point.
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

  /// Returns whether the values are positive and span more than two powers of ten, apart from outliers.
  private static func spansDecades(_ series: [LineChart.Series]) -> Bool {
    guard series.allSatisfy({ $0.values.allSatisfy { $0 > 0 } }) else { return false }
    let ranges = series.compactMap(\.usualRange)
    return ranges.map(\.high).max()! > 100 * ranges.map(\.low).min()!
  }

  /// Returns the values that determine the scale, without a few spikes that would flatten the rest.
  private static func withoutSpikes(_ values: [Double], of series: [LineChart.Series]) -> [Double] {
    let ranges = series.compactMap(\.usualRange)
    guard let low = ranges.map(\.low).min(), let high = ranges.map(\.high).max(), high > low,
      values.max()! - values.min()! > 3 * (high - low)
    else { return values }
    let margin = (high - low) / 4
    return values.filter { $0 >= low - margin && $0 <= high + margin }
  }
}
