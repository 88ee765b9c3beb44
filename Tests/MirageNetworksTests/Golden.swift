import MirageSupport
import MirageNetworks
import TestSupport
import MirageTensors
import Testing

/// One line of a list of Tests/Golden/training.json; README.md there says what the fields mean.
struct GoldenRow: Sendable, CustomTestStringConvertible {
  let fields: JSONValue
  var testDescription: String { text("name") }

  private static let folder = repository + "/Tests/Golden/"
  private static let arrays = try! SafeTensors(reading: folder + "training.safetensors").tensors
  private static let lists = try! JSONValue(parsing: try! InputFile.contents(of: folder + "training.json"))

  static func all(_ list: String) -> [GoldenRow] { rows(lists[list]) }

  private static func rows(_ value: JSONValue?) -> [GoldenRow] {
    guard case .array(let rows) = value else { preconditionFailure("training.json lacks a list") }
    return rows.map(GoldenRow.init)
  }

  func has(_ field: String) -> Bool { fields[field] != nil }

  func text(_ field: String) -> String {
    guard case .string(let text) = fields[field] else { preconditionFailure("no text \(field) in \(fields.text)") }
    return text
  }

  func number(_ field: String) -> Double {
    switch fields[field] {
    case .number(let value): return value
    case .integer(let value): return Double(value)
    default: preconditionFailure("no number \(field) in \(fields.text)")
    }
  }

  func float(_ field: String) -> Float { Float(number(field)) }
  func integer(_ field: String) -> Int { Int(number(field)) }
  func decoded<Value: Decodable>(_ field: String) -> Value { try! fields[field]!.decoded(as: Value.self) }
  func inner(_ field: String) -> GoldenRow { GoldenRow(fields: fields[field]!) }
  func rows(_ field: String) -> [GoldenRow] { GoldenRow.rows(fields[field]) }

  /// The array that a field names.
  func tensor(_ field: String) -> Tensor { GoldenRow.tensor(named: text(field)) }
  func tensors(_ field: String) -> [Tensor] { (decoded(field) as [String]).map(GoldenRow.tensor(named:)) }

  /// The arrays that an object names, by its keys.
  func state(_ field: String) -> [String: Tensor] {
    guard case .object(let names) = fields[field] else { preconditionFailure("no object \(field)") }
    return names.mapValues { name in
      guard case .string(let name) = name else { preconditionFailure("no name in \(field)") }
      return GoldenRow.tensor(named: name)
    }
  }

  private static func tensor(named name: String) -> Tensor {
    guard let stored = arrays[name] else { preconditionFailure("training.safetensors has no \(name)") }
    return Tensor(stored.values, shape: stored.shape)
  }

  /// Fails the test unless every element is within the row's `tolerance` × (1 + |expected|).
  func expect(
    _ actual: Tensor, _ expected: Tensor, _ what: String, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(
      distance(actual, expected) <= float("tolerance"), "\(testDescription): \(what)", sourceLocation: sourceLocation)
  }
}

/// How far apart the tensors are at most, as a part of 1 + |expected|; infinite where their shapes differ.
func distance(_ x: Tensor, _ expected: Tensor) -> Float {
  guard x.shape == expected.shape else { return .infinity }
  return zip(x.values, expected.values).reduce(0) { worst, pair in
    let error = abs(pair.0 - pair.1) / (1 + abs(pair.1))
    return error.isNaN ? .infinity : max(worst, error)
  }
}

extension Tensor {
  var bits: [UInt32] { withValues { $0.map(\.bitPattern) } }
}

/// A generator of this name: the same numbers in each run.
func generator(_ name: String) -> Random { Random(key: Random.Key(seed: 1, path: name), sample: 0) }

/// Training, with a generator of this name.
func training(_ name: String = "training") -> Mode { .training(generator(name)) }
