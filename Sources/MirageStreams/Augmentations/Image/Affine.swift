import MirageSupport
import MirageMedia

/// Rotates, translates, scales and shears about the center; agrees with torchvision's `affine` (on Pillow images) to
/// rounding. As there, positive degrees turn clockwise.
public struct Affine: Augmentation {
  public static let declaration = Declaration(
    "affine", "Rotates (clockwise), translates, scales and shears about the center", of: Affine(),
    Setting("degrees", .numberRange(-360...360, symmetric: true), "Angle in degrees, clockwise"),
    Setting("translate", .numbers(0...1, count: 2...2), "Largest shift, as fractions of the width and of the height"),
    Setting("scale", .numberRange(0.01...100), "Scale factor"),
    Setting("shear", .numberRange(-89...89, symmetric: true), "Shear along x in degrees"),
    Setting("shear-y", .numberRange(-89...89, symmetric: true), "Shear along y in degrees"), .interpolation, .fill,
    .border, .probability)

  package var degrees: ClosedRange<Double>
  /// Largest shift, as fractions of the width and of the height.
  package var translate: [Double]
  package var scale: ClosedRange<Double>
  /// Shear along x, and along y, in degrees.
  package var shear: ClosedRange<Double>
  package var shearY: ClosedRange<Double>
  package var interpolation: Interpolation
  package var fill: [UInt8]
  package var border: BorderMode
  public var probability: Double

  public init(
    degrees: ClosedRange<Double> = 0...0, translate: [Double] = [0, 0], scale: ClosedRange<Double> = 1...1,
    shear: ClosedRange<Double> = 0...0, shearY: ClosedRange<Double> = 0...0, interpolation: Interpolation = .bilinear,
    fill: [UInt8] = [0], border: BorderMode = .constant, probability: Double = 1
  ) {
    (self.degrees, self.translate, self.scale, self.shear) = (degrees, translate, scale, shear)
    (self.shearY, self.interpolation, self.fill, self.border) = (shearY, interpolation, fill, border)
    self.probability = probability
  }

  public struct Parameters: Sendable, Codable {
    package var degrees: Double
    /// Shifts in pixels.
    package var translateX, translateY: Double
    package var scale: Double
    /// Shears in degrees.
    package var shearX, shearY: Double
  }

  public func draw(for sample: borrowing Sample, using random: inout Random) -> Parameters {
    let (height, width, _) = sample.size
    let (mostX, mostY) = (translate[0] * Double(width), translate[1] * Double(height))
    return Parameters(
      degrees: random.uniform(in: degrees), translateX: random.uniform(in: -mostX...mostX).rounded(),
      translateY: random.uniform(in: -mostY...mostY).rounded(), scale: random.uniform(in: scale),
      shearX: random.uniform(in: shear), shearY: random.uniform(in: shearY))
  }

  public func apply(_ parameters: Parameters, to sample: inout Sample) throws {
    let (height, width, _) = sample.size
    try sample.affine(
      parameters.inverse(height: height, width: width), interpolation: interpolation, border: border.border(fill: fill))
  }
}

extension Affine: Warping {
  var isPlain: Bool { interpolation == .bilinear && border == .constant }

  func inverse(_ parameters: Parameters, height: Int, width: Int) -> AffineTransform {
    parameters.inverse(height: height, width: width)
  }
}

extension Affine.Parameters {
  /// Returns the map from output to input: translation, then rotation, scale and shear about the center.
  func inverse(height: Int, width: Int) -> AffineTransform {
    let unit = Double.pi / 180
    let (rotation, sx, sy) = (degrees * unit, shearX * unit, shearY * unit)
    let tanX = PortableMath.sin(sx) / PortableMath.cos(sx)
    let a = PortableMath.cos(rotation - sy) / PortableMath.cos(sy)
    let b = -a * tanX - PortableMath.sin(rotation)
    let c = PortableMath.sin(rotation - sy) / PortableMath.cos(sy)
    let d = -c * tanX + PortableMath.cos(rotation)
    let (cx, cy) = (Double(width) / 2, Double(height) / 2)
    let centerd = AffineTransform(1, 0, -cx - translateX, 0, 1, -cy - translateY)
    return centerd.then(AffineTransform(d / scale, -b / scale, cx, -c / scale, a / scale, cy))
  }
}

extension Sample {
  mutating func affine(_ inverse: AffineTransform, interpolation: Interpolation, border: Border) throws {
    let forward = inverse.inverse
    try warp(
      by: inverse, forward: { forward?($0, $1) ?? ($0, $1) }, interpolation: interpolation, border: border)
  }
}
