import MirageSupport
import MirageMedia

/// Fills random rectangles (torchvision's `RandomErasing`; with a fixed area and a ratio of 1 it is cutout).
public struct Erase: Augmentation {
  public static let declaration = Declaration(
    "erase", "Fills random rectangles (random erasing, cutout)", of: Erase(),
    Setting("count", .integerRange(1...1000), "Number of rectangles"),
    Setting("scale", .numberRange(0.0001...1), "Area of a rectangle, as a fraction of the image's"),
    Setting("ratio", .numberRange(0.01...100), "Aspect of a rectangle, width over height"), .fill, .probability)

  /// Number of rectangles.
  package var count: ClosedRange<Int>
  /// Area of a rectangle, as a fraction of the image's.
  package var scale: ClosedRange<Double>
  /// Aspect of a rectangle, width over height; drawn on a logarithmic scale.
  package var ratio: ClosedRange<Double>
  package var fill: [UInt8]
  public var probability: Double

  public init(
    count: ClosedRange<Int> = 1...1, scale: ClosedRange<Double> = 0.02...0.33, ratio: ClosedRange<Double> = 0.3...3.3,
    fill: [UInt8] = [0], probability: Double = 0.5
  ) {
    (self.count, self.scale, self.ratio, self.fill, self.probability) = (count, scale, ratio, fill, probability)
  }

  public struct Parameters: Sendable, Codable { package var rectangles: [RandomResizedCrop.Parameters] }

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
public struct GridDropout: Augmentation {
  public static let declaration = Declaration(
    "grid-dropout", "Fills a square in each cell of a grid", of: GridDropout(),
    Setting("ratio", .number(0...1), "Side of the square, as a fraction of the cell's"),
    Setting("unit", .integerRange(2...10_000), "Side of a cell in pixels"), .fill, .probability)

  /// Side of the square, as a fraction of the cell's.
  package var ratio: Double
  /// Side of a cell in pixels.
  package var unit: ClosedRange<Int>
  package var fill: [UInt8]
  public var probability: Double

  public init(ratio: Double = 0.5, unit: ClosedRange<Int> = 8...16, fill: [UInt8] = [0], probability: Double = 0.5) {
    (self.ratio, self.unit, self.fill, self.probability) = (ratio, unit, fill, probability)
  }

  public struct Parameters: Sendable, Codable {
    package var unit: Int
    /// Distances of the first cell's corner in pixels, to the left of and above the image.
    package var x, y: Int
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
