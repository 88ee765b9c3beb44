/// Reads pipeline files: YAML, checked field by field against the registry.
public struct PipelineFile {
  private let document: Document
  private let base: String
  private let registered: [Entry]

  /// Reads and checks a pipeline file.
  ///
  /// - Parameters:
  ///   - overrides: values to replace, as `--set` takes them.
  /// - Throws: missing input where the file is not there; bad pipeline with line, caret and the nearest valid name.
  public static func load(_ path: String, overrides: [String] = []) throws -> Pipeline {
    let document = try Document(path: path, bytes: InputFile.contents(of: path))
    let file = PipelineFile(document: document, base: parentDirectory(path), registered: Registry.entries)
    return try file.pipeline(overrides)
  }

  /// The same from text; relative paths are relative to `base`.
  public static func parse(_ text: String, base: String = ".", overrides: [String] = []) throws -> Pipeline {
    try parse(text, base: base, overrides: overrides, registered: Registry.entries)
  }

  /// The same with other components than the registered ones.
  package static func parse(
    _ text: String, base: String = ".", overrides: [String] = [], registered: [Entry]
  ) throws -> Pipeline {
    let document = try Document(path: "pipeline", bytes: Array(text.utf8))
    return try PipelineFile(document: document, base: base, registered: registered).pipeline(overrides)
  }

  static let fields: [Field] = [
    Field("name", .string, "pipeline", "what reports call it"),
    Field("seed", .integer(0...Int.max), 0, "what all random choices come from"),
    Field("on-error", .choice(["stop", "skip"]), "stop", "what to do about a bad sample"),
    Field("skip-limit", .integer(0...Int.max), 100, "stop after all when more samples had to be skipped"),
  ]

  private func pipeline(_ overrides: [String]) throws -> Pipeline {
    var tree = try document.parse()
    for override in overrides { try Override(override, registered: registered).apply(to: &tree) }
    guard case .map(let entries) = tree.content else {
      throw document.error("a pipeline file is a map with source, stages and sink", at: tree.place)
    }
    let parts = ["source", "stages", "sink"]
    let known = Self.fields.map(\.name) + parts
    for entry in entries where !known.contains(entry.key) { throw unknown(entry.key, among: known, at: entry.place) }
    let plain = try settings(
      entries.filter { !parts.contains($0.key) }, fields: Self.fields, of: "the pipeline", at: tree.place)
    guard let source = tree["source"] else {
      throw document.error(
        "the pipeline has no source", at: tree.place, remedy: "Add one, such as `source: {mnist: data}`.")
    }
    var stages: [any StageComponent] = []
    var places: [String: Tree.Place] = [:]
    if let list = tree["stages"], !list.isEmpty {
      guard case .list(let items) = list.content else {
        throw document.error("stages is a list: each begins with -", at: list.place)
      }
      stages = try items.map { try Registry.stage(component($0, among: [.augmentation, .stage])) }
      for (index, item) in items.enumerated() { places[StagePath.root.stage(index).description] = item.place }
    }
    if let sink = tree["sink"] { places["sink"] = sink.place }
    struct Plain: Decodable {
      var name: String
      var seed: UInt64
      var onError: String
      var skipLimit: Int
    }
    let values = try JSONValue.object(plain.values).decoded(as: Plain.self)
    let pipeline = Pipeline(
      name: values.name, seed: values.seed, policy: values.onError == "skip" ? .skip(limit: values.skipLimit) : .stop,
      source: try Registry.source(component(source, among: [.source])), stages: stages,
      sink: try tree["sink"].map { try Registry.sink(component($0, among: [.sink])) })
    do { try pipeline.checkDomains() } catch let error as MirageError {
      throw document.error(error.message, at: error.place.flatMap { places[$0] } ?? tree.place, remedy: error.remedy)
    }
    return pipeline
  }

  private func unknown(_ name: String, among names: [String], at place: Tree.Place) -> MirageError {
    let remedy = nearest(to: name, among: names).map { "Did you mean \($0)?" }
    return document.error(
      "unknown name \(name)", at: place, remedy: remedy ?? "Known are \(names.joined(separator: ", ")).")
  }

  /// `name`, `{name: value}` or `{name: {settings}}`.
  private func component(_ tree: Tree, among kinds: [Entry.Kind]) throws -> any Component {
    let name: String
    let place: Tree.Place
    var body: Tree?
    switch tree.content {
    case .scalar(let text, _) where !tree.isEmpty: (name, place) = (text, tree.place)
    case .map(let entries) where entries.count == 1:
      (name, place, body) = (entries[0].key, entries[0].place, entries[0].value)
    case .map(let entries) where entries.count > 1:
      throw document.error(
        "\(entries[1].key) stands beside \(entries[0].key)", at: entries[1].place,
        remedy: "Begin each stage with its own -, and indent settings further than their stage.")
    default: throw document.error("here the name of a \(kinds[0].rawValue) is needed", at: tree.place)
    }
    guard let entry = registered.entry(name, among: kinds) else {
      let others = registered.filter { $0.name == name }.map(\.kind.rawValue)
      if !others.isEmpty {
        throw document.error("\(name) is a \(others.joined(separator: " or ")), which cannot stand here", at: place)
      }
      let names = registered.filter { kinds.contains($0.kind) }.map(\.name)
      let near = nearest(to: name, among: names).map { "Did you mean \($0)?" }
      throw document.error(
        "unknown \(kinds.last!.rawValue) \(name)", at: place,
        remedy: near ?? "`mirage stages` lists what there is.")
    }
    var fields: [(key: String, place: Tree.Place, value: Tree)] = []
    if let body, !body.isEmpty {
      if case .map(let given) = body.content {
        fields = given
      } else if let primary = entry.primary {
        fields = [(primary, body.place, body)]
      } else {
        throw document.error(
          "\(name) needs its settings by name", at: body.place, remedy: "See `mirage stages \(name)`.")
      }
    }
    let (values, parts) = try settings(fields, fields: entry.fields, of: name, at: place)
    do {
      return try entry.build(.object(values), parts)
    } catch let error as MirageError {
      let setting = error.place.flatMap { Tree(content: .map(fields), place: place).value(at: $0) }
      throw document.error(error.message, at: setting?.place ?? place, remedy: error.remedy)
    } catch {
      throw document.error("\(name) cannot be made from these settings", at: place)
    }
  }

  /// The settings in their full form, defaults filled in, and the lists of components by the paths of their fields.
  private func settings(
    _ given: [(key: String, place: Tree.Place, value: Tree)], fields: [Field], of name: String, at place: Tree.Place
  ) throws -> (values: [String: JSONValue], parts: [String: [any Component]]) {
    for (key, place, _) in given where !fields.contains(where: { $0.name == key }) {
      throw unknown(key, among: fields.map(\.name), at: place)
    }
    var values: [String: JSONValue] = [:]
    var parts: [String: [any Component]] = [:]
    for field in fields {
      guard let own = given.first(where: { $0.key == field.name }), !own.value.isEmpty else {
        guard let standard = field.standard else {
          throw document.error("\(name) needs \(field.name): \(field.type.text)", at: place)
        }
        if standard != .null { values[field.name] = standard }
        continue
      }
      switch field.type {
      case .component(let kinds): parts[field.name] = [try component(own.value, among: kinds)]
      case .components(let kinds):
        guard case .list(let items) = own.value.content else {
          throw document.error("\(field.name) is a \(field.type.text)", at: own.value.place)
        }
        parts[field.name] = try items.map { try component($0, among: kinds) }
      case .group(let fields):
        guard let given = own.value.fields else {
          throw document.error(
            "\(field.name) needs its settings by name", at: own.value.place,
            remedy: "Known are \(fields.map(\.name).joined(separator: ", ")).")
        }
        let group = try settings(given, fields: fields, of: field.name, at: own.place)
        values[field.name] = .object(group.values)
        for (path, components) in group.parts { parts["\(field.name).\(path)"] = components }
      default:
        let reader = ValueReader(document: document, base: base, field: field)
        values[field.name] = try reader.value(own.value)
      }
    }
    return (values, parts)
  }
}
