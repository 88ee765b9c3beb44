/// Reader of pipeline files: YAML, checked field by field against the registry.
public struct PipelineFile {
  private let document: Document
  private let base: String
  private let registry: Registry

  /// Reads and checks a pipeline file.
  ///
  /// - Parameters:
  ///   - path: path of the file.
  ///   - overrides: values to replace, as in `--set`.
  ///   - registry: components that the file can name.
  /// - Throws: missing input if the file does not exist; bad pipeline with line, caret and the nearest valid name.
  public static func load(
    _ path: String, overrides: [String] = [], registry: Registry = .standard
  ) throws -> Pipeline {
    let document = try Document(path: path, bytes: InputFile.contents(of: path))
    var pipeline = try PipelineFile(document: document, base: parentDirectory(path), registry: registry)
      .pipeline(overrides)
    pipeline.file = path
    return pipeline
  }

  /// Parses and checks the text of a pipeline file; relative paths are relative to `base`.
  public static func parse(
    _ text: String, base: String = ".", overrides: [String] = [], registry: Registry = .standard
  ) throws -> Pipeline {
    let document = try Document(path: "pipeline", bytes: Array(text.utf8))
    return try PipelineFile(document: document, base: base, registry: registry).pipeline(overrides)
  }

  /// Settings of the pipeline itself.
  private struct Plain: Codable {
    var name = "pipeline"
    var seed: UInt64 = 0
    var onError = "stop"
    var skipLimit = 100
  }

  static let settings = Setting.list(
    of: Plain(), Setting("name", .string, "Name of the pipeline in reports"),
    Setting("seed", .integer(0...Int.max), "Random seed"),
    Setting("on-error", .choice(["stop", "skip"]), "Reaction to a bad sample: stop, or skip and count it"),
    Setting("skip-limit", .integer(0...Int.max), "Maximum number of samples that are skipped"))

  private func pipeline(_ overrides: [String]) throws -> Pipeline {
    var tree = try document.parse()
    for override in overrides { try Override(override, registry: registry).apply(to: &tree) }
    guard case .map(let entries) = tree.content else {
      throw document.error("a pipeline file is a map with source, stages and sink", at: tree.place)
    }
    let parts = ["source", "stages", "sink"]
    let known = Self.settings.map(\.key) + parts
    for entry in entries where !known.contains(entry.key) { throw unknown(entry.key, among: known, at: entry.place) }
    let plain = try settings(
      entries.filter { !parts.contains($0.key) }, of: Self.settings, named: "the pipeline", at: tree.place)
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
      stages = try items.map { try component($0, among: [.augmentation, .stage], as: (any StageComponent).self) }
      for (index, item) in items.enumerated() { places[StagePath.root.stage(index).description] = item.place }
    }
    if let sink = tree["sink"] { places["sink"] = sink.place }
    let values = try JSONValue.object(plain.values).decoded(as: Plain.self)
    let pipeline = Pipeline(
      name: values.name, seed: values.seed, policy: values.onError == "skip" ? .skip(limit: values.skipLimit) : .stop,
      source: try component(source, among: [.source], as: (any SourceComponent).self), stages: stages,
      sink: try tree["sink"].map { try component($0, among: [.sink], as: (any SinkComponent).self) })
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

  /// Creates a component from `name`, `{name: value}` or `{name: {settings}}`.
  private func component<C>(_ tree: Tree, among kinds: [ComponentKind], as type: C.Type) throws -> C {
    let component = try component(tree, among: kinds)
    guard let component = component as? C else {
      throw document.error("\(Swift.type(of: component).name) cannot be used here", at: tree.place)
    }
    return component
  }

  private func component(_ tree: Tree, among kinds: [ComponentKind]) throws -> any Component {
    let name: String
    let place: Tree.Place
    var body: Tree?
    switch tree.content {
    case .scalar(let text, _) where !tree.isEmpty: (name, place) = (text, tree.place)
    case .map(let entries) where entries.count == 1:
      (name, place, body) = (entries[0].key, entries[0].place, entries[0].value)
    case .map(let entries) where entries.count > 1:
      throw document.error(
        "\(entries[1].key) is given beside \(entries[0].key)", at: entries[1].place,
        remedy: "Begin each stage with its own -, and indent settings further than their stage.")
    default: throw document.error("here the name of a \(kinds[0].rawValue) is needed", at: tree.place)
    }
    guard let type = registry.type(name, among: kinds) else {
      let others = registry.types.filter { $0.name == name }.map { $0.kind.rawValue }
      if !others.isEmpty {
        throw document.error("\(name) is a \(others.joined(separator: " or ")), which cannot be used here", at: place)
      }
      let names = registry.types.filter { kinds.contains($0.kind) }.map { $0.name }
      let near = nearest(to: name, among: names).map { "Did you mean \($0)?" }
      throw document.error(
        "unknown \(kinds.last!.rawValue) \(name)", at: place,
        remedy: near ?? "`mirage stages` lists what there is.")
    }
    var fields: [(key: String, place: Tree.Place, value: Tree)] = []
    if let body, !body.isEmpty {
      if case .map(let given) = body.content {
        fields = given
      } else if let primary = type.primary {
        fields = [(primary, body.place, body)]
      } else {
        throw document.error(
          "\(name) needs its settings by name", at: body.place, remedy: "See `mirage stages \(name)`.")
      }
    }
    let (values, parts) = try settings(fields, of: type.settings, named: name, at: place)
    do {
      let component = try type.init(values, parts: parts)
      try component.validate()
      return component
    } catch let error as MirageError {
      let setting = error.place.flatMap { Tree(content: .map(fields), place: place).value(at: $0) }
      throw document.error(error.message, at: setting?.place ?? place, remedy: error.remedy)
    } catch {
      throw document.error("\(name) cannot be made from these settings", at: place)
    }
  }

  /// Returns the settings in their full form, with defaults, and the components among them by their settings' paths.
  private func settings(
    _ given: [(key: String, place: Tree.Place, value: Tree)], of settings: [Setting], named name: String,
    at place: Tree.Place
  ) throws -> (values: [String: JSONValue], parts: [String: [any Component]]) {
    var trees: [String: (place: Tree.Place, value: Tree)] = [:]
    for (key, place, value) in given {
      guard let setting = settings.named(key) else { throw unknown(key, among: settings.map(\.key), at: place) }
      if trees.updateValue((place, value), forKey: setting.key) != nil {
        throw document.error("\(setting.key) is given twice", at: place)
      }
    }
    var values: [String: JSONValue] = [:]
    var parts: [String: [any Component]] = [:]
    for setting in settings {
      guard let own = trees[setting.key], !own.value.isEmpty else {
        guard let standard = setting.standard else {
          throw document.error("\(name) needs \(setting.key): \(setting.type.text)", at: place)
        }
        if standard != .null { values[setting.key] = standard }
        continue
      }
      switch setting.type {
      case .component(let kinds): parts[setting.key] = [try component(own.value, among: kinds)]
      case .components(let kinds):
        guard case .list(let items) = own.value.content else {
          throw document.error("\(setting.key) is a \(setting.type.text)", at: own.value.place)
        }
        parts[setting.key] = try items.map { try component($0, among: kinds) }
      case .group(let members):
        guard let given = own.value.fields else {
          throw document.error(
            "\(setting.key) needs its settings by name", at: own.value.place,
            remedy: "Known are \(members.map(\.key).joined(separator: ", ")).")
        }
        let group = try self.settings(given, of: members, named: setting.key, at: own.place)
        values[setting.key] = .object(group.values)
        for (path, components) in group.parts { parts["\(setting.key).\(path)"] = components }
      default: values[setting.key] = try ValueReader(document: document, base: base, setting: setting).value(own.value)
      }
    }
    // `Nested` settings look for their components by these keys.
    for path in parts.keys where !path.contains(".") { values[path] = [] }
    return (values, parts)
  }
}
