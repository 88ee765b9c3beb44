import MirageStreams
import MirageSupport

/// The two domains of a translation as its stage's settings name them.
struct TranslationDomains {
  /// Name of the stage, for messages.
  let stage: String
  /// Classes of the first domain, by name or number; all samples that flow in if empty.
  let from: [String]
  /// Classes of the second domain, by name or number.
  let to: [String]
  /// The second domain as a branch.
  let target: PipelineSource?
  /// Stages that make one domain of what flows in: the second one, or of pairs the first one.
  let through: [any StageComponent]
  /// True if the samples at equal positions are pairs.
  let isPaired: Bool

  /// A domain's samples, with a name for messages.
  typealias Domain = (name: String, flow: Flow<Sample>)

  /// Checks that there is exactly one second domain.
  ///
  /// - Throws: bad pipeline with the setting as its place.
  func check(_ watch: TranslationWatching, _ translate: Translation) throws {
    let given = [("to", !to.isEmpty), ("target", target != nil), ("through", !through.isEmpty)].filter(\.1).map(\.0)
    let choices =
      isPaired ? "target (a source) and through (stages)" : "to (classes), target (a source) and through (stages)"
    // Pairs may come from the pipeline's own source.
    guard given.count == 1 || given.isEmpty && isPaired else {
      throw MirageError(
        .badPipeline,
        given.isEmpty ? "\(stage) has no second domain" : "\(stage) has both \(given[0]) and \(given[1])",
        place: given.last, remedy: "Give one of \(choices).")
    }
    if given == ["to"] && from.isEmpty {
      throw MirageError(
        .badPipeline, "\(stage) translates to classes, but from none", place: "to",
        remedy: "Name the classes to translate, with from.")
    }
    if watch.metric == .fid && to.isEmpty {
      throw MirageError(
        .badPipeline, "fid is measured by classes, and the second domain is none", place: "watch.metric",
        remedy: "Use \(isPaired ? "paired-error" : "cycle-error") or none.")
    }
    if watch.metric == (isPaired ? .cycleError : .pairedError) {
      throw MirageError(
        .badPipeline, isPaired ? "\(stage) has no way back" : "\(stage) has no pairs", place: "watch.metric",
        remedy: "Use \(isPaired ? "paired-error" : "cycle-error") or none.")
    }
    if translate.direction == .backward && to.isEmpty {
      throw MirageError(
        .badPipeline, "the second domain does not flow through the stage, so it cannot be translated",
        place: "translate.direction", remedy: "Let the second domain flow in and give the first one as target.")
    }
  }

  /// Opens both domains.
  ///
  /// - Throws: bad pipeline if there is no such class, a class is in both domains, or pairs differ in number; errors of the
  ///   branch.
  func flows(_ upstream: Flow<Sample>, _ context: Context) async throws -> (a: Domain, b: Domain) {
    let a: Domain = from.isEmpty ? ("what flows in", upstream) : try classes(from, "from", upstream, context)
    if let target {
      let b: Domain = ("the target", try await target.flow(in: context.at(context.path.child("target"))))
      if isPaired && a.flow.count != b.flow.count {
        throw MirageError(
          .badPipeline,
          "what flows in has \(a.flow.count) positions and the target \(b.flow.count), and pairs have equal ones",
          place: "target", remedy: "Give both the same stages that choose samples.")
      }
      return (a, b)
    }
    guard through.isEmpty else {
      let branch: Domain = ("what flows through", try await afterStages(a.flow, context))
      return isPaired ? (branch, a) : (a, branch)
    }
    if isPaired {
      guard let partner = context.partner else {
        throw MirageError(
          .badPipeline, "\(stage) needs pairs, and what flows in has no partners",
          remedy: "Use a source of pairs such as image-pairs, or give target (a source) or through (stages).")
      }
      return (a, ("the partners", partner))
    }
    let b = try classes(to, "to", upstream, context)
    let names = upstream.about.classes
    let shared = try to.first { name in
      let index = try classIndex(name, among: names, stage: "to")
      return try from.contains { try classIndex($0, among: names, stage: "from") == index }
    }
    if let shared {
      throw MirageError(
        .badPipeline, "class \(shared) is in both domains", place: "to", remedy: "Take it out of from or to.")
    }
    return (a, b)
  }

  /// Returns samples after the stages that make a domain of them.
  func afterStages(_ flow: Flow<Sample>, _ context: Context) async throws -> Flow<Sample> {
    let branch = PipelineSource(FlowSource(flow: flow, description: context.upstream), stages: through)
    return try await branch.flow(in: context.at(context.path.child("through")))
  }

  private func classes(
    _ names: [String], _ setting: String, _ upstream: Flow<Sample>, _ context: Context
  ) throws -> Domain {
    for name in names { _ = try classIndex(name, among: upstream.about.classes, stage: setting) }
    return (names.joined(separator: ", "), try Filter(classes: names).apply(to: upstream, at: context.path))
  }

  /// Everything about the domains that determines the weights.
  ///
  /// - Parameter b: Samples of the second domain.
  func identity(_ b: Domain) throws -> [String: JSONValue] {
    var parts: [String: JSONValue] = [
      "from": .array(from.map { .string($0) }), "to": .array(to.map { .string($0) }),
      "through": .array(try through.map { try $0.description }),
    ]
    if let target {
      parts["target"] = try JSONValue(encoding: target).withoutDirectories
      parts["target-data"] = try b.flow.about.inputsDigest()
    }
    return parts
  }
}

// Settings that the translation stages share.
extension Setting {
  static let from = Setting(
    "from", .strings, "Classes of the first domain, by name or number; all samples that flow in if not given")
  static let to = Setting("to", .strings, "Classes of the second domain, by name or number")
  static let target = Setting(
    "target", .group(PipelineSource.settings), "Second domain: a source with stages of its own")
  static let through = Setting(
    "through", .components([.augmentation, .stage]), "Second domain: what flows in, through these stages")
}

/// Returns the components among the settings of a translation stage, by their paths.
func translationParts(through: [any StageComponent], target: PipelineSource?) -> [String: [any Component]] {
  var parts: [String: [any Component]] = ["through": through]
  if let target { (parts["target.source"], parts["target.stages"]) = ([target.source], target.stages) }
  return parts
}
