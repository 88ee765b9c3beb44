/// A value given on the command line instead of in the file: `stages.1.rotate.degrees=[-30,30]`.
struct Override {
  private let text: String
  private let path: [String]
  private let value: Tree
  private let registry: Registry

  /// Kind of a place in the document, as the registry knows it.
  private enum Level {
    case pipeline
    /// A component, or a list of them.
    case components([ComponentKind])
    case settings([Setting])
    case value
  }

  /// - Throws: usage if the text has no `=` or its value is not YAML.
  init(_ text: String, registry: Registry) throws {
    guard let equals = text.firstIndex(of: "=") else {
      throw MirageError(
        .usage, "--set \(text) has no =", remedy: "Write it as --set stages.1.rotate.degrees=[-30,30].")
    }
    var value = Tree(content: .scalar("", isQuoted: true), place: Tree.Place(line: 1, column: 1))
    do {
      let document = try Document(path: "--set \(text)", bytes: Array(text[text.index(after: equals)...].utf8))
      if !document.text.isEmpty { value = try document.parse() }
    } catch var error as MirageError {
      error.kind = .usage
      throw error
    }
    value.mark(as: text)
    self.text = text
    self.path = text[..<equals].split(separator: ".").map(String.init)
    self.value = value
    self.registry = registry
  }

  /// Replaces or adds the value in a pipeline file's document.
  /// - Throws: usage if there is no such place.
  func apply(to tree: inout Tree) throws { try set(&tree, at: path[...], .pipeline) }

  private func set(_ tree: inout Tree, at steps: ArraySlice<String>, _ level: Level) throws {
    guard let step = steps.first else {
      tree = value
      return
    }
    let rest = steps.dropFirst()
    switch tree.content {
    case .map(var fields):
      var index =
        fields.firstIndex { $0.key == step }
        ?? fields.firstIndex { americanSpelling($0.key) == americanSpelling(step) }
      let groups = groups(at: level)
      if index == nil, rest.isEmpty || groups.contains(step) {
        index = fields.endIndex
        fields.append((step, value.place, Tree(content: .map([]), place: value.place)))
      }
      guard let index else { throw nowhere(step, fields.map(\.key) + groups) }
      let below = enter(&fields[index].value, of: step, level, next: rest.first)
      try set(&fields[index].value, at: rest, below)
      tree.content = .map(fields)
    case .list(var items):
      guard let index = Int(step), items.indices.contains(index) else {
        throw nowhere(step, items.indices.map(String.init))
      }
      try set(&items[index], at: rest, level)
      tree.content = .list(items)
    case .scalar:
      // `- shuffle` and `seed:` are scalars until a setting is added.
      if tree.isEmpty {
        tree.content = .map([])
      } else if case .scalar(let text, _) = tree.content, text == step {
        tree.content = .map([(text, tree.place, Tree(content: .scalar("", isQuoted: false), place: tree.place))])
      } else {
        throw nowhere(step, [])
      }
      try set(&tree, at: steps, level)
    }
  }

  private func nowhere(_ step: String, _ names: [String]) -> MirageError {
    let hint = Int(names.first ?? "0") == nil ? nearest(to: step, among: names).map { "Did you mean \($0)?" } : nil
    return MirageError(
      .usage, "--set \(text): there is no \(step)",
      remedy: hint ?? "There is \(names.isEmpty ? "nothing" : names.joined(separator: ", ")).")
  }

  /// Returns the groups of settings, which a path may name although the file leaves them out.
  private func groups(at level: Level) -> [String] {
    guard case .settings(let settings) = level else { return [] }
    return settings.filter { if case .group = $0.type { true } else { false } }.map(\.key)
  }

  /// Returns the level below a name. If `next` names a setting, `rotate: 15` is rewritten as `rotate: {degrees: 15}`.
  private func enter(_ body: inout Tree, of name: String, _ level: Level, next: String?) -> Level {
    switch level {
    case .pipeline:
      switch name {
      case "source": return .components([.source])
      case "stages": return .components([.augmentation, .stage])
      case "sink": return .components([.sink])
      default: return .value
      }
    case .components(let kinds):
      guard let type = registry.type(name, among: kinds) else { return .value }
      if body.fields == nil, let primary = type.primary, let next {
        if Int(next) != nil { return enter(&body, of: primary, .settings(type.settings), next: next) }
        body.content = .map([(primary, body.place, body)])
      }
      return .settings(type.settings)
    case .settings(let settings):
      switch settings.named(name)?.type {
      case .group(let settings): return .settings(settings)
      case .component(let kinds), .components(let kinds): return .components(kinds)
      default: return .value
      }
    case .value: return .value
    }
  }
}

extension Tree {
  fileprivate mutating func mark(as option: String) {
    place.option = option
    switch content {
    case .scalar: break
    case .list(var items):
      for index in items.indices { items[index].mark(as: option) }
      content = .list(items)
    case .map(var fields):
      for index in fields.indices {
        fields[index].place.option = option
        fields[index].value.mark(as: option)
      }
      content = .map(fields)
    }
  }
}
