import MirageSupport

/// Metrics with the numbers of samples they were taken of.
public struct EvaluationReport: Sendable {
  /// One number.
  public struct Row: Sendable {
    /// Of the metric, such as `FID`.
    public var name: String
    /// Shares are 0 to 1, not per cent.
    public var value: Double
    /// Over splits or subsets, where there are some.
    public var deviation: Double?
    /// How many of which samples took part.
    public var samples: [(kind: String, count: Int)]
  }

  /// What the features are of.
  public var features: String
  /// In the order they were asked for.
  public private(set) var rows: [Row] = []
  /// What was left out, and why.
  public var remarks: [String] = []

  init(features: String) { self.features = features }

  mutating func add(_ name: String, _ value: Double, _ deviation: Double? = nil, of samples: [(String, Int)]) {
    rows.append(Row(name: name, value: value, deviation: deviation, samples: samples.map { ($0.0, $0.1) }))
  }

  /// The value of a metric by its name.
  public subscript(name: String) -> Double? { rows.first { $0.name == name }?.value }

  /// `features`, `metrics` (each with `name`, `value`, `samples` and perhaps `deviation`) and `remarks`.
  public var json: JSONValue {
    [
      "features": .string(features),
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

  /// A table, with the numbers of samples beside every metric.
  public var text: String {
    let width = (rows.map(\.name.count).max() ?? 0) + 2
    var lines = ["features of \(features)"]
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

/// Four significant digits, at most six decimals.
private func digits(_ value: Double) -> String {
  var (decimals, size) = (0, abs(value))
  while size < 1000 && decimals < 6 { (decimals, size) = (decimals + 1, size * 10) }
  return NumberText.rounded(value, decimals: decimals)
}
