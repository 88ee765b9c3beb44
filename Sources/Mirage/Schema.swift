extension Registry {
  /// JSON Schema (draft 2020-12) of pipeline files, for completion and checks in editors.
  public var schema: JSONValue {
    var definitions: [String: JSONValue] = [:]
    for kind in ComponentKind.allCases {
      definitions[kind.rawValue] = ["anyOf": .array(types.filter { $0.kind == kind }.flatMap { $0.schemas })]
    }
    var properties: [String: JSONValue] = [
      "source": ["$ref": "#/$defs/source"], "sink": ["$ref": "#/$defs/sink"],
      "stages": [
        "type": "array", "items": ["anyOf": [["$ref": "#/$defs/augmentation"], ["$ref": "#/$defs/stage"]]],
      ],
    ]
    for setting in PipelineFile.settings { properties[setting.key] = setting.schema }
    return [
      "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Mirage pipeline", "type": "object",
      "properties": .object(properties), "required": ["source"], "additionalProperties": false,
      "$defs": .object(definitions),
    ]
  }
}

extension Component {
  /// Schemas of the ways to write a component: by name alone if no setting is required, with a value, with settings.
  fileprivate static var schemas: [JSONValue] {
    let required = settings.filter { $0.standard == nil }
    var value = settings.schema
    if let primary = settings.first(where: { $0.key == primary }), required.allSatisfy({ $0.key == primary.key }) {
      value = ["anyOf": [value, primary.type.schema]]
    }
    let summary = JSONValue.string(summary + ".")
    let full: JSONValue = [
      "type": "object", "properties": .object([name: value]), "required": [.string(name)],
      "additionalProperties": false, "description": summary,
    ]
    return required.isEmpty ? [full, ["const": .string(name), "description": summary]] : [full]
  }
}

extension [Setting] {
  /// JSON Schema of the settings: no others are allowed, and null is allowed if none is required.
  fileprivate var schema: JSONValue {
    let required = filter { $0.standard == nil }.map { JSONValue.string($0.key) }
    var schema: [String: JSONValue] = [
      "type": required.isEmpty ? ["object", "null"] : "object", "additionalProperties": false,
      "properties": .object(Dictionary(uniqueKeysWithValues: map { ($0.key, $0.schema) })),
    ]
    if !required.isEmpty { schema["required"] = .array(required) }
    return .object(schema)
  }
}

extension Setting {
  /// JSON Schema of the setting's type, with its summary, older spellings and default.
  fileprivate var schema: JSONValue {
    let form: JSONValue = standard == .null ? ["anyOf": [type.schema, ["type": "null"]]] : type.schema
    guard case .object(var schema) = form else { return form }
    var names = [key]
    if case .choice(let choices) = type { names += choices }
    if case .choices(let choices) = type { names += choices }
    let older = names.map(britishSpelling).filter { !names.contains($0) }
    schema["description"] = .string(
      summary + "." + (older.isEmpty ? "" : " Older files write \(older.joined(separator: ", ")), which is accepted."))
    if let standard, standard != .null { schema["default"] = standard }
    return .object(schema)
  }
}

extension SettingType {
  /// JSON Schema of the type.
  fileprivate var schema: JSONValue {
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
    func references(_ kinds: [ComponentKind]) -> JSONValue {
      ["anyOf": .array(kinds.map { ["$ref": .string("#/$defs/\($0.rawValue)")] })]
    }
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
    case .component(let kinds): return references(kinds)
    case .components(let kinds): return ["type": "array", "items": references(kinds)]
    case .group(let settings): return settings.schema
    }
  }
}

private func bounded(_ type: String, _ low: JSONValue?, _ high: JSONValue?) -> JSONValue {
  var schema: [String: JSONValue] = ["type": .string(type)]
  schema["minimum"] = low
  schema["maximum"] = high
  return .object(schema)
}
