import Foundations
import Media

/// Rotates about the centre by a random angle, counter-clockwise in degrees; agrees with Pillow's `rotate` to rounding.
public struct Rotate: Component, Augmentation, Codable {
  public static let name = "rotate"
  public var degrees: ClosedRange<Double>
  public var interpolation: Interpolation
  public var fill: [UInt8]
  public var border: BorderMode
  /// Grow the image to hold all of the rotated one.
  public var expand: Bool
  public var probability: Double

  public init(
    degrees: ClosedRange<Double>, interpolation: Interpolation = .bilinear, fill: [UInt8] = [0],
    border: BorderMode = .constant, expand: Bool = false, probability: Double = 1
  ) {
    self.degrees = degrees
    self.interpolation = interpolation
    self.fill = fill
    self.border = border
    self.expand = expand
    self.probability = probability
  }

  public struct Parameters: Sendable, Codable { public var degrees: Double }

  public func draw(for sample: borrowing Sample, using random: inout Random) -> Parameters {
    Parameters(degrees: random.uniform(in: degrees))
  }

  public func apply(_ parameters: Parameters, to sample: inout Sample) throws {
    let (height, width, _) = sample.size
    let radians = parameters.degrees * Double.pi / 180
    // Fifteen decimals, so that a right angle is exact.
    let cos = (PortableMath.cos(radians) * 1e15).rounded() / 1e15
    let sin = (PortableMath.sin(radians) * 1e15).rounded() / 1e15
    let (cx, cy) = (Double(width) / 2, Double(height) / 2)
    var (newWidth, newHeight) = (width, height)
    if expand {
      let corners = [(-cx, -cy), (cx, -cy), (cx, cy), (-cx, cy)].map { (cos * $0 - sin * $1 + cx, sin * $0 + cos * $1 + cy) }
      newWidth = Int(corners.map(\.0).max()!.rounded(.up) - corners.map(\.0).min()!.rounded(.down))
      newHeight = Int(corners.map(\.1).max()!.rounded(.up) - corners.map(\.1).min()!.rounded(.down))
    }
    let (ox, oy) = (Double(newWidth) / 2, Double(newHeight) / 2)
    let inverse = AffineTransform(
      cos, -sin, cx - cos * ox + sin * oy,
      sin, cos, cy - sin * ox - cos * oy)
    try sample.warp(
      by: inverse, forward: { (cos * ($0 - cx) + sin * ($1 - cy) + ox, cos * ($1 - cy) - sin * ($0 - cx) + oy) },
      height: newHeight, width: newWidth, interpolation: interpolation, border: border.border(fill: fill))
  }
}
