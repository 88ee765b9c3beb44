extension LineChart.XAxis {
  /// Returns whether a value has a position on the axis.
  func holds(_ x: Double) -> Bool {
    switch self {
    case .linear: isDrawable(x)
    case .logarithmic: isDrawable(x) && x > 1e-100
    case .categories(let names): x > -0.5 && x < Double(names.count) - 0.5
    }
  }
}

/// Returns whether a value is small enough that distances between values do not overflow.
private func isDrawable(_ value: Double) -> Bool { abs(value) < 1e100 }

extension LineChart.Series {
  /// Returns the series without points that have no position on the axes; a y without a position becomes a gap.
  func drawable(on axis: LineChart.XAxis, isLogarithmic: Bool) -> Self {
    func drawn(_ y: Double?) -> Double? { y.flatMap { isDrawable($0) && (!isLogarithmic || $0 > 1e-100) ? $0 : nil } }
    var copy = self
    copy.points = points.filter { axis.holds($0.x) }.map { point in
      LineChart.Point(x: point.x, y: drawn(point.y) ?? .nan, low: drawn(point.low), high: drawn(point.high))
    }
    return copy
  }

  /// Values and error bars on the y axis.
  var values: [Double] {
    var values: [Double] = []
    for point in points where point.y.isFinite {
      values.append(point.y)
      if let low = point.low { values.append(low) }
      if let high = point.high { values.append(high) }
    }
    return values
  }

  var hasIntervals: Bool { points.contains { $0.low != nil || $0.high != nil } }

  /// Range of all but the outermost hundredth of the values; of all values if there are few.
  var usualRange: (low: Double, high: Double)? {
    let sorted = values.sorted()
    if sorted.isEmpty { return nil }
    let beyond = sorted.count < 50 ? 0 : sorted.count / 100
    return (sorted[beyond], sorted[sorted.count - 1 - beyond])
  }

  /// True if there are enough values for a running mean.
  var isSmoothed: Bool { isNoisy && points.count >= 20 }

  /// Returns the running mean, applied twice so that single values do not show.
  /// - Parameter range: range of the values that count; a spike outside of it does not bend the line.
  func smoothed(within range: ClosedRange<Double>?) -> [LineChart.Point] {
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
