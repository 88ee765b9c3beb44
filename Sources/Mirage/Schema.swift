extension Registry {
  /// A JSON Schema (draft 2020-12) of pipeline files, by which editors complete and check them.
  public static var schema: JSONValue {
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
    for field in PipelineFile.fields { properties[field.name] = described(field) }
    return [
      "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Mirage pipeline", "type": "object",
      "properties": .object(properties), "required": ["source"], "additionalProperties": false,
      "$defs": .object(definitions),
    ]
  }

  /// The ways to write a component: by its name alone where nothing must be given, with a value, with settings.
  private static func forms(_ entry: Entry) -> [JSONValue] {
    let required = entry.fields.filter { $0.standard == nil }.map(\.name)
    var settings: [String: JSONValue] = [
      "type": required.isEmpty ? ["object", "null"] : "object", "additionalProperties": false,
      "properties": .object(Dictionary(uniqueKeysWithValues: entry.fields.map { ($0.name, described($0)) })),
    ]
    if !required.isEmpty { settings["required"] = .array(required.map { .string($0) }) }
    var value = JSONValue.object(settings)
    if let primary = entry.fields.first(where: { $0.name == entry.primary }),
      required.allSatisfy({ $0 == primary.name })
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

  private static func described(_ field: Field) -> JSONValue {
    guard case .object(var schema) = field.type.schema else { return field.type.schema }
    schema["description"] = .string(field.summary)
    if let standard = field.standard, standard != .null { schema["default"] = standard }
    return .object(schema)
  }
}
