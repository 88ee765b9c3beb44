/// Place of a component in a pipeline, such as `stages/2` or `source/sources/1/stages/0`.
///
/// It is handed down to the component: it keys the component's random draws and names it in messages and reports.
public struct StagePath: Sendable, Hashable, CustomStringConvertible {
  /// Names of the parts on the way, joined by `/`; empty for the pipeline itself.
  public let description: String

  /// Path of the pipeline itself.
  public static let root = StagePath(description: "")

  private init(description: String) { self.description = description }

  /// Returns the path of a part, such as `sources` or `1`.
  public func child(_ name: String) -> StagePath {
    StagePath(description: description.isEmpty ? name : "\(description)/\(name)")
  }

  /// Path of the source of this pipeline.
  public var source: StagePath { child("source") }

  /// Returns the path of the stage at this index of the pipeline.
  public func stage(_ index: Int) -> StagePath { child("stages").child(String(index)) }
}
