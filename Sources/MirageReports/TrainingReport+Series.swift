import MirageSupport

extension TrainingReport {
  /// A table with the last and the best value of each metric.
  var metricTable: String {
    let rows = history.series.filter { $0.name.hasPrefix("metric/") }.compactMap { series -> String? in
      let points = series.points.filter { $0.value.isFinite }
      guard let last = points.last else { return nil }
      let measure = MeasureName(series.name)
      let best =
        measure.lowerIsBetter
        ? points.min { $0.value < $1.value }! : points.max { $0.value < $1.value }!
      return """
        <tr><th scope="row">\(escaped(measure.title)) <span>\(measure.direction)</span></th>
        <td>\(NumberText.significant(last.value, .typographic))</td><td>\(NumberText.significant(best.value, .typographic))</td>
        <td class="step">\(NumberText.grouped(best.step, .typographic))</td></tr>

        """
    }
    return rows.isEmpty
      ? ""
      : """
      <table>
      <thead><tr><th scope="col">Metric</th><th scope="col">Last</th><th scope="col">Best</th>
      <th scope="col">at step</th></tr></thead>
      <tbody>
      \(rows.joined())</tbody>
      </table>

      """
  }

  /// Charts of the series that share the part of their names before the slash. Metrics and speeds have different
  /// units and get a chart each.
  var charts: [LineChart] {
    var groups: [(key: String, series: [TrainingHistory.Series])] = []
    for series in history.series {
      let prefix = MeasureName.prefix(of: series.name)
      let key = ["metric", "speed"].contains(prefix) ? series.name : prefix
      if let place = groups.firstIndex(where: { $0.key == key }) {
        groups[place].series.append(series)
      } else {
        groups.append((key, [series]))
      }
    }
    // Losses are first, followed by metrics, other series in their order, and speeds.
    func rank(_ key: String) -> Int {
      key == "loss" ? 0 : key.hasPrefix("metric/") ? 1 : key.hasPrefix("speed/") ? 3 : 2
    }
    let ordered = (0...3).flatMap { wanted in groups.filter { rank($0.key) == wanted } }
    let range = history.steps.map { Double($0.lowerBound)...Double($0.upperBound) }
    return ordered.map { key, series in
      let measure = MeasureName(key)
      let isNoisy = !key.hasPrefix("metric/") && key != "learning-rate"
      return LineChart(
        title: measure.title, detail: key.hasPrefix("metric/") ? measure.direction : "", xLabel: "step",
        // The order by name gives the discriminator the same color in every chart.
        series: series.sorted { $0.name < $1.name }.map { series in
          let points = series.points.map { LineChart.Point(x: Double($0.step), y: $0.value) }
          return LineChart.Series(MeasureName(series.name).title, points, isNoisy: isNoisy)
        }, xRange: range)
    }
  }
}
