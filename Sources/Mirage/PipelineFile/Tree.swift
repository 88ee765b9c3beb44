import Yams

/// A YAML document with the place of every value. Scalars are kept as text, since their setting determines their type.
struct Tree {
  indirect enum Content {
    case scalar(String, isQuoted: Bool)
    case list([Tree])
    case map([(key: String, place: Place, value: Tree)])
  }

  struct Place {
    /// Line and column, counted from 1.
    var line, column: Int
    /// Text of the `--set` option that gave the value; nil if it is from the file.
    var option: String?
  }

  var content: Content
  var place: Place

  /// Maximum number of bytes, values, levels and aliases in a document.
  static let sizeLimit = 1 << 18
  static let valueLimit = 20_000
  static let depthLimit = 40
  static let aliasLimit = 16

  var isEmpty: Bool {
    if case .scalar(let text, false) = content { return text.isEmpty || text == "~" || text == "null" }
    return false
  }

  /// Entries of a map; empty for an empty value, nil for another value or a list.
  var fields: [(key: String, place: Place, value: Tree)]? {
    if case .map(let fields) = content { fields } else if isEmpty { [] } else { nil }
  }

  /// Value of a map's key.
  subscript(key: String) -> Tree? { fields?.first { $0.key == key }?.value }

  /// Returns the value at a path through maps, such as `model.loss`.
  func value(at path: String) -> Tree? {
    path.split(separator: ".").reduce(self as Tree?) { $0?[String($1)] }
  }
}

/// Text of a pipeline file, for parsing and for error messages with excerpts.
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

  /// Returns an error at a place, with the line and a caret.
  func error(_ message: String, at place: Tree.Place, remedy: String? = nil) -> MirageError {
    if let option = place.option {
      return MirageError(.usage, message, file: "--set \(option)", remedy: remedy)
    }
    let lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
    var excerpt: String?
    if lines.indices.contains(place.line - 1) {
      let line = lines[place.line - 1].prefix(200)
      // Tabs are kept in the line of the caret, so that it is below the place.
      let blank = line.unicodeScalars.prefix(place.column - 1).map { $0 == "\t" ? "\t" : " " }.joined()
      excerpt = "  \(line)\n  \(blank)^"
    }
    return MirageError(
      .badPipeline, message, file: "\(path):\(place.line):\(place.column)", remedy: remedy, excerpt: excerpt)
  }

  func parse() throws -> Tree {
    try refuseManyAliases()
    guard let node = try compose(text) else {
      throw MirageError(
        .badPipeline, "the file is empty", file: path, remedy: "It needs a source and a sink: see `mirage run --help`.")
    }
    var count = 0
    return try tree(node, depth: 0, count: &count)
  }

  /// Composes the document. The parser refuses more than a thousand levels.
  private func compose(_ text: String) throws -> Node? {
    do { return try Yams.compose(yaml: text) } catch let error as YamlError { throw explained(error) }
  }

  private func tree(_ node: Node, depth: Int, count: inout Int) throws -> Tree {
    let place = Tree.Place(line: node.mark?.line ?? 1, column: node.mark?.column ?? 1)
    count += 1
    guard depth <= Tree.depthLimit else { throw tooDeep(at: place) }
    guard count <= Tree.valueLimit else {
      throw error("more than \(Tree.valueLimit) values, or aliases that multiply to that", at: place)
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
    case .alias: throw error("an alias without an anchor", at: place)
    }
  }

  /// Refuses many aliases before the document is composed: the parser compares the keys of a map, and a key can be an
  /// alias for a list of aliases for lists. With at most `aliasLimit` aliases, the comparison remains feasible.
  ///
  /// Only the parser can tell an alias from a star in a comment or a text. So it parses the document with each star
  /// replaced by `standIn`; a plain value that begins with it is an alias.
  private func refuseManyAliases() throws {
    let isName = { (scalar: Unicode.Scalar) in
      scalar.isASCII && (scalar.properties.isAlphabetic || "0123456789_-".unicodeScalars.contains(scalar))
    }
    var scalars = Array(text.unicodeScalars)
    let stars = scalars.indices.dropLast().filter { scalars[$0] == "*" && isName(scalars[$0 + 1]) }
    if stars.count <= Tree.aliasLimit { return }
    for star in stars { scalars[star] = Document.standIn }
    var (aliases, rest): ([Node.Scalar], [Node]) = ([], [])
    rest += try compose(String(String.UnicodeScalarView(scalars))).map { [$0] } ?? []
    while let node = rest.popLast() {
      switch node {
      case .scalar(let scalar):
        if scalar.style == .plain, scalar.string.unicodeScalars.first == Document.standIn { aliases.append(scalar) }
      case .sequence(let sequence): rest += sequence
      case .mapping(let mapping): rest += mapping.flatMap { [$0, $1] }
      case .alias: break
      }
    }
    if aliases.count > Tree.aliasLimit {
      let places = aliases.compactMap(\.mark).map { Tree.Place(line: $0.line, column: $0.column) }
        .sorted { ($0.line, $0.column) < ($1.line, $1.column) }
      throw error("more than \(Tree.aliasLimit) aliases", at: places[Tree.aliasLimit])
    }
  }

  /// Private-use character, which may occur anywhere in a plain text.
  private static let standIn: Unicode.Scalar = "\u{E000}"

  /// Returns the place of the second entry of a name whose first is at `first`: in the same column of a later line, or
  /// later within the same braces.
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

  private func tooDeep(at place: Tree.Place) -> MirageError {
    error("nested more than \(Tree.depthLimit) deep", at: place)
  }

  private func explained(_ error: YamlError) -> MirageError {
    switch error {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      let place = Tree.Place(line: mark.line, column: max(1, mark.column))
      if problem.contains("nesting level") { return tooDeep(at: place) }
      let lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
      if lines.indices.contains(mark.line - 1), lines[mark.line - 1].prefix(while: \.isWhitespace).contains("\t") {
        return self.error("a tab, where YAML wants spaces", at: place, remedy: "Indent with spaces.")
      }
      return self.error("this is not valid YAML: \(problem)", at: place)
    case .duplicatedKeysInMapping(let duplicates, let context):
      let name = (duplicates.first ?? "?").replacing(String(Document.standIn), with: "*")
      // The parser reports the place of the first entry.
      let first = Tree.Place(line: context.mark.line, column: context.mark.column)
      return self.error("\(name) is given twice", at: repetition(of: name, after: first))
    case .reader(let problem, _, _, _):
      return MirageError(.badPipeline, "this is not valid YAML: \(problem)", file: path)
    default: return MirageError(.badPipeline, "this is not valid YAML: \(error)", file: path)
    }
  }
}
