import MirageSupport

/// A pipeline's samples as the source of another, or as a part of `interleave`.
///
/// Its stages have paths of their own, such as `source/sources/1/stages/0`, so that each branch draws its own random
/// numbers; stages that must be fitted are fitted on what flows within the branch.
public struct PipelineSource: SourceComponent {
  public static let name = "pipeline"
  public let source: any SourceComponent
  public let stages: [any StageComponent]

  public init(_ source: any SourceComponent, stages: [any StageComponent] = []) {
    (self.source, self.stages) = (source, stages)
  }

  public var domain: Format.Domain { source.domain }

  public func flow(in context: Context) async throws -> Flow<Sample> {
    try await Pipeline(policy: context.policy, source: source, stages: stages).fitted(context.run, in: context).flow
  }

  private enum Keys: String, CodingKey { case source, stages }
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Keys.self)
    try container.encode(source.description, forKey: .source)
    try container.encode(stages.map { try $0.description }, forKey: .stages)
  }
}
