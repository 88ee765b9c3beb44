/// Reader of one setting's value, which accepts every form of the type and returns the full form.
struct ValueReader {
  let document: Document
  let base: String
  let setting: Setting

  func value(_ tree: Tree) throws -> JSONValue {
    let value = try fullForm(tree)
    if let problem = setting.problem(in: value) { throw error(problem, tree) }
    return value
  }

  private func error(_ problem: Setting.Problem, _ tree: Tree) -> MirageError {
    var place = tree.place
    // Four values may come from `[x, y]`.
    if let item = problem.item, case .list(let items) = tree.content { place = items[item % items.count].place }
    return document.error(problem.message, at: place, remedy: problem.remedy)
  }

  private func fullForm(_ tree: Tree) throws -> JSONValue {
    switch setting.type {
    case .integer, .integers: return try integer(tree)
    case .number: return try number(tree)
    case .boolean:
      guard case .scalar(let text, false) = tree.content, text == "true" || text == "false" else { throw wrong(tree) }
      return .bool(text == "true")
    case .string: return .string(try text(tree))
    case .path:
      let path = try text(tree)
      return .string(path.isEmpty ? path : joined(base, path))
    case .choice(let names): return try choice(tree, names)
    case .choices(let names): return .array(try list(tree).map { try choice($0, names) })
    case .integerRange: return .array(pair(try list(tree).map(integer)))
    case .numberRange(_, let symmetric):
      guard case .scalar = tree.content else { return .array(try list(tree).map(number)) }
      let value = try number(tree)
      return symmetric ? [.number(-abs(value.double!)), .number(abs(value.double!))] : [value, value]
    case .numbers: return .array(try list(tree).map(number))
    case .strings: return .array(try list(tree).map { .string(try text($0)) })
    case .size: return .array(pair(try list(tree).map(integer)))
    case .padding:
      let sides = try list(tree).map(integer)
      return .array(sides.count == 1 ? Array(repeating: sides[0], count: 4) : sides.count == 2 ? sides + sides : sides)
    case .color: return .array(try list(tree).map(integer))
    case .component, .components, .group: preconditionFailure("components and groups are read by the pipeline file")
    }
  }

  private func wrong(_ tree: Tree) -> MirageError { error(setting.mismatch, tree) }

  /// Repeats a single value.
  private func pair(_ values: [JSONValue]) -> [JSONValue] { values.count == 1 ? values + values : values }

  /// Returns the items of a list; a single value is a list of one.
  private func list(_ tree: Tree) throws -> [Tree] {
    switch tree.content {
    case .scalar: return [tree]
    case .list(let items): return items
    case .map: throw wrong(tree)
    }
  }

  private func text(_ tree: Tree) throws -> String {
    guard case .scalar(let text, _) = tree.content else { throw wrong(tree) }
    return text
  }

  private func choice(_ tree: Tree, _ names: [String]) throws -> JSONValue {
    let name = try text(tree)
    return .string(names.contains(name) ? name : americanSpelling(name))
  }

  private func integer(_ tree: Tree) throws -> JSONValue {
    guard case .scalar(let text, false) = tree.content, let value = Int(text) else { throw wrong(tree) }
    return .integer(value)
  }

  private func number(_ tree: Tree) throws -> JSONValue {
    guard case .scalar(let text, false) = tree.content, let value = Double(text), value.isFinite else {
      throw wrong(tree)
    }
    return .number(value)
  }
}
