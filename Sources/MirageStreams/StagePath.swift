/// Place of a component in a pipeline, such as `stages/2` or `source/sources/1/stages/0`.
///
/// It is handed down to the component: it keys the component's random draws and names it in messages and reports.
public struct StagePath: Sendable, Hashable, CustomStringConvertible {
  public let description: String

  /// The pipeline itself.
  public static let root = StagePath(description: "")

  private init(description: String) { self.description = description }

  /// The path of a part, such as `sources` or `1`.
  public func child(_ name: String) -> StagePath {
    StagePath(description: description.isEmpty ? name : "\(description)/\(name)")
  }

  /// The path of a pipeline's source.
  public var source: StagePath { child("source") }

  /// The path of the stage at this index of a pipeline.
  public func stage(_ index: Int) -> StagePath { child("stages").child(String(index)) }
}
