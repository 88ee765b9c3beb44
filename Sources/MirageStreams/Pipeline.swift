import MirageSupport

/// A source, stages that process its samples, and an optional sink. Pipeline files and Swift code give the same value.
public struct Pipeline: Sendable {
  /// Name of the pipeline.
  public var name: String
  /// Random seed.
  public var seed: UInt64
  /// Treatment of samples that fail.
  public var policy: ErrorPolicy
  /// Component that reads the samples.
  public var source: any SourceComponent
  /// Stages, in the order in which they are applied.
  public var stages: [any StageComponent]
  /// Component that writes the samples; nil if they are only read.
  public var sink: (any SinkComponent)?
  /// Path of the pipeline file, for messages; nil for a pipeline made in Swift.
  package var file: String?

  public init(
    name: String = "pipeline", seed: UInt64 = 0, policy: ErrorPolicy = .stop, source: any SourceComponent,
    stages: [any StageComponent] = [], sink: (any SinkComponent)? = nil
  ) {
    (self.name, self.seed, self.policy, self.source, self.stages) = (name, seed, policy, source, stages)
    self.sink = sink
  }

  /// Returns the samples after the last stage, in order, computed in parallel.
  ///
  /// - Throws: errors of `fitted`; bad pipeline if a stage must be trained first.
  public func samples() async throws -> Flow<Sample> {
    try await fitted(Run(seed: seed), in: Context(policy: policy)).flow
  }

  /// Fits the stages that must be fitted, each on all samples that flow into it, as the context allows. Training a GAN
  /// can take hours.
  ///
  /// - Parameters:
  ///   - run: seed, epoch and shard; the pipeline's own seed if nil.
  ///   - context: workers, error policy and treatment of stages that must be fitted.
  /// - Throws: bad pipeline naming the stage, if it cannot follow the stages before it, or if it is not trained yet and
  ///   the context does not train; errors of opening the source and of fitting.
  public func fitted(_ run: Run? = nil, in context: Context = Context(fitting: .fit)) async throws -> FittedPipeline {
    try validate(below: context.path)
    let run = run ?? Run(seed: seed)
    var context = context
    let root = context.path
    context.run = Run(seed: run.seed, epoch: run.epoch)
    var flow = try await source.flow(in: context.at(root.source)).running(context.run)
    var partner = try await (source as? any PairedSource)?.partner.flow(in: context.at(root.source)).running(
      context.run)
    var fitted: [FittedPipeline.Stage] = []
    var index = 0
    while index < stages.count {
      let component = stages[index]
      let path = root.stage(index)
      // Consecutive augmentations are applied to a sample together.
      let chain = stages[index...].prefix { $0.augment != nil }
      var now = [FittedPipeline.Stage(path, component)]
      do {
        switch component.role {
        case .augment:
          let augments = AugmentChain(chain.compactMap(\.augment), at: chain.indices.map(root.stage))
          flow = try augments.apply(to: flow)
          partner = try partner.map { try augments.apply(to: $0) }
          now = zip(chain.indices, chain).map { FittedPipeline.Stage(root.stage($0), $1) }
        case .stage(let stage):
          flow = try stage.apply(to: flow, at: path)
          partner = try partner.map { try stage.apply(to: $0, at: path) }
        case .estimator(let estimator):
          context.upstream = try upstream(of: fitted, context.run)
          context.partner = partner
          if let found = try await fit(estimator, on: flow, named: now[0], in: context.at(path)) {
            now[0].fitted = found
            let stage = found.stage
            flow = try stage.apply(to: flow, at: path)
            partner =
              component is any ComputesWithNetworks ? nil : try partner.map { try stage.apply(to: $0, at: path) }
          } else {
            now[0].isLeftOut = true
          }
        }
      } catch let error as MirageError { throw error.located(in: "\(now[0])") }
      fitted += now
      index += now.count
    }
    return FittedPipeline(flow: flow.running(run), partner: partner?.running(run), stages: fitted)
  }

  private func fit(
    _ estimator: any Estimator<Sample, Sample>, on flow: Flow<Sample>, named stage: FittedPipeline.Stage,
    in context: Context
  ) async throws -> Fitted<Sample, Sample>? {
    switch context.fitting {
    case .fit: return try await estimator.fit(on: flow, in: context)
    case .leaveOut: return try await estimator.earlierFit(on: flow, in: context)
    case .requireTrained:
      guard estimator is any TrainedEstimator else { return try await estimator.fit(on: flow, in: context) }
      if let earlier = try await estimator.earlierFit(on: flow, in: context) { return earlier }
      throw MirageError(
        .badPipeline, "the stage is not trained yet",
        remedy: file.map { "Train it first: mirage train \($0)" } ?? "Train it first, with fitted(in:).")
    }
  }

  /// Checks the settings of all components, without opening anything.
  /// - Throws: bad pipeline naming the component and the setting, such as `stages/1 (take), count`.
  public func validate() throws { try validate(below: .root) }

  private func validate(below root: StagePath) throws {
    try source.validate(at: root.source.description)
    for (index, stage) in stages.enumerated() { try stage.validate(at: root.stage(index).description) }
    try sink?.validate(at: "sink")
    try checkDomains()
  }

  /// Throws bad pipeline, naming the stage (`stages/2`) or the sink, if it does not work on the source's kind of media.
  package func checkDomains() throws {
    let domain = source.domain
    func refusal(_ component: any Component, _ domains: Set<Format.Domain>, _ place: String) -> MirageError {
      let works = domains.map(\.plural).sorted().joined(separator: " and ")
      return MirageError(
        .badPipeline, "\(type(of: component).name) works on \(works), and the source gives \(domain.plural)",
        place: place)
    }
    for (index, stage) in stages.enumerated() where !type(of: stage).domains.contains(domain) {
      throw refusal(stage, type(of: stage).domains, StagePath.root.stage(index).description)
    }
    if let sink, !type(of: sink).domains.contains(domain) { throw refusal(sink, type(of: sink).domains, "sink") }
  }

  /// Returns everything that determines the samples after the given first stages, except the location of the data.
  private func upstream(of stages: [FittedPipeline.Stage], _ run: Run) throws -> JSONValue {
    [
      "source": try source.description.withoutDirectories, "seed": .string(String(run.seed)),
      "stages": .array(try stages.map { try $0.settings }),
    ]
  }

  /// Returns the pipeline as data: everything that determines its samples and how they are written, except locations.
  func description(of stages: [FittedPipeline.Stage]) throws -> JSONValue {
    var fields: [String: JSONValue] = [
      "name": .string(name), "source": try source.description, "stages": .array(try stages.map { try $0.settings }),
    ]
    if let sink, case .object(var outer) = try sink.description {
      if case .object(var settings)? = outer[type(of: sink).name] {
        settings["directory"] = nil
        outer[type(of: sink).name] = .object(settings)
      }
      fields["sink"] = .object(outer)
    }
    return .object(fields)
  }
}

/// A pipeline whose stages are fitted, so that its samples can be read.
public struct FittedPipeline: Sendable {
  /// The samples after the last stage.
  public let flow: Flow<Sample>
  /// The second samples of pairs after the last stage, at the positions of the first ones in `flow`; nil if the source is not
  /// one of pairs, or if a stage computes with networks.
  public let partner: Flow<Sample>?
  /// The stages, in order.
  public let stages: [Stage]

  /// A stage after fitting.
  public struct Stage: Sendable, CustomStringConvertible {
    /// Path of the stage in the pipeline.
    public let path: StagePath
    /// Component as it is in the pipeline.
    public let component: any StageComponent
    /// Result of fitting; nil for stages that need no fitting, and for those that were left out.
    public internal(set) var fitted: Fitted<Sample, Sample>?
    /// True if the stage is not fitted yet and is missing from the flow.
    public internal(set) var isLeftOut = false

    init(_ path: StagePath, _ component: any StageComponent) { (self.path, self.component) = (path, component) }

    /// Path and name, such as `stages/0 (conditional-gan)`.
    public var description: String { "\(path) (\(type(of: component).name))" }

    /// Settings that determine what the stage does to samples.
    var settings: JSONValue {
      get throws { try fitted?.description ?? (fitted?.stage as? any Component ?? component).description }
    }
  }

  /// Report of the trained stages: their settings and final measures, by path; nil if there are none.
  var report: JSONValue? {
    get throws {
      var entries: [String: JSONValue] = [:]
      for stage in stages where stage.component is any TrainedEstimator {
        guard let fitted = stage.fitted else { continue }
        let measures = fitted.measures.map { ($0.name, JSONValue.number($0.value)) }
        entries["\(stage.path)"] = [
          "settings": try stage.component.description.withoutPlaces, "measures": .object(Dictionary(measures) { $1 }),
        ]
      }
      return entries.isEmpty ? nil : .object(entries)
    }
  }

  /// Stages that are not fitted yet and are missing from the flow, such as `stages/0 (conditional-gan)`.
  public var leftOut: [String] { stages.filter(\.isLeftOut).map { "\($0)" } }
}

extension JSONValue {
  /// The same value without the locations of data, which is identified by its digest.
  package var withoutDirectories: JSONValue { without(["directory", "partner-directory"]) }

  /// The same value without the locations of data and models.
  fileprivate var withoutPlaces: JSONValue { without(["directory", "partner-directory", "checkpoint", "classifier"]) }

  private func without(_ names: Set<String>) -> JSONValue {
    switch self {
    case .object(let fields): .object(fields.filter { !names.contains($0.key) }.mapValues { $0.without(names) })
    case .array(let values): .array(values.map { $0.without(names) })
    default: self
    }
  }
}
