import MirageReports
import MirageSupport

/// Summary of the outcomes of `DownstreamGain`: the accuracy of each arm, and its gain over real samples alone.
package struct GainTable: Sendable {
  /// One arm at one size.
  package struct Cell: Sendable {
    /// Number of real samples per class; 0 for all.
    package var size: Int
    /// Training data of the classifiers.
    package var arm: DownstreamGain.Arm
    /// Mean accuracy over the repetitions, 0 to 1.
    package var accuracy: Double
    /// Half the width of the accuracy's 95 % confidence interval; nil for a single repetition.
    package var interval: Double?
    /// Mean of the paired differences in accuracy from real samples alone.
    package var gain: Double
    /// Half the width of the gain's 95 % confidence interval; nil for a single repetition.
    package var gainInterval: Double?
    /// Number of repetitions.
    package var seeds: Int
  }

  /// Cells in ascending order of size, each size with all arms.
  package let cells: [Cell]

  /// Summarizes outcomes. A repetition that lacks an arm is left out for its size.
  package init(_ outcomes: [DownstreamGain.Outcome]) {
    var cells: [Cell] = []
    // Size 0, all samples, is last.
    let sizes = Set(outcomes.map(\.size)).sorted { ($0 == 0 ? Int.max : $0) < ($1 == 0 ? Int.max : $1) }
    for size in sizes {
      let bySeed = Dictionary(grouping: outcomes.filter { $0.size == size }, by: \.seed)
        .filter { $0.value.count == DownstreamGain.Arm.allCases.count }.sorted { $0.key < $1.key }.map(\.value)
      if bySeed.isEmpty { continue }
      func values(_ arm: DownstreamGain.Arm) -> [Double] { bySeed.map { $0.first { $0.arm == arm }!.accuracy } }
      for arm in DownstreamGain.Arm.allCases {
        let own = values(arm)
        let gains = zip(own, values(.real)).map { $0 - $1 }
        cells.append(
          Cell(
            size: size, arm: arm, accuracy: mean(own), interval: halfInterval(own), gain: mean(gains),
            gainInterval: halfInterval(gains), seeds: own.count))
      }
    }
    self.cells = cells
  }

  /// JSON list of the cells; accuracies and gains are fractions.
  package var json: JSONValue {
    .array(
      cells.map { cell in
        var fields: [String: JSONValue] = [
          "per-class": cell.size == 0 ? "all" : .integer(cell.size), "arm": .string(cell.arm.rawValue),
          "accuracy": .number(cell.accuracy), "gain": .number(cell.gain), "seeds": .integer(cell.seeds),
        ]
        fields["accuracy-interval"] = cell.interval.map { .number($0) }
        fields["gain-interval"] = cell.gainInterval.map { .number($0) }
        return .object(fields)
      })
  }

  /// Markdown table: accuracy in %, and in brackets the gain over real samples alone with its 95 % confidence interval.
  package var markdown: String {
    let arms = DownstreamGain.Arm.allCases
    var lines = [
      "| per class | " + arms.map(\.rawValue).joined(separator: " | ") + " |",
      "| ---: |" + arms.map { _ in " --- |" }.joined(),
    ]
    for size in sizes {
      let row = cells.filter { $0.size == size }.map { cell -> String in
        if cell.arm == .real {
          return NumberText.percent(cell.accuracy) + (cell.interval.map { " ± \(NumberText.percent($0))" } ?? "")
        }
        let sign = cell.gain < 0 ? "" : "+"
        let interval = cell.gainInterval.map { " ± \(NumberText.percent($0))" } ?? ""
        return "\(NumberText.percent(cell.accuracy)) (\(sign)\(NumberText.percent(cell.gain))\(interval))"
      }
      lines.append("| \(size == 0 ? "all" : "\(size)") | " + row.joined(separator: " | ") + " |")
    }
    let seeds = Set(cells.map(\.seeds)).sorted().map(String.init).joined(separator: " or ")
    return lines.joined(separator: "\n")
      + "\n\nTest accuracy in %, mean of \(seeds) seeds; in brackets the paired difference from real samples alone. "
      + "± is half of the 95 % confidence interval (Student's t).\n"
  }

  /// Sizes in the order of the cells.
  private var sizes: [Int] { cells.map(\.size).reduce(into: []) { if !$0.contains($1) { $0.append($1) } } }

  /// Chart of accuracy by number of real samples per class, with a line for each arm.
  package var chart: LineChart {
    let sizes = sizes
    let series = DownstreamGain.Arm.allCases.map { arm in
      LineChart.Series(
        arm.rawValue,
        cells.filter { $0.arm == arm }.map { cell in
          LineChart.Point(
            x: Double(sizes.firstIndex(of: cell.size)!), y: 100 * cell.accuracy,
            low: cell.interval.map { 100 * (cell.accuracy - $0) },
            high: cell.interval.map { 100 * (cell.accuracy + $0) })
        })
    }
    return LineChart(
      title: "Test accuracy in %", detail: "bars: 95 % confidence", xLabel: "real samples of each class",
      series: series,
      xAxis: .categories(sizes.map { $0 == 0 ? "all" : "\($0)" }))
  }
}

private func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }

/// Returns half the width of the 95 % confidence interval of a mean; nil for a single value.
private func halfInterval(_ values: [Double]) -> Double? {
  guard values.count > 1 else { return nil }
  let middle = mean(values)
  let variance = values.reduce(0) { $0 + ($1 - middle) * ($1 - middle) } / Double(values.count - 1)
  return studentQuantile(values.count - 1) * (variance / Double(values.count)).squareRoot()
}

/// Returns the 97.5 % quantile of Student's t distribution.
private func studentQuantile(_ freedom: Int) -> Double {
  let table = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
    2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
  ]
  return freedom <= table.count ? table[freedom - 1] : 1.96 + 2.4 / Double(freedom)
}
