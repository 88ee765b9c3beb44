import MirageStreams
import MirageSupport

/// A flow as the source of a branch.
struct FlowSource: SourceComponent {
  static let declaration = Declaration("flow", "Samples that flow in")

  let flow: Flow<Sample>
  let upstream: JSONValue

  init(flow: Flow<Sample>, description: JSONValue) { (self.flow, upstream) = (flow, description) }

  init(from decoder: any Decoder) throws { throw MirageError(.badPipeline, "a flow is not read from a file") }

  /// Encodes everything that determines the samples.
  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(upstream)
  }

  func flow(in context: Context) -> Flow<Sample> { flow }
}
