import MirageMedia

/// Mirrors left and right.
public struct HorizontalFlip: Augmentation {
  public static let declaration = Declaration(
    "horizontal-flip", "Mirrors left and right", primary: "probability", of: HorizontalFlip(), .probability)

  public var probability: Double
  public init(probability: Double = 0.5) { self.probability = probability }

  public func apply(_: NoParameters, to sample: inout Sample) throws {
    let (height, width, _) = sample.size
    try sample.withImage { $0 = $0.flippedHorizontally() }
    sample.moveAnnotations(height: height, width: width) { (Double(width) - $0, $1) }
  }
}

/// Mirrors top and bottom.
public struct VerticalFlip: Augmentation {
  public static let declaration = Declaration(
    "vertical-flip", "Mirrors top and bottom", primary: "probability", of: VerticalFlip(), .probability)

  public var probability: Double
  public init(probability: Double = 0.5) { self.probability = probability }

  public func apply(_: NoParameters, to sample: inout Sample) throws {
    let (height, width, _) = sample.size
    try sample.withImage { $0 = $0.flippedVertically() }
    sample.moveAnnotations(height: height, width: width) { ($0, Double(height) - $1) }
  }
}

/// Swaps rows and columns.
public struct Transpose: Augmentation {
  public static let declaration = Declaration(
    "transpose", "Turns rows into columns", primary: "probability", of: Transpose(), .probability)

  public var probability: Double
  public init(probability: Double = 0.5) { self.probability = probability }

  public func apply(_: NoParameters, to sample: inout Sample) throws {
    let (height, width, _) = sample.size
    try sample.withImage { $0 = $0.transposed() }
    sample.moveAnnotations(height: width, width: height) { ($1, $0) }
  }
}
