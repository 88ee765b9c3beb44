import MirageSupport
import MirageMedia

/// A Gaussian blur (torchvision's `gaussian_blur`).
public struct GaussianBlur: Augmentation {
  public static let declaration = Declaration(
    "gaussian-blur", "Blurs by a Gaussian", primary: "sigma", of: GaussianBlur(),
    Setting("sigma", .numberRange(0.01...100), "Standard deviation in pixels"),
    Setting("kernel", .integer(0...999), "Side of the kernel in pixels, made odd; 0 for 3 deviations on each side"),
    .probability)

  /// Standard deviation in pixels.
  package var sigma: ClosedRange<Double>
  /// Side of the kernel in pixels (an even one counts as the next odd one); 0 for three deviations on each side.
  package var kernel: Int
  public var probability: Double

  public init(sigma: ClosedRange<Double> = 0.1...2, kernel: Int = 0, probability: Double = 1) {
    (self.sigma, self.kernel, self.probability) = (sigma, kernel, probability)
  }

  public struct Parameters: Sendable, Codable { package var sigma: Double }

  public func draw(for sample: borrowing Sample, using random: inout Random) -> Parameters {
    Parameters(sigma: random.uniform(in: sigma))
  }

  public func apply(_ parameters: Parameters, to sample: inout Sample) throws {
    let side = kernel > 0 ? kernel : 2 * max(1, Int((3 * parameters.sigma).rounded(.up))) + 1
    try sample.withImage { $0.blur(sigma: max(parameters.sigma, 1e-3), kernel: side) }
  }
}

/// A blur along a line, as of a moving camera.
public struct MotionBlur: Augmentation {
  public static let declaration = Declaration(
    "motion-blur", "Blurs along a line", primary: "length", of: MotionBlur(),
    Setting("length", .integerRange(1...999), "Length of the line in pixels"),
    Setting("degrees", .numberRange(-360...360, symmetric: true), "Direction of the line in degrees"), .probability)

  /// Length of the line in pixels.
  package var length: ClosedRange<Int>
  /// Direction of the line in degrees, counter-clockwise from horizontal.
  package var degrees: ClosedRange<Double>
  public var probability: Double

  public init(length: ClosedRange<Int> = 3...7, degrees: ClosedRange<Double> = 0...180, probability: Double = 1) {
    (self.length, self.degrees, self.probability) = (length, degrees, probability)
  }

  public struct Parameters: Sendable, Codable {
    package var length: Int
    package var degrees: Double
  }

  public func draw(for sample: borrowing Sample, using random: inout Random) -> Parameters {
    Parameters(length: random.integer(in: length), degrees: random.uniform(in: degrees))
  }

  public func apply(_ parameters: Parameters, to sample: inout Sample) throws {
    try sample.withImage { $0.blurAlongLine(length: parameters.length, degrees: parameters.degrees) }
  }
}
