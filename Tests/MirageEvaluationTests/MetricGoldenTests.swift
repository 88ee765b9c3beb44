import MirageEvaluation
import MirageSupport
import TestSupport
import Testing

/// One line of a list of Tests/Golden/metrics.json; README.md there says what the fields mean.
struct MetricRow: Sendable, CustomTestStringConvertible {
  let fields: JSONValue
  var testDescription: String { text("name") }

  private static let folder = repository + "/Tests/Golden/"
  private static let arrays = try! SafeTensors(reading: folder + "metrics.safetensors").tensors
  private static let lists = try! JSONValue(parsing: try! InputFile.contents(of: folder + "metrics.json"))

  static func all(_ list: String) -> [MetricRow] {
    guard case .array(let rows) = lists[list] else { preconditionFailure("metrics.json lacks \(list)") }
    return rows.map(MetricRow.init)
  }

  func number(_ field: String) -> Double {
    switch fields[field] {
    case .number(let value): return value
    case .integer(let value): return Double(value)
    default: preconditionFailure("no number \(field) in \(fields.text)")
    }
  }

  func features(_ field: String) throws -> Features { try MetricRow.features(named: text(field)) }

  static func features(named name: String) throws -> Features {
    guard let stored = arrays[name] else { preconditionFailure("metrics.safetensors has no \(name)") }
    return try Features(stored.values, dimensions: stored.shape[1])
  }

  private func text(_ field: String) -> String {
    guard case .string(let text) = fields[field] else { preconditionFailure("no text \(field) in \(fields.text)") }
    return text
  }
}

/// Metrics against SciPy, scikit-learn and prdc (Tests/Golden/make_metrics.py).
@Suite struct MetricGoldenTests {
  @Test(arguments: MetricRow.all("frechet")) func frechetDistance(_ row: MetricRow) throws {
    let distance = try FrechetDistance.between(row.features("first"), row.features("second"))
    #expect(distance >= 0 && abs(distance - row.number("expected")) < 1e-11 * row.number("scale"), "\(distance)")
  }

  /// One subset of all samples, in another order.
  @Test(arguments: MetricRow.all("kernel")) func kernelDistance(_ row: MetricRow) throws {
    let distance = try KernelDistance(row.features("first"), row.features("second"), subsets: 1)
    #expect(abs(distance.mean - row.number("expected")) < 1e-12 * row.number("scale"), "\(distance)")
    #expect(distance.standardDeviation == 0)
  }

  @Test(arguments: MetricRow.all("inception")) func inceptionScore(_ row: MetricRow) throws {
    let score = try InceptionScore(probabilities: row.features("probabilities"), splits: Int(row.number("splits")))
    #expect(abs(score.mean - row.number("mean")) < 1e-7, "\(score)")
    #expect(abs(score.standardDeviation - row.number("deviation")) < 1e-7, "\(score)")
  }

  @Test(arguments: MetricRow.all("neighborhoods")) func neighborhoods(_ row: MetricRow) throws {
    let found = try Neighborhoods(
      real: row.features("real"), generated: row.features("generated"),
      precisionNeighbors: Int(row.number("neighbors")), densityNeighbors: Int(row.number("density-neighbors")))
    for (value, name) in [
      (found.precision, "precision"), (found.recall, "recall"), (found.density, "density"),
      (found.coverage, "coverage"),
    ] {
      #expect(abs(value - row.number(name)) < 1e-12, "\(name): \(value)")
    }
  }

  @Test(arguments: MetricRow.all("memorization")) func memorization(_ row: MetricRow) throws {
    let found = try Memorization(
      generated: row.features("generated"), training: row.features("training"), heldOut: row.features("held-out"))
    #expect(abs(found.meanRatio - row.number("mean")) < 1e-9, "\(found)")
    #expect(abs(found.medianRatio - row.number("median")) < 1e-9, "\(found)")
    #expect(abs(found.fractionNearerTraining - row.number("share")) < 1e-12, "\(found)")
  }
}
