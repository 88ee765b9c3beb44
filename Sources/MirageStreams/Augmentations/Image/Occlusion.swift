import MirageSupport
import MirageMedia

/// Fills random rectangles (torchvision's `RandomErasing`; with a fixed area and a ratio of 1 it is cutout).
public struct Erase: Augmentation, Codable {
  public static let name = "erase"
  /// How many rectangles.
  public var count: ClosedRange<Int>
  /// A rectangle's part of the image's area.
  public var scale: ClosedRange<Double>
  /// Width over height, drawn on a logarithmic scale.
  public var ratio: ClosedRange<Double>
  public var fill: [UInt8]
  public var probability: Double

  public init(
    count: ClosedRange<Int> = 1...1, scale: ClosedRange<Double> = 0.02...0.33, ratio: ClosedRange<Double> = 0.3...3.3,
    fill: [UInt8] = [0], probability: Double = 0.5
  ) {
    self.count = count
    self.scale = scale
    self.ratio = ratio
    self.fill = fill
    self.probability = probability
  }

  public struct Parameters: Sendable, Codable { public var rectangles: [RandomResizedCrop.Parameters] }

  public func draw(for sample: borrowing Sample, using random: inout Random) -> Parameters {
    let (height, width, _) = sample.size
    var rectangles: [RandomResizedCrop.Parameters] = []
    for _ in 0..<random.integer(in: count) {
      // A rectangle that does not fit is drawn again, ten times at most.
      for _ in 0..<10 {
        if let found = drawWindow(height: height, width: width, scale: scale, ratio: ratio, using: &random) {
          rectangles.append(found)
          break
        }
      }
    }
    return Parameters(rectangles: rectangles)
  }

  public func apply(_ parameters: Parameters, to sample: inout Sample) throws {
    try sample.withImage { image in
      for window in parameters.rectangles {
        image.fill(x: window.x..<window.x + window.width, y: window.y..<window.y + window.height, with: fill)
      }
    }
  }
}

/// Fills a square in each cell of a grid (Chen et al., "GridMask", 2020; as in Albumentations' GridDropout).
public struct GridDropout: Augmentation, Codable {
  public static let name = "grid-dropout"
  /// The square's side as a part of the cell's.
  public var ratio: Double
  /// The cell's side in pixels.
  public var unit: ClosedRange<Int>
  public var fill: [UInt8]
  public var probability: Double

  public init(ratio: Double = 0.5, unit: ClosedRange<Int> = 8...16, fill: [UInt8] = [0], probability: Double = 0.5) {
    self.ratio = ratio
    self.unit = unit
    self.fill = fill
    self.probability = probability
  }

  public struct Parameters: Sendable, Codable {
    public var unit: Int
    /// Where the first cell begins, to the left of and above the image.
    public var x, y: Int
  }

  public func draw(for sample: borrowing Sample, using random: inout Random) -> Parameters {
    let unit = random.integer(in: unit)
    return Parameters(unit: unit, x: random.integer(in: 0...unit - 1), y: random.integer(in: 0...unit - 1))
  }

  public func apply(_ parameters: Parameters, to sample: inout Sample) throws {
    let side = Int((Double(parameters.unit) * ratio).rounded())
    try sample.withImage { image in
      for top in stride(from: -parameters.y, to: image.height, by: parameters.unit) {
        for left in stride(from: -parameters.x, to: image.width, by: parameters.unit) {
          image.fill(x: left..<left + side, y: top..<top + side, with: fill)
        }
      }
    }
  }
}
