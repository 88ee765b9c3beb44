import MirageSupport

/// A source, what is done to its samples, and where they go: the same value from a pipeline file and from Swift.
public struct Pipeline: Sendable {
  public var name: String
  public var seed: UInt64
  public var policy: ErrorPolicy
  public var source: any Component
  public var stages: [any Component]
  public var sink: (any Component)?

  public init(
    name: String = "pipeline", seed: UInt64 = 0, policy: ErrorPolicy = .stop, source: any Component,
    stages: [any Component] = [], sink: (any Component)? = nil
  ) {
    self.name = name
    self.seed = seed
    self.policy = policy
    self.source = source
    self.stages = stages
    self.sink = sink
  }

  /// What to do about stages that must be fitted first.
  public enum Fitting: Sendable {
    /// Fit them, each on all that flows into it.
    case fit(Context)
    /// Leave out those that no earlier fit serves: show what is there without them.
    case leaveOut
  }

  /// The samples as they leave the last stage.
  ///
  /// - Returns: the flow; the stages as they are after fitting; the names of those that were left out.
  /// - Throws: bad pipeline naming the stage, where one cannot stand where it stands; what opening the source throws.
  public func flow(_ run: Run, fitting: Fitting) async throws -> (
    flow: Flow<Sample>, fitted: [any Component], leftOut: [String]
  ) {
    guard case .source(let source) = source.role else {
      throw MirageError(.badPipeline, "\(type(of: self.source).name) is not a source")
    }
    var flow = try source.flow().running(Run(seed: run.seed, epoch: run.epoch))
    var fitted: [any Component] = []
    var leftOut: [String] = []
    var index = 0
    while index < stages.count {
      let component = stages[index]
      let name = type(of: component).name
      // Augmentations that stand together are applied to a sample in one go.
      let chain = stages[index...].prefix { if case .augment = $0.role { true } else { false } }
      var now = [component]
      do {
        switch component.role {
        case .augment:
          flow = try AugmentChain(chain.compactMap { if case .augment(let augment) = $0.role { augment } else { nil } })
            .apply(to: flow)
          now = Array(chain)
        case .stage(let stage): flow = try stage.apply(to: flow)
        case .estimator(let estimator):
          let stage: (any Stage<Sample, Sample>)?
          switch fitting {
          case .fit(var context):
            context.upstream = try upstream(of: fitted, run)
            stage = try await estimator.fit(on: flow, in: context)
          case .leaveOut:
            var context = Context()
            context.upstream = try upstream(of: fitted, run)
            stage = try await estimator.earlierFit(on: flow, in: context)
          }
          if let stage {
            now = [stage as? any Component ?? component]
            flow = try stage.apply(to: flow)
          } else {
            leftOut.append("stages/\(index) (\(name))")
            flow = flow.transformed(stage: name) { _ in }
          }
        case .source, .sink:
          throw MirageError(.badPipeline, "\(name) is not a stage")
        }
      } catch var error as MirageError where error.kind == .badPipeline && error.file == nil {
        // A stage may have named the setting, such as model.conditioning.
        error.place = "stages/\(index) (\(name))" + (error.place.map { ", \($0)" } ?? "")
        throw error
      }
      fitted += now
      index += now.count
    }
    return (flow.running(run), fitted, leftOut)
  }

  /// What decides the samples that leave the given first stages, but not where the data lies.
  private func upstream(of fitted: [any Component], _ run: Run) throws -> JSONValue {
    [
      "source": try source.description.withoutDirectories, "seed": .string(String(run.seed)),
      "stages": .array(try fitted.map { try $0.description }),
    ]
  }

  /// The pipeline as data: everything that decides its samples and how they are written, but not where.
  func description(fitted: [any Component]) throws -> JSONValue {
    var fields: [String: JSONValue] = [
      "name": .string(name), "source": try source.description, "stages": .array(try fitted.map { try $0.description }),
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

extension JSONValue {
  /// The same without the places of data, which its digest stands for.
  fileprivate var withoutDirectories: JSONValue {
    switch self {
    case .object(let fields):
      .object(fields.filter { $0.key != "directory" }.mapValues(\.withoutDirectories))
    case .array(let values): .array(values.map(\.withoutDirectories))
    default: self
    }
  }
}
