extension Entry {
  /// What the component does, and its settings one below the other, for reading on a terminal.
  public var explanation: String {
    var lines = ["\(name) (\(kind.rawValue)): \(summary)."]
    lines += fields.flatMap { $0.explanation(indent: "  ") }
    if let primary { lines.append("  A plain value is \(primary): `\(name): …`.") }
    return lines.joined(separator: "\n")
  }
}

extension Field {
  /// The setting's type and default, what it is for, and a group's settings indented beneath it.
  fileprivate func explanation(indent: String) -> [String] {
    var members: [Field] = []
    if case .group(let fields) = type { members = fields }
    let given =
      switch standard {
      case nil: "must be given"
      case .null?, .object?: "may be left out"
      case let value?: "default \(value.text)"
      }
    return ["\(indent)\(name): \(type.text); \(given)", "\(indent)    \(summary)"]
      + members.flatMap { $0.explanation(indent: indent + "  ") }
  }
}
