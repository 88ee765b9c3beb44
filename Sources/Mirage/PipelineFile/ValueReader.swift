/// Reads one field's value in any of the forms its type allows, and brings it to the full form.
struct ValueReader {
  let document: Document
  let base: String
  let field: Field

  private func wrong(_ tree: Tree) -> MirageError {
    document.error("\(field.name) must be \(article)\(field.type.text)", at: tree.place)
  }

  private var article: String {
    switch field.type {
    case .choice, .integers: "one of "
    case .integer, .number, .path, .choices, .strings, .color: "a "
    default: ""
    }
  }

  func value(_ tree: Tree) throws -> JSONValue {
    switch field.type {
    case .integer(let range): return .integer(try integer(tree, range))
    case .integers(let values):
      guard let value = try? integer(tree, Int.min...Int.max), values.contains(value) else { throw wrong(tree) }
      return .integer(value)
    case .number(let range): return .number(try number(tree, range))
    case .boolean:
      guard case .scalar(let text, false) = tree.content, text == "true" || text == "false" else { throw wrong(tree) }
      return .bool(text == "true")
    case .string: return .string(try text(tree))
    case .path:
      let path = try text(tree)
      if path.isEmpty { throw wrong(tree) }
      return .string(joined(base, path))
    case .choice(let names): return .string(try choice(tree, names))
    case .choices(let names):
      var chosen: [String] = []
      for item in try list(tree, 0...Tree.valueLimit) {
        let name = try choice(item, names)
        if chosen.contains(name) { throw document.error("\(field.name) holds \(name) twice", at: item.place) }
        chosen.append(name)
      }
      return .array(chosen.map { .string($0) })
    case .integerRange(let range):
      let ends = try list(tree, 1...2).map { try integer($0, range) }
      try check(ends[0] <= ends.last!, tree)
      return [.integer(ends[0]), .integer(ends.last!)]
    case .numberRange(let range, let symmetric):
      if case .scalar = tree.content {
        let value = try number(tree, range)
        return symmetric ? [.number(-abs(value)), .number(abs(value))] : [.number(value), .number(value)]
      }
      let ends = try list(tree, 2...2).map { try number($0, range) }
      try check(ends[0] <= ends[1], tree)
      return [.number(ends[0]), .number(ends[1])]
    case .numbers(let range, let count): return .array(try list(tree, count).map { .number(try number($0, range)) })
    case .strings: return .array(try list(tree, 0...100_000).map { .string(try text($0)) })
    case .size:
      let sides = try list(tree, 1...2).map { try integer($0, 1...Image.sideLimit) }
      return [.integer(sides[0]), .integer(sides.last!)]
    case .padding:
      let sides = try list(tree, 1...4).map { JSONValue.integer(try integer($0, 0...Image.sideLimit)) }
      switch sides.count {
      case 1: return .array(Array(repeating: sides[0], count: 4))
      case 2: return .array(sides + sides)
      case 4: return .array(sides)
      default: throw wrong(tree)
      }
    case .color: return .array(try list(tree, 1...4).map { .integer(try integer($0, 0...255)) })
    case .component, .components, .group: preconditionFailure("components and groups are read by the pipeline file")
    }
  }

  private func check(_ isOrdered: Bool, _ tree: Tree) throws {
    if !isOrdered { throw document.error("\(field.name): the lower bound stands first", at: tree.place) }
  }

  /// The items of a list; a single value is a list of one.
  private func list(_ tree: Tree, _ count: ClosedRange<Int>) throws -> [Tree] {
    switch tree.content {
    case .scalar where count.contains(1): return [tree]
    case .list(let items) where count.contains(items.count): return items
    default: throw wrong(tree)
    }
  }

  private func text(_ tree: Tree) throws -> String {
    guard case .scalar(let text, _) = tree.content else { throw wrong(tree) }
    return text
  }

  private func choice(_ tree: Tree, _ names: [String]) throws -> String {
    let given = try text(tree)
    let name = names.contains(given) ? given : americanSpelling(given)
    guard names.contains(name) else {
      let near = nearest(to: name, among: names).map { "Did you mean \($0)?" }
      throw document.error(
        "\(field.name) must be one of \(names.joined(separator: ", "))", at: tree.place, remedy: near)
    }
    return name
  }

  private func integer(_ tree: Tree, _ range: ClosedRange<Int>) throws -> Int {
    guard case .scalar(let text, false) = tree.content, let value = Int(text) else { throw wrong(tree) }
    guard range.contains(value) else {
      throw document.error(
        "\(field.name) must be \(bounds(range.lowerBound, range.upperBound)), not \(value)", at: tree.place)
    }
    return value
  }

  private func number(_ tree: Tree, _ range: ClosedRange<Double>) throws -> Double {
    guard case .scalar(let text, false) = tree.content, let value = Double(text), value.isFinite else {
      throw wrong(tree)
    }
    guard range.contains(value) else {
      throw document.error(
        "\(field.name) must be \(bounds(range.lowerBound, range.upperBound)), not \(text)", at: tree.place)
    }
    return value
  }
}
