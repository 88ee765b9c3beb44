import MirageSupport
import MirageNetworks
import TestSupport
import MirageTensors
import Testing

/// The lists of a golden file and their arrays.
struct GoldenFile: Sendable {
  let lists: JSONValue
  let arrays: [String: StoredTensor]
  private let name: String

  static let adversarial = GoldenFile("adversarial")
  static let cycleGAN = GoldenFile("cyclegan")
  static let translation = GoldenFile("translation")

  private init(_ name: String) {
    self.name = name
    let stem = repository + "/Tests/Golden/" + name
    arrays = try! SafeTensors(reading: stem + ".safetensors").tensors
    lists = try! JSONValue(parsing: try! InputFile.contents(of: stem + ".json"))
  }

  func rows(_ list: String) -> [GoldenRow] {
    guard case .array(let rows) = lists[list] else { preconditionFailure("\(name).json lacks \(list)") }
    return rows.map { GoldenRow(fields: $0, file: self) }
  }

  func tensor(named key: String) -> Tensor {
    guard let stored = arrays[key] else { preconditionFailure("\(name).safetensors has no \(key)") }
    return Tensor(stored)
  }
}

/// One line of a list of a golden file; Tests/Golden/README.md says what the fields mean.
struct GoldenRow: Sendable, CustomTestStringConvertible {
  let fields: JSONValue
  let file: GoldenFile
  var testDescription: String { decoded("name") }

  /// The lines of a list of adversarial.json.
  static func all(_ list: String) -> [GoldenRow] { GoldenFile.adversarial.rows(list) }

  func decoded<Value: Decodable>(_ field: String, as type: Value.Type = Value.self) -> Value {
    try! fields[field]!.decoded(as: type)
  }

  /// The value of a field; nil if the line does not have it.
  func optional<Value: Decodable>(_ field: String, as type: Value.Type = Value.self) -> Value? {
    fields[field].map { try! $0.decoded(as: type) }
  }

  /// The array that a field names.
  func tensor(_ field: String) -> Tensor { file.tensor(named: decoded(field)) }

  /// The arrays that an object names, by its keys.
  func tensors(_ field: String) -> [String: Tensor] {
    decoded(field, as: [String: String].self).mapValues(file.tensor(named:))
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

extension Tensor {
  /// At most 16 elements at even distances, then the root of their mean square over all: a row of a golden file.
  var summary: [Float] {
    let (values, samples) = (values, 16)
    let every = (values.count + samples - 1) / samples | 1
    let chosen = stride(from: 0, to: values.count, by: every).map { values[$0] }
    let square = values.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(values.count)
    return chosen + [Float](repeating: 0, count: samples - chosen.count) + [Float(square.squareRoot())]
  }
}

/// Checks the summaries of named tensors against `rows`, one row a name; each value may be off by the name's tolerance,
/// relative to its own size and the root in its row.
func expectRows(
  _ state: [String: Tensor], _ rows: Tensor, names: [String], tolerances: [Float], _ what: String
) throws {
  #expect(rows.shape[0] == names.count && tolerances.count == names.count)
  for (index, (name, tolerance)) in zip(names, tolerances).enumerated() {
    let expected = rows.sliced(axis: 0, index..<index + 1).values
    let found = try #require(state[name], "\(name)").summary
    let worst = zip(found, expected).map { abs($0 - $1) / (abs($1) + expected.last! + 1e-30) }.max()!
    #expect(worst <= tolerance, "\(what): \(name)")
  }
}

/// The names of a module's parameters in their order.
struct ParameterNames: StateVisitor {
  private(set) var names: [String] = []
  private var prefix = ""

  init(_ module: any Module) { module.visit(&self) }

  mutating func visit(_ parameter: Parameter, _ name: String) { names.append(prefix + name) }
  mutating func visit(_ buffer: Buffer, _ name: String) {}
  mutating func visit(_ module: any Module, _ name: String) {
    let outer = prefix
    prefix += name + "."
    module.visit(&self)
    prefix = outer
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

/// Uniform numbers between the bounds of each entry of a state, drawn from the path and the entry's name.
func drawn(_ bounds: [String: [Float]], like state: [String: Tensor], _ path: String) throws -> [String: Tensor] {
  #expect(Set(bounds.keys) == Set(state.keys))
  return try bounds.reduce(into: [:]) { drawn, entry in
    var random = randomNumbers("\(path)/\(entry.key)")
    let shape = try #require(state[entry.key]).shape
    drawn[entry.key] = .uniform(shape, in: entry.value[0]...entry.value[1], using: &random)
  }
}

/// The state of networks after a step of a golden file.
struct GoldenState: Decodable {
  var names: [String]
  var tolerances: [Float]
  var rows: String
}
