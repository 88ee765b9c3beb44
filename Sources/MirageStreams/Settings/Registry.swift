import MirageSupport

/// The components that pipeline files can name.
public struct Registry: Sendable {
  package private(set) var types: [any Component.Type]

  package init(_ types: [any Component.Type]) { self.types = types }

  /// Returns a registry with further components, which replace earlier ones of the same name and kind.
  public func adding(_ added: any Component.Type...) -> Registry {
    Registry(types.filter { old in !added.contains { $0.name == old.name && $0.kind == old.kind } } + added)
  }

  /// Returns the component of a name among certain kinds; components of different kinds may share a name.
  package func type(_ name: String, among kinds: [ComponentKind]) -> (any Component.Type)? {
    types.first { $0.name == name && kinds.contains($0.kind) }
  }
}

extension Component {
  /// Help text for a terminal: the component's summary, followed by its settings, one per line.
  package static var explanation: String {
    let lines = ["\(name) (\(kind.rawValue)): \(summary)."] + settings.flatMap { $0.explanation(indent: "  ") }
    return (lines + (primary.map { ["  A plain value is \($0): `\(name): …`."] } ?? [])).joined(separator: "\n")
  }
}

extension Setting {
  /// Returns the setting's type, default and summary, followed by a group's settings, indented.
  fileprivate func explanation(indent: String) -> [String] {
    var members: [Setting] = []
    if case .group(let settings) = type { members = settings }
    let given =
      switch standard {
      case nil: "must be given"
      case .null?, .object?: "may be left out"
      case let value?: "default \(value.text)"
      }
    return ["\(indent)\(key): \(type.text); \(given)", "\(indent)    \(summary)."]
      + members.flatMap { $0.explanation(indent: indent + "  ") }
  }
}
