import MirageMedia

/// Replaces the image by its edges, light on black: the length of Sobel's gradient of the luma, so that a step of n levels
/// gives n on both sides of it, or black and white from a threshold on. The number of channels does not change.
public struct Edges: Augmentation {
  public static let declaration = Declaration(
    "edges", "Shows the edges, light on black", primary: "threshold", of: Edges(),
    Setting(
      "threshold", .integer(0...255), "Strength in byte levels from which an edge is white; 0 for all in their strength"
    ),
    .probability)

  /// Strength in byte levels from which an edge is white; 0 for all edges in their strength.
  package var threshold: Int
  public var probability: Double

  public init(threshold: Int = 0, probability: Double = 1) {
    (self.threshold, self.probability) = (threshold, probability)
  }

  public func apply(_: NoParameters, to sample: inout Sample) throws {
    try sample.withImage { $0.detectEdges(threshold: threshold) }
  }
}
