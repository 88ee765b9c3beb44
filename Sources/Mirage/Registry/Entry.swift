/// One component as pipeline files know it: validation, help, the JSON Schema and the reference page come from here.
public struct Entry: Sendable {
  public enum Kind: String, Sendable, CaseIterable { case source, augmentation, stage, sink }

  public let name: String
  public let kind: Kind
  /// One sentence.
  public let summary: String
  public let fields: [Field]
  /// The field that a plain value stands for: `copies: 2` is `copies: {count: 2}`.
  public let primary: String?
  /// Makes the component from its settings, all in their full form, and from the lists of components among them by the
  /// path of their field, such as `of`. An error may name the path of the setting it is about, such as `model.loss`, as
  /// its place: it is then shown where the file gives that setting.
  let build: @Sendable (JSONValue, [String: [any Component]]) throws -> any Component

  package init(
    name: String, kind: Kind, summary: String, fields: [Field], primary: String?,
    build: @escaping @Sendable (JSONValue, [String: [any Component]]) throws -> any Component
  ) {
    self.name = name
    self.kind = kind
    self.summary = summary
    self.fields = fields
    self.primary = primary
    self.build = build
  }

  /// An entry whose settings decode as they are.
  package static func plain<C: Component & Decodable>(
    _ type: C.Type, _ kind: Kind, _ summary: String, primary: String? = nil, _ fields: [Field]
  ) -> Entry {
    Entry(name: C.name, kind: kind, summary: summary, fields: fields, primary: primary) { settings, _ in
      try settings.decoded(as: type)
    }
  }
}

/// One setting of a component.
public struct Field: Sendable {
  public let name: String
  public let type: FieldType
  /// Nil where the setting must be given; null where nothing is a value of its own.
  public let standard: JSONValue?
  /// One line.
  public let summary: String

  /// A setting that must be given. A group must only where one of its settings must: else it has their defaults.
  package init(_ name: String, _ type: FieldType, _ summary: String) {
    var standard: JSONValue?
    if case .group(let fields) = type, fields.allSatisfy({ $0.standard != nil }) {
      let given = fields.filter { $0.standard != .null }
      standard = .object(Dictionary(uniqueKeysWithValues: given.map { ($0.name, $0.standard!) }))
    }
    self.init(name, type, standard, summary)
  }

  package init(_ name: String, _ type: FieldType, _ standard: JSONValue?, _ summary: String) {
    self.name = name
    self.type = type
    self.standard = standard
    self.summary = summary
  }
}

public enum FieldType: Sendable {
  case integer(ClosedRange<Int>)
  /// One of a few whole numbers.
  case integers([Int])
  case number(ClosedRange<Double>)
  case boolean
  case string
  case choice([String])
  /// A list of different names out of these, where one name stands for a list of one.
  case choices([String])
  /// A file or directory, relative to the pipeline file.
  case path
  /// `[low, high]`, where one number stands for both.
  case integerRange(ClosedRange<Int>)
  /// `[low, high]`, where one number v stands for `[v, v]`, or `[-v, v]` where it is symmetric.
  case numberRange(ClosedRange<Double>, symmetric: Bool)
  /// A list of numbers, where one number stands for a list of one.
  case numbers(ClosedRange<Double>, count: ClosedRange<Int>)
  case strings
  /// `[height, width]`, where n stands for `[n, n]`.
  case size
  /// `[left, top, right, bottom]`, where n stands for four and `[x, y]` for `[x, y, x, y]`.
  case padding
  /// A byte for all channels, or a list of one for each.
  case color
  /// Another component.
  case component([Entry.Kind])
  /// A list of other components.
  case components([Entry.Kind])
  /// Settings of their own.
  case group([Field])

  /// The type in words.
  public var text: String {
    switch self {
    case .integer(let range): "whole number \(bounds(range.lowerBound, range.upperBound))"
    case .integers(let values): values.map(String.init).joined(separator: " | ")
    case .number(let range): "number \(bounds(range.lowerBound, range.upperBound))"
    case .boolean: "true or false"
    case .string: "text"
    case .choice(let names): names.joined(separator: " | ")
    case .choices(let names): "list of \(names.joined(separator: " | "))"
    case .path: "path"
    case .integerRange(let range): "[low, high] of whole numbers \(bounds(range.lowerBound, range.upperBound))"
    case .numberRange(let range, let symmetric):
      "[low, high] \(bounds(range.lowerBound, range.upperBound))" + (symmetric ? "; v means [-v, v]" : "")
    case .numbers(let range, let count):
      "list of \(count.lowerBound == count.upperBound ? "\(count.lowerBound)" : "\(count.lowerBound) to \(count.upperBound)") numbers \(bounds(range.lowerBound, range.upperBound))"
    case .strings: "list of texts"
    case .size: "[height, width], or one number for both"
    case .padding: "[left, top, right, bottom], [x, y], or one number"
    case .color: "byte, or a list of one for each channel"
    case .component(let kinds): kinds.map(\.rawValue).joined(separator: " or ")
    case .components(let kinds): "list of \(kinds.map { $0.rawValue + "s" }.joined(separator: " or "))"
    case .group: "group of settings"
    }
  }

  /// The type as a JSON Schema.
  var schema: JSONValue {
    func integer(_ range: ClosedRange<Int>) -> JSONValue {
      bounded(
        "integer", range.lowerBound == .min ? nil : .integer(range.lowerBound),
        range.upperBound == .max ? nil : .integer(range.upperBound))
    }
    func number(_ range: ClosedRange<Double>) -> JSONValue {
      bounded(
        "number", range.lowerBound == -.infinity ? nil : .number(range.lowerBound),
        range.upperBound == .infinity ? nil : .number(range.upperBound))
    }
    func list(_ item: JSONValue, _ count: ClosedRange<Int>) -> JSONValue {
      ["type": "array", "items": item, "minItems": .integer(count.lowerBound), "maxItems": .integer(count.upperBound)]
    }
    func either(_ options: JSONValue...) -> JSONValue { ["anyOf": .array(options)] }
    switch self {
    case .integer(let range): return integer(range)
    case .integers(let values): return ["enum": .array(values.map { .integer($0) })]
    case .number(let range): return number(range)
    case .boolean: return ["type": "boolean"]
    case .string, .path: return ["type": "string"]
    case .choice(let names): return ["enum": .array(names.map { .string($0) })]
    case .choices(let names):
      let name: JSONValue = ["enum": .array(names.map { .string($0) })]
      return either(name, ["type": "array", "items": name, "uniqueItems": true])
    case .integerRange(let range): return either(integer(range), list(integer(range), 2...2))
    case .numberRange(let range, _): return either(number(range), list(number(range), 2...2))
    case .numbers(let range, let count): return either(number(range), list(number(range), count))
    case .strings:
      let text: JSONValue = ["type": ["string", "integer"]]
      return either(text, ["type": "array", "items": text])
    case .size: return either(integer(1...65535), list(integer(1...65535), 2...2))
    case .padding: return either(integer(0...65535), list(integer(0...65535), 2...4))
    case .color: return either(integer(0...255), list(integer(0...255), 1...4))
    case .component(let kinds):
      return ["anyOf": .array(kinds.map { ["$ref": .string("#/$defs/\($0.rawValue)")] })]
    case .components(let kinds):
      let items: [JSONValue] = kinds.map { ["$ref": .string("#/$defs/\($0.rawValue)")] }
      return ["type": "array", "items": ["anyOf": .array(items)]]
    case .group(let fields): return fields.schema
    }
  }
}

private func bounded(_ type: String, _ low: JSONValue?, _ high: JSONValue?) -> JSONValue {
  var schema: [String: JSONValue] = ["type": .string(type)]
  schema["minimum"] = low
  schema["maximum"] = high
  return .object(schema)
}

/// The bounds of a number in words.
func bounds(_ low: Int, _ high: Int) -> String {
  switch (low, high) {
  case (.min, .max): "of any size"
  case (_, .max): "of at least \(low)"
  default: "from \(low) to \(high)"
  }
}

func bounds(_ low: Double, _ high: Double) -> String {
  func text(_ value: Double) -> String { JSONValue.number(value).text }
  if low == -.infinity { return high == .infinity ? "of any size" : "of at most \(text(high))" }
  return high == .infinity ? "of at least \(text(low))" : "from \(text(low)) to \(text(high))"
}
