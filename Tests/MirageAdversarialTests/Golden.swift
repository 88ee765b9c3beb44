import MirageSupport
import MirageNetworks
import TestSupport
import MirageTensors
import Testing

/// One line of a list of Tests/Golden/adversarial.json; README.md there says what the fields mean.
struct GoldenRow: Sendable, CustomTestStringConvertible {
  let fields: JSONValue
  var testDescription: String { decoded("name") }

  private static let stem = repository + "/Tests/Golden/adversarial"
  private static let arrays = try! SafeTensors(reading: stem + ".safetensors").tensors
  private static let lists = try! JSONValue(parsing: try! InputFile.contents(of: stem + ".json"))

  static func all(_ list: String) -> [GoldenRow] {
    guard case .array(let rows) = lists[list] else { preconditionFailure("adversarial.json lacks \(list)") }
    return rows.map(GoldenRow.init)
  }

  func decoded<Value: Decodable>(_ field: String, as type: Value.Type = Value.self) -> Value {
    try! fields[field]!.decoded(as: type)
  }

  /// The array that a field names.
  func tensor(_ field: String) -> Tensor { GoldenRow.tensor(named: decoded(field)) }

  /// The arrays that an object names, by its keys.
  func tensors(_ field: String) -> [String: Tensor] {
    decoded(field, as: [String: String].self).mapValues(GoldenRow.tensor(named:))
  }

  private static func tensor(named name: String) -> Tensor {
    guard let stored = arrays[name] else { preconditionFailure("adversarial.safetensors has no \(name)") }
    return Tensor(stored)
  }

  /// Fails the test unless every element is within the row's `tolerance` × (1 + |expected|).
  func expect(
    _ actual: Tensor, _ expected: Tensor, _ what: String, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(actual.shape == expected.shape, "\(testDescription): \(what)", sourceLocation: sourceLocation)
    let worst = zip(actual.values, expected.values).map { abs($0 - $1) / (1 + abs($1)) }.max() ?? 0
    #expect(worst <= decoded("tolerance"), "\(testDescription): \(what)", sourceLocation: sourceLocation)
  }
}

/// The generator of this path: the same numbers in each run, and in make_adversarial.py.
func randomNumbers(_ path: String) -> Random { Random(key: Random.Key(seed: 1, path: path), sample: 0) }

extension [String: Tensor] {
  /// Shapes and bits, to compare exactly.
  var bits: [String: [UInt32]] {
    mapValues { tensor in tensor.shape.map { UInt32($0) } + tensor.values.map(\.bitPattern) }
  }
}

/// On one thread: tiny networks gain nothing from a second one, and on a busy machine wait for it. The number is the
/// process's, so tests run one after the other (`--no-parallel`).
func onOneThread<Result>(_ body: () throws -> Result) rethrows -> Result {
  let before = Compute.threads
  defer { Compute.threads = before }
  Compute.threads = 1
  return try body()
}
