import FoundationEssentials

/// A JSON value: a setting, metadata or a report. Numbers remember whether they were written as integers.
public enum JSONValue: Sendable, Equatable {
  case null, bool(Bool), integer(Int), number(Double), string(String)
  case array([JSONValue])
  case object([String: JSONValue])

  /// The field of this name; nil if there is none or the value is not an object.
  public subscript(key: String) -> JSONValue? {
    if case .object(let fields) = self { fields[key] } else { nil }
  }

  /// The number, whole or not; nil if the value is not a number.
  public var double: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }

  /// Parses a document in UTF-8.
  /// - Throws: bad data if the text is not JSON.
  public init(parsing text: some Collection<UInt8>) throws {
    do {
      self = try JSONDecoder().decode(JSONValue.self, from: Data(text))
    } catch {
      throw MirageError.badData("not valid JSON")
    }
  }

  /// Encodes a value. Property names become lower case with hyphens: `samplesPerShard` becomes `samples-per-shard`.
  /// With `nonFiniteAsText`, numbers that are not finite become texts.
  /// - Throws: the errors of the value's `encode(to:)`; otherwise an `EncodingError` for numbers that are not finite.
  public init(encoding value: some Encodable, nonFiniteAsText: Bool = false) throws {
    let encoder = JSONEncoder()
    if nonFiniteAsText {
      encoder.nonConformingFloatEncodingStrategy = .convertToString(
        positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    }
    encoder.keyEncodingStrategy = .custom { HyphenatedKey(stringValue: hyphenated($0.last!.stringValue)) }
    self = try JSONDecoder().decode(JSONValue.self, from: encoder.encode(value))
  }

  /// Decodes a value whose property names are in lower case with hyphens here.
  /// - Throws: `DecodingError`; the errors of the type's `init(from:)`.
  public func decoded<Value: Decodable>(
    as type: Value.Type, userInfo: [CodingUserInfoKey: any Sendable] = [:]
  ) throws -> Value {
    let decoder = JSONDecoder()
    decoder.userInfo = userInfo
    decoder.keyDecodingStrategy = .custom { HyphenatedKey(stringValue: camelCased($0.last!.stringValue)) }
    return try decoder.decode(type, from: JSONEncoder().encode(self))
  }

  /// The document on one line, with sorted keys.
  public var text: String {
    var text = ""
    write(to: &text, indent: nil)
    return text
  }

  /// The document on several lines with sorted keys, indented by two spaces per level; arrays of plain values are on
  /// one line.
  public var prettyText: String {
    var text = ""
    write(to: &text, indent: 0)
    return text + "\n"
  }

  private var isPlain: Bool {
    switch self {
    case .array, .object: false
    default: true
    }
  }

  private func write(to text: inout String, indent: Int?) {
    switch self {
    case .null: text += "null"
    case .bool(let value): text += value ? "true" : "false"
    case .integer(let value): text += String(value)
    case .number(let value):
      // JSON has no infinities; whole numbers below 2^53 are written without a fraction.
      if !value.isFinite {
        text += "null"
      } else if value == value.rounded() && abs(value) < 0x1p53 {
        text += String(Int(value))
      } else {
        text += String(value)
      }
    case .string(let value): JSONValue.write(value, to: &text)
    case .array(let values):
      let inner = values.allSatisfy(\.isPlain) ? nil : indent.map { $0 + 1 }
      JSONValue.write(values, between: ("[", "]"), to: &text, indent: inner, spaced: indent != nil) { value, text in
        value.write(to: &text, indent: inner)
      }
    case .object(let fields):
      let inner = indent.map { $0 + 1 }
      JSONValue.write(
        fields.sorted { $0.key < $1.key }, between: ("{", "}"), to: &text, indent: inner, spaced: true
      ) { field, text in
        JSONValue.write(field.key, to: &text)
        text += ": "
        field.value.write(to: &text, indent: inner)
      }
    }
  }

  private static func write<Item>(
    _ items: [Item], between ends: (String, String), to text: inout String, indent: Int?, spaced: Bool,
    item write: (Item, inout String) -> Void
  ) {
    text += ends.0
    for (index, item) in items.enumerated() {
      if index > 0 { text += indent == nil && spaced ? ", " : "," }
      if let indent { text += "\n" + String(repeating: "  ", count: indent) }
      write(item, &text)
    }
    if let indent, !items.isEmpty { text += "\n" + String(repeating: "  ", count: indent - 1) }
    text += ends.1
  }

  private static func write(_ string: String, to text: inout String) {
    text += "\""
    defer { text += "\"" }
    guard string.utf8.contains(where: { $0 < 0x20 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") }) else {
      text += string  // whole, which is far faster than by character
      return
    }
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
  }
}

extension JSONValue: Codable {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? container.decode(Int.self) {
      self = .integer(value)
    } else if let value = try? container.decode(Double.self) {
      self = .number(value)
    } else if let value = try? container.decode(String.self) {
      self = .string(value)
    } else if let value = try? container.decode([JSONValue].self) {
      self = .array(value)
    } else {
      self = .object(try container.decode([String: JSONValue].self))
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .null: try container.encodeNil()
    case .bool(let value): try container.encode(value)
    case .integer(let value): try container.encode(value)
    case .number(let value): try container.encode(value)
    case .string(let value): try container.encode(value)
    case .array(let value): try container.encode(value)
    case .object(let value): try container.encode(value)
    }
  }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByFloatLiteral
{
  public init(stringLiteral value: String) { self = .string(value) }
  public init(integerLiteral value: Int) { self = .integer(value) }
  public init(floatLiteral value: Double) { self = .number(value) }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    self = .object(Dictionary(elements) { $1 })
  }
}

private struct HyphenatedKey: CodingKey {
  let stringValue: String
  let intValue: Int? = nil
  init(stringValue: String) { self.stringValue = stringValue }
  init?(intValue: Int) { nil }
}

/// Converts `samplesPerShard` to `samples-per-shard`.
package func hyphenated(_ name: String) -> String {
  name.reduce(into: "") { result, character in
    if character.isUppercase {
      result += "-" + character.lowercased()
    } else {
      result.append(character)
    }
  }
}

/// Converts `samples-per-shard` to `samplesPerShard`.
private func camelCased(_ name: String) -> String {
  let parts = name.split(separator: "-")
  return parts.dropFirst().reduce(String(parts.first ?? "")) { $0 + $1.prefix(1).uppercased() + $1.dropFirst() }
}
