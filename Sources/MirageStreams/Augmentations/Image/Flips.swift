import MirageMedia

/// Mirrors left and right.
public struct HorizontalFlip: Augmentation {
  public static let name = "horizontal-flip"
  public static let summary = "Mirrors left and right"
  public static let primary: String? = "probability"
  public var probability: Double
  public static let settings = Setting.list(of: HorizontalFlip(), .probability)
  public init(probability: Double = 0.5) { self.probability = probability }

  public func apply(_: NoParameters, to sample: inout Sample) throws {
    let (height, width, _) = sample.size
    try sample.withImage { $0 = $0.flippedHorizontally() }
    sample.moveAnnotations(height: height, width: width) { (Double(width) - $0, $1) }
  }
}

/// Mirrors top and bottom.
public struct VerticalFlip: Augmentation {
  public static let name = "vertical-flip"
  public static let summary = "Mirrors top and bottom"
  public static let primary: String? = "probability"
  public var probability: Double
  public static let settings = Setting.list(of: VerticalFlip(), .probability)
  public init(probability: Double = 0.5) { self.probability = probability }

  public func apply(_: NoParameters, to sample: inout Sample) throws {
    let (height, width, _) = sample.size
    try sample.withImage { $0 = $0.flippedVertically() }
    sample.moveAnnotations(height: height, width: width) { ($0, Double(height) - $1) }
  }
}

/// Turns rows into columns.
public struct Transpose: Augmentation {
  public static let name = "transpose"
  public static let summary = "Turns rows into columns"
  public static let primary: String? = "probability"
  public var probability: Double
  public static let settings = Setting.list(of: Transpose(), .probability)
  public init(probability: Double = 0.5) { self.probability = probability }

  public func apply(_: NoParameters, to sample: inout Sample) throws {
    let (height, width, _) = sample.size
    try sample.withImage { $0 = $0.transposed() }
    sample.moveAnnotations(height: width, width: height) { ($1, $0) }
  }
}
