import Yams

extension Tree {
  /// Replaces or adds one value: `stages.1.rotate.degrees=[-30,30]`.
  /// - Throws: usage, where the text has no `=`, its value is no YAML, or its path leads nowhere.
  mutating func apply(override: String) throws {
    guard let equals = override.firstIndex(of: "=") else {
      throw MirageError(
        .usage, "--set \(override) has no =", remedy: "Write it as --set stages.1.rotate.degrees=[-30,30].")
    }
    let steps = override[..<equals].split(separator: ".").map(String.init)
    var value = Tree(content: .scalar("", isQuoted: true), place: Place(line: 1, column: 1))
    do {
      let text = override[override.index(after: equals)...]
      let document = try Document(path: "--set \(override)", bytes: Array(text.utf8))
      if !document.text.isEmpty { value = try document.parse() }
    } catch var error as MirageError {
      error.kind = .usage
      throw error
    }
    value.mark(as: override)
    try set(value, at: steps[...], override: override)
  }

  private mutating func mark(as option: String) {
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

  /// Writes `rotate: 15` as `rotate: {degrees: 15}`, where a setting of it is to follow.
  private mutating func spellOut(_ name: String, for setting: String) {
    if case .map = content { return }
    let entry = Registry.entries.first { entry in
      entry.name == name && entry.primary != nil && entry.fields.contains { $0.name == setting }
    }
    guard let primary = entry?.primary, !isEmpty else { return }
    content = .map([(primary, place, self)])
  }

  private mutating func set(_ value: Tree, at steps: ArraySlice<String>, override: String) throws {
    guard let step = steps.first else {
      self = value
      return
    }
    func nowhere(_ names: [String]) -> MirageError {
      let hint = Int(names.first ?? "0") == nil ? nearest(to: step, among: names).map { "Did you mean \($0)?" } : nil
      return MirageError(
        .usage, "--set \(override): there is no \(step)",
        remedy: hint ?? "There is \(names.isEmpty ? "nothing" : names.joined(separator: ", ")).")
    }
    switch content {
    case .map(var fields):
      if let index = fields.firstIndex(where: { $0.key == step }) {
        if let next = steps.dropFirst().first { fields[index].value.spellOut(step, for: next) }
        try fields[index].value.set(value, at: steps.dropFirst(), override: override)
      } else if steps.count == 1 {
        fields.append((step, value.place, value))
      } else {
        throw nowhere(fields.map(\.key))
      }
      content = .map(fields)
    case .list(var items):
      guard let index = Int(step), items.indices.contains(index) else { throw nowhere(items.indices.map(String.init)) }
      try items[index].set(value, at: steps.dropFirst(), override: override)
      content = .list(items)
    case .scalar:
      // `- shuffle` and `seed:` have no settings yet.
      let fields: [(key: String, place: Place, value: Tree)]
      if isEmpty {
        fields = []
      } else if case .scalar(let text, _) = content, text == step {
        fields = [(text, place, Tree(content: .scalar("", isQuoted: false), place: place))]
      } else {
        throw nowhere([])
      }
      content = .map(fields)
      try set(value, at: steps, override: override)
    }
  }
}
