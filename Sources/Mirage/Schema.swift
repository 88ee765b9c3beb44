extension Registry {
  /// A JSON Schema (draft 2020-12) of pipeline files, by which editors complete and check them.
  public static var schema: JSONValue { schema(of: entries) }

  /// The same for other components than the registered ones.
  package static func schema(of entries: [Entry]) -> JSONValue {
    var definitions: [String: JSONValue] = [:]
    for kind in Entry.Kind.allCases {
      let forms = entries.filter { $0.kind == kind }.flatMap(forms)
      definitions[kind.rawValue] = ["anyOf": .array(forms)]
    }
    var properties: [String: JSONValue] = [
      "source": ["$ref": "#/$defs/source"], "sink": ["$ref": "#/$defs/sink"],
      "stages": [
        "type": "array", "items": ["anyOf": [["$ref": "#/$defs/augmentation"], ["$ref": "#/$defs/stage"]]],
      ],
    ]
    for field in PipelineFile.fields { properties[field.name] = field.schema }
    return [
      "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Mirage pipeline", "type": "object",
      "properties": .object(properties), "required": ["source"], "additionalProperties": false,
      "$defs": .object(definitions),
    ]
  }

  /// The ways to write a component: by its name alone where nothing must be given, with a value, with settings.
  private static func forms(_ entry: Entry) -> [JSONValue] {
    let required = entry.fields.filter { $0.standard == nil }
    var value = entry.fields.schema
    if let primary = entry.fields.first(where: { $0.name == entry.primary }),
      required.allSatisfy({ $0.name == primary.name })
    {
      value = ["anyOf": [value, primary.type.schema]]
    }
    let full: JSONValue = [
      "type": "object", "properties": .object([entry.name: value]), "required": [.string(entry.name)],
      "additionalProperties": false, "description": .string(entry.summary),
    ]
    let bare: JSONValue = ["const": .string(entry.name), "description": .string(entry.summary)]
    return required.isEmpty ? [full, bare] : [full]
  }
}

extension [Field] {
  /// The settings as a JSON Schema: no others may stand beside them, and nothing at all where none must be given.
  var schema: JSONValue {
    let required = filter { $0.standard == nil }.map { JSONValue.string($0.name) }
    var schema: [String: JSONValue] = [
      "type": required.isEmpty ? ["object", "null"] : "object", "additionalProperties": false,
      "properties": .object(Dictionary(uniqueKeysWithValues: map { ($0.name, $0.schema) })),
    ]
    if !required.isEmpty { schema["required"] = .array(required) }
    return .object(schema)
  }
}

extension Field {
  /// The setting's type as a JSON Schema, with what it is for and its default.
  var schema: JSONValue {
    let form: JSONValue = standard == .null ? ["anyOf": [type.schema, ["type": "null"]]] : type.schema
    guard case .object(var schema) = form else { return form }
    schema["description"] = .string(summary)
    if let standard, standard != .null { schema["default"] = standard }
    return .object(schema)
  }
}
