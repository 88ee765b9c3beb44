import MirageReports
import MirageSupport

/// Summary of the outcomes of a `Proof`: a measure of each arm, and its differences from the arms it is compared with.
package struct GainTable: Sendable {
  /// Paired difference from another arm.
  package struct Gain: Sendable, Equatable {
    /// Name of the other arm.
    package var reference: String
    /// Mean of the differences, seed by seed.
    package var value: Double
    /// Half the width of the 95 % confidence interval; nil for a single repetition.
    package var interval: Double?
  }

  /// One arm at one size.
  package struct Cell: Sendable {
    /// Size of the training data; 0 for all.
    package var size: Int
    /// Name of the arm.
    package var arm: String
    /// Mean of the measure over the repetitions, 0 to 1.
    package var value: Double
    /// Half the width of its 95 % confidence interval; nil for a single repetition.
    package var interval: Double?
    /// Differences from the arms it is compared with, without itself.
    package var gains: [Gain]
    /// Number of repetitions.
    package var seeds: Int
  }

  /// Cells in ascending order of size, each size with all arms.
  package let cells: [Cell]
  private let measure: String
  private let arms, references: [String]
  private let sizeTitle: String

  /// Summarizes outcomes. A repetition that lacks an arm is left out for its size.
  ///
  /// - Parameter measure: `accuracy`, or one of the design's measures.
  package init(_ outcomes: [Proof.Outcome], of design: any ProofDesign, measure: String = "accuracy") {
    (self.measure, arms, references, sizeTitle) = (measure, design.arms, design.references, design.sizeTitle)
    var cells: [Cell] = []
    // Size 0, all samples, is last.
    let sizes = Set(outcomes.map(\.size)).sorted { ($0 == 0 ? Int.max : $0) < ($1 == 0 ? Int.max : $1) }
    for size in sizes {
      let bySeed = Dictionary(grouping: outcomes.filter { $0.size == size }, by: \.seed)
        .filter { $0.value.count == design.arms.count }.sorted { $0.key < $1.key }.map(\.value)
      if bySeed.isEmpty { continue }
      func values(_ arm: String) -> [Double] { bySeed.map { $0.first { $0.arm == arm }?.value(measure) ?? 0 } }
      for arm in arms {
        let own = values(arm)
        let gains = references.filter { $0 != arm }.map { reference in
          let differences = zip(own, values(reference)).map { $0 - $1 }
          return Gain(reference: reference, value: mean(differences), interval: halfInterval(differences))
        }
        cells.append(
          Cell(size: size, arm: arm, value: mean(own), interval: halfInterval(own), gains: gains, seeds: own.count))
      }
    }
    self.cells = cells
  }

  /// JSON list of the cells; the measure and gains are fractions.
  package var json: JSONValue {
    .array(
      cells.map { cell in
        var fields: [String: JSONValue] = [
          "size": cell.size == 0 ? "all" : .integer(cell.size), "arm": .string(cell.arm),
          measure: .number(cell.value), "seeds": .integer(cell.seeds),
        ]
        fields["\(measure)-interval"] = cell.interval.map { .number($0) }
        fields["gains"] = .array(
          cell.gains.map { gain in
            var fields: [String: JSONValue] = ["over": .string(gain.reference), "gain": .number(gain.value)]
            fields["interval"] = gain.interval.map { .number($0) }
            return .object(fields)
          })
        return .object(fields)
      })
  }

  /// Markdown table in %: one row for each size and arm, with the paired differences from the arms it is compared with.
  package var markdown: String {
    func number(_ value: Double, _ interval: Double?) -> String {
      NumberText.percent(value) + (interval.map { " ± \(NumberText.percent($0))" } ?? "")
    }
    var lines = [
      "| \(sizeTitle) | trained on | \(measure) | " + references.map { "over \($0)" }.joined(separator: " | ") + " |",
      "| ---: | --- | --- |" + references.map { _ in " --- |" }.joined(),
    ]
    for cell in cells {
      let gains = references.map { reference in
        cell.gains.first { $0.reference == reference }.map { ($0.value < 0 ? "" : "+") + number($0.value, $0.interval) }
          ?? ""
      }
      lines.append(
        "| \(cell.size == 0 ? "all" : "\(cell.size)") | \(cell.arm) | \(number(cell.value, cell.interval)) | "
          + gains.joined(separator: " | ") + " |")
    }
    let seeds = Set(cells.map(\.seeds)).sorted().map(String.init).joined(separator: " or ")
    return lines.joined(separator: "\n")
      + "\n\nIn % on the test samples, mean of \(seeds) seeds, with paired differences from other arms. "
      + "± is half of the 95 % confidence interval (Student's t).\n"
  }

  /// Chart of the measure by size, with a line for each arm; bars for a single size.
  package var chart: LineChart {
    let sizes = cells.map(\.size).reduce(into: [Int]()) { if !$0.contains($1) { $0.append($1) } }
    func point(_ x: Int, _ cell: Cell) -> LineChart.Point {
      LineChart.Point(
        x: Double(x), y: 100 * cell.value, low: cell.interval.map { 100 * (cell.value - $0) },
        high: cell.interval.map { 100 * (cell.value + $0) })
    }
    let title = "Test \(measure) in %"
    if sizes.count == 1 {
      return LineChart(
        title: title, detail: "bars: 95 % confidence", xLabel: "trained on",
        series: [LineChart.Series("", cells.enumerated().map { point($0, $1) })], xAxis: .categories(cells.map(\.arm)))
    }
    let series = arms.map { arm in
      LineChart.Series(arm, cells.filter { $0.arm == arm }.map { point(sizes.firstIndex(of: $0.size) ?? 0, $0) })
    }
    return LineChart(
      title: title, detail: "bars: 95 % confidence", xLabel: sizeTitle, series: series,
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
