import Yams

/// A YAML document with the place of every value, as written: a scalar's type is decided by the field it is for.
struct Tree {
  indirect enum Content {
    case scalar(String, isQuoted: Bool)
    case list([Tree])
    case map([(key: String, place: Place, value: Tree)])
  }

  struct Place {
    /// Both counted from 1.
    var line, column: Int
    /// What was said on the command line instead, where the value comes from there.
    var option: String?
  }

  var content: Content
  var place: Place

  /// A document may have at most this many bytes, values, and levels.
  static let sizeLimit = 1 << 18
  static let valueLimit = 20_000
  static let depthLimit = 40
  static let aliasLimit = 16

  var isEmpty: Bool {
    if case .scalar(let text, false) = content { return text.isEmpty || text == "~" || text == "null" }
    return false
  }

  /// What a map holds: nothing where nothing is written; nil for a value or a list.
  var fields: [(key: String, place: Place, value: Tree)]? {
    if case .map(let fields) = content { fields } else if isEmpty { [] } else { nil }
  }

  /// The value of a map's key.
  subscript(key: String) -> Tree? { fields?.first { $0.key == key }?.value }

  /// The value at a path through maps, such as `model.loss`.
  func value(at path: String) -> Tree? {
    path.split(separator: ".").reduce(self as Tree?) { $0?[String($1)] }
  }
}

/// A pipeline file's text, for parsing it and for pointing at places in it.
struct Document {
  let path: String
  let text: String

  init(path: String, bytes: [UInt8]) throws {
    self.path = path
    guard bytes.count <= Tree.sizeLimit else {
      throw MirageError(
        .badPipeline, "\(bytes.count) bytes, over the limit of \(Tree.sizeLimit) for a pipeline file", file: path)
    }
    guard let text = String(validating: bytes, as: UTF8.self), !bytes.contains(0) else {
      throw MirageError(.badPipeline, "is not a text file", file: path, remedy: "A pipeline file is YAML in UTF-8.")
    }
    self.text = text
  }

  /// An error at a place, with the line and a caret.
  func error(_ message: String, at place: Tree.Place, remedy: String? = nil) -> MirageError {
    if let option = place.option {
      return MirageError(.usage, message, file: "--set \(option)", remedy: remedy)
    }
    let lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
    var excerpt: String?
    if lines.indices.contains(place.line - 1) {
      let line = lines[place.line - 1].prefix(200)
      // Tabs stay tabs below, so that the caret stands where the reader sees the place.
      let blank = line.unicodeScalars.prefix(place.column - 1).map { $0 == "\t" ? "\t" : " " }.joined()
      excerpt = "  \(line)\n  \(blank)^"
    }
    return MirageError(
      .badPipeline, message, file: "\(path):\(place.line):\(place.column)", remedy: remedy, excerpt: excerpt)
  }

  func parse() throws -> Tree {
    try refuseDeepNesting()
    try refuseManyAliases()
    let node: Node?
    do {
      node = try Yams.compose(yaml: text)
    } catch let error as YamlError {
      throw explained(error)
    }
    guard let node else {
      throw MirageError(
        .badPipeline, "the file is empty", file: path, remedy: "It needs a source and a sink: see `mirage run --help`.")
    }
    var count = 0
    return try tree(node, depth: 0, count: &count)
  }

  private func tree(_ node: Node, depth: Int, count: inout Int) throws -> Tree {
    let place = Tree.Place(line: node.mark?.line ?? 1, column: node.mark?.column ?? 1)
    count += 1
    guard count <= Tree.valueLimit, depth <= Tree.depthLimit else {
      throw error("the file is nested too deeply, or its aliases multiply", at: place)
    }
    switch node {
    case .scalar(let scalar):
      let isQuoted = scalar.style == .doubleQuoted || scalar.style == .singleQuoted
      return Tree(content: .scalar(scalar.string, isQuoted: isQuoted), place: place)
    case .sequence(let sequence):
      return Tree(content: .list(try sequence.map { try tree($0, depth: depth + 1, count: &count) }), place: place)
    case .mapping(let mapping):
      var fields: [(key: String, place: Tree.Place, value: Tree)] = []
      for (key, value) in mapping {
        let keyPlace = Tree.Place(line: key.mark?.line ?? 1, column: key.mark?.column ?? 1)
        guard case .scalar(let name) = key else { throw error("a name must be plain text", at: keyPlace) }
        fields.append((name.string, keyPlace, try tree(value, depth: depth + 1, count: &count)))
      }
      return Tree(content: .map(fields), place: place)
    case .alias: throw error("an alias that stands for nothing", at: place)
    }
  }

  /// The parser recurses, so what could exhaust the stack is refused before.
  private func refuseDeepNesting() throws {
    var depth = 0
    for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
      var isQuoted: Character?
      var column = 0
      var marks = 0
      var isStart = true
      for character in line {
        column += 1
        if let quote = isQuoted {
          if character == quote { isQuoted = nil }
          continue
        }
        switch character {
        case "\"", "'": isQuoted = isStart || depth > 0 ? character : nil
        case "[", "{": depth += 1
        case "]", "}": depth = max(0, depth - 1)
        case "-", "?": if isStart { marks += 1 }
        default: break
        }
        if character == "#" && depth == 0 { break }
        if !" -?".contains(character) { isStart = false }
        if depth > Tree.depthLimit || marks > Tree.depthLimit {
          throw error("nested more than \(Tree.depthLimit) deep", at: Tree.Place(line: index + 1, column: column))
        }
      }
    }
  }

  /// The parser compares the keys of a map, and a key can be an alias for a list of aliases for lists: the few that are
  /// allowed cannot stand for more than can be compared.
  private func refuseManyAliases() throws {
    var count = 0
    for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
      for (column, (character, next)) in zip(line, line.dropFirst()).enumerated()
      where character == "*" && (next.isLetter || next.isNumber || next == "_" || next == "-") {
        count += 1
        if count > Tree.aliasLimit {
          throw error("more than \(Tree.aliasLimit) aliases", at: Tree.Place(line: index + 1, column: column + 1))
        }
      }
    }
  }

  /// Where a name that stands at `first` is given again: in the same column of a later line, or further on between the
  /// same braces.
  private func repetition(of name: String, after first: Tree.Place) -> Tree.Place {
    let lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
      .map { Array($0.unicodeScalars) }
    func isName(_ text: ArraySlice<Unicode.Scalar>) -> Bool {
      let text = text.drop { $0 == "\"" || $0 == "'" }
      guard text.starts(with: name.unicodeScalars) else { return false }
      return text.dropFirst(name.unicodeScalars.count).first { !"\"' ".unicodeScalars.contains($0) } == ":"
    }
    var depth = 0
    var isBehindComma = false
    for line in lines.indices.dropFirst(first.line - 1) {
      let begin = line == first.line - 1 ? first.column : 0
      for column in lines[line].indices.dropFirst(begin) where lines[line][column] != " " {
        let isInColumn = column == first.column - 1 && lines[line][..<column].allSatisfy { $0 == " " }
        if isInColumn || isBehindComma && depth == 0, isName(lines[line][column...]) {
          return Tree.Place(line: line + 1, column: column + 1)
        }
        switch lines[line][column] {
        case "[", "{": depth += 1
        case "]", "}": depth -= 1
        default: break
        }
        isBehindComma = lines[line][column] == ","
      }
    }
    return first
  }

  private func explained(_ error: YamlError) -> MirageError {
    switch error {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      let place = Tree.Place(line: mark.line, column: max(1, mark.column))
      let lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
      if lines.indices.contains(mark.line - 1), lines[mark.line - 1].prefix(while: \.isWhitespace).contains("\t") {
        return self.error("a tab, where YAML wants spaces", at: place, remedy: "Indent with spaces.")
      }
      return self.error("this is not valid YAML: \(problem)", at: place)
    case .duplicatedKeysInMapping(let duplicates, let context):
      let name = duplicates.first ?? "?"
      // The parser tells where the name stands first.
      let first = Tree.Place(line: context.mark.line, column: context.mark.column)
      return self.error("\(name) is given twice", at: repetition(of: name, after: first))
    case .reader(let problem, _, _, _):
      return MirageError(.badPipeline, "this is not valid YAML: \(problem)", file: path)
    default: return MirageError(.badPipeline, "this is not valid YAML: \(error)", file: path)
    }
  }
}
