import MirageSupport

/// Results of a `DatasetEvaluation`: each metric with the numbers of samples that it was computed from.
public struct EvaluationReport: Sendable {
  /// A metric.
  public struct Row: Sendable {
    /// Name of the metric, such as `FID`.
    public var name: String
    /// Value of the metric. Fractions are 0 to 1, not per cent.
    public var value: Double
    /// Standard deviation over splits or subsets; `nil` for a metric without any.
    public var deviation: Double?
    /// Kinds of samples that the metric was computed from, such as `generated`, and their numbers.
    public var samples: [(kind: String, count: Int)]
  }

  /// Name of the network that computed the features; nil if none did.
  public var features: String?
  /// Metrics in the order of `DatasetEvaluation.metrics`.
  public private(set) var rows: [Row] = []
  /// Remarks for the reader, such as which metrics were left out and why.
  public var remarks: [String] = []

  /// Creates a report without metrics.
  package init(features: String? = nil) { self.features = features }

  /// Adds a metric.
  package mutating func add(_ name: String, _ value: Double, _ deviation: Double? = nil, of samples: [(String, Int)]) {
    rows.append(Row(name: name, value: value, deviation: deviation, samples: samples.map { ($0.0, $0.1) }))
  }

  /// Value of the metric with this name; `nil` if there is none.
  public subscript(name: String) -> Double? { rows.first { $0.name == name }?.value }

  /// JSON object of `features`, `metrics` (each with `name`, `value`, `samples` and, if there is one, `deviation`) and
  /// `remarks`.
  public var json: JSONValue {
    [
      "features": features.map { .string($0) } ?? .null,
      "metrics": .array(
        rows.map { row in
          var fields: [String: JSONValue] = [
            "name": .string(row.name), "value": .number(row.value),
            "samples": .object(Dictionary(row.samples.map { ($0.kind, .integer($0.count)) }) { $1 }),
          ]
          fields["deviation"] = row.deviation.map { .number($0) }
          return .object(fields)
        }),
      "remarks": .array(remarks.map { .string($0) }),
    ]
  }

  /// Table of the metrics for a terminal, with the numbers of samples beside each, followed by the remarks.
  public var text: String {
    let width = (rows.map(\.name.count).max() ?? 0) + 2
    var lines = features.map { ["features of \($0)"] } ?? []
    for row in rows {
      let name = row.name + String(repeating: " ", count: width - row.name.count)
      var value = digits(row.value) + (row.deviation.map { " ± \(digits($0))" } ?? "")
      value += String(repeating: " ", count: max(1, 20 - value.count))
      lines.append(
        name + value + "(" + row.samples.map { "\($0.count) \($0.kind)" }.joined(separator: ", ") + ")")
    }
    return (lines + remarks).joined(separator: "\n")
  }
}

/// Formats a number with four significant digits, and at most six decimals.
private func digits(_ value: Double) -> String {
  var (decimals, size) = (0, abs(value))
  while size < 1000 && decimals < 6 { (decimals, size) = (decimals + 1, size * 10) }
  return NumberText.rounded(value, decimals: decimals)
}
