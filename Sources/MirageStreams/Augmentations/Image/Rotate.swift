import MirageSupport
import MirageMedia

/// Rotates about the center by a random angle, counter-clockwise in degrees; agrees with Pillow's `rotate` to rounding.
public struct Rotate: Augmentation {
  public static let declaration = Declaration(
    "rotate", "Rotates about the center, counter-clockwise", primary: "degrees", of: Rotate(degrees: 0...0),
    .required("degrees", .numberRange(-360...360, symmetric: true), "Angle in degrees"), .interpolation, .fill, .border,
    Setting("expand", .boolean, "Whether the image grows to hold all of the rotated one"), .probability)

  package var degrees: ClosedRange<Double>
  package var interpolation: Interpolation
  package var fill: [UInt8]
  package var border: BorderMode
  /// True if the image grows to hold all of the rotated one.
  package var expand: Bool
  public var probability: Double

  public init(
    degrees: ClosedRange<Double>, interpolation: Interpolation = .bilinear, fill: [UInt8] = [0],
    border: BorderMode = .constant, expand: Bool = false, probability: Double = 1
  ) {
    (self.degrees, self.interpolation, self.fill, self.border) = (degrees, interpolation, fill, border)
    (self.expand, self.probability) = (expand, probability)
  }

  public struct Parameters: Sendable, Codable { package var degrees: Double }

  public func draw(for sample: borrowing Sample, using random: inout Random) -> Parameters {
    Parameters(degrees: random.uniform(in: degrees))
  }

  public func apply(_ parameters: Parameters, to sample: inout Sample) throws {
    let (height, width, _) = sample.size
    let (newHeight, newWidth) = expand ? expandedSize(parameters, height: height, width: width) : (height, width)
    let inverse = inverse(parameters, height: height, width: width, newHeight: newHeight, newWidth: newWidth)
    let forward = inverse.inverse
    try sample.warp(
      by: inverse, forward: { forward?($0, $1) ?? ($0, $1) }, height: newHeight, width: newWidth,
      interpolation: interpolation, border: border.border(fill: fill))
  }

  private func expandedSize(_ parameters: Parameters, height: Int, width: Int) -> (Int, Int) {
    let (cos, sin) = turn(parameters)
    let (cx, cy) = (Double(width) / 2, Double(height) / 2)
    let xs = [-cx * cos + cy * sin, cx * cos + cy * sin, cx * cos - cy * sin, -cx * cos - cy * sin].map { $0 + cx }
    let ys = [-cx * sin - cy * cos, cx * sin - cy * cos, cx * sin + cy * cos, -cx * sin + cy * cos].map { $0 + cy }
    return (
      Int(ys.max()!.rounded(.up) - ys.min()!.rounded(.down)), Int(xs.max()!.rounded(.up) - xs.min()!.rounded(.down))
    )
  }

  /// Returns cosine and sine to fifteen decimals, so that a right angle is exact.
  private func turn(_ parameters: Parameters) -> (cos: Double, sin: Double) {
    let radians = parameters.degrees * Double.pi / 180
    return (
      (PortableMath.cos(radians) * 1e15).rounded() / 1e15, (PortableMath.sin(radians) * 1e15).rounded() / 1e15
    )
  }

  /// Returns the map from the new image's points to the old one's, each about its center.
  private func inverse(
    _ parameters: Parameters, height: Int, width: Int, newHeight: Int, newWidth: Int
  ) -> AffineTransform {
    let (cos, sin) = turn(parameters)
    let (cx, cy) = (Double(width) / 2, Double(height) / 2)
    let (ox, oy) = (Double(newWidth) / 2, Double(newHeight) / 2)
    return AffineTransform(cos, -sin, cx - cos * ox + sin * oy, sin, cos, cy - sin * ox - cos * oy)
  }
}

extension Rotate: Warping {
  var isPlain: Bool { interpolation == .bilinear && border == .constant && !expand }

  func inverse(_ parameters: Parameters, height: Int, width: Int) -> AffineTransform {
    inverse(parameters, height: height, width: width, newHeight: height, newWidth: width)
  }
}
