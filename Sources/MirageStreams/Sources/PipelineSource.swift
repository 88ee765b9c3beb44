import MirageSupport

/// A pipeline's samples as the source of another, or as a part of `interleave`.
///
/// Its stages have paths of their own, such as `source/sources/1/stages/0`, so that each branch draws its own random
/// numbers; stages that must be fitted are fitted on the samples of the branch.
public struct PipelineSource: SourceComponent {
  public static let declaration = Declaration(
    "pipeline", "A source with stages of its own, such as one branch of interleave",
    of: PipelineSource(MNIST(directory: "")), .required("source", .component([.source]), "Source of the branch"),
    Setting("stages", .components([.augmentation, .stage]), "Stages of the branch"))

  /// Source of the branch.
  @Nested public private(set) var source: any SourceComponent
  /// Stages of the branch.
  @Nested public private(set) var stages: [any StageComponent]

  public init(_ source: any SourceComponent, stages: [any StageComponent] = []) {
    (self.source, self.stages) = (source, stages)
  }

  public var parts: [String: [any Component]] { ["source": [source], "stages": stages] }
  public var domain: Format.Domain { source.domain }

  public func flow(in context: Context) async throws -> Flow<Sample> {
    try await Pipeline(policy: context.policy, source: source, stages: stages).fitted(context.run, in: context).flow
  }
}
