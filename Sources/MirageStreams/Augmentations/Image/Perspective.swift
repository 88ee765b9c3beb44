import MirageSupport
import MirageMedia

/// Looks at the image from another angle: each corner moves inwards by a random fraction of half the side. It agrees
/// with torchvision's `perspective` (on Pillow images) to rounding.
public struct Perspective: Augmentation {
  public static let declaration = Declaration(
    "perspective", "Looks at the image from another angle", primary: "distortion", of: Perspective(),
    Setting("distortion", .number(0...1), "Largest shift of a corner, as a fraction of the way to the center"),
    .interpolation, .fill, .border, .probability)

  /// Largest shift of a corner, 0 (none) to 1 (to the center).
  package var distortion: Double
  package var interpolation: Interpolation
  package var fill: [UInt8]
  package var border: BorderMode
  public var probability: Double

  public init(
    distortion: Double = 0.5, interpolation: Interpolation = .bilinear, fill: [UInt8] = [0],
    border: BorderMode = .constant, probability: Double = 1
  ) {
    (self.distortion, self.interpolation, self.fill, self.border) = (distortion, interpolation, fill, border)
    self.probability = probability
  }

  public struct Parameters: Sendable, Codable {
    /// New positions of the corners: top left, top right, bottom right, bottom left, as (x, y).
    package var corners: [[Double]]
  }

  public func draw(for sample: borrowing Sample, using random: inout Random) -> Parameters {
    let (height, width, _) = sample.size
    let (mostX, mostY) = (distortion * Double(width / 2), distortion * Double(height / 2))
    return Parameters(
      corners: corners(height: height, width: width).enumerated().map { index, corner in
        let (dx, dy) = (random.uniform(in: 0...mostX), random.uniform(in: 0...mostY))
        return [corner[0] + (index == 1 || index == 2 ? -dx : dx), corner[1] + (index >= 2 ? -dy : dy)]
      })
  }

  public func apply(_ parameters: Parameters, to sample: inout Sample) throws {
    let (height, width, _) = sample.size
    let corners = corners(height: height, width: width)
    // If corners coincide (an image one pixel wide), there is no map, and the image stays as it is.
    guard let inverse = Homography(from: parameters.corners, to: corners),
      let forward = Homography(from: corners, to: parameters.corners)
    else { return }
    try sample.warp(
      by: inverse, forward: { forward($0, $1) }, interpolation: interpolation, border: border.border(fill: fill))
  }

  private func corners(height: Int, width: Int) -> [[Double]] {
    let (right, bottom) = (Double(width - 1), Double(height - 1))
    return [[0, 0], [right, 0], [right, bottom], [0, bottom]]
  }
}

/// The map x' = (a x + b y + c) / (g x + h y + 1), and y' alike.
private struct Homography: InverseMap {
  private var h: [Double]

  /// Creates the map that sends four points to four others; nil if there is none.
  init?(from: [[Double]], to: [[Double]]) {
    var rows: [[Double]] = []
    for (p, q) in zip(from, to) {
      rows.append([p[0], p[1], 1, 0, 0, 0, -q[0] * p[0], -q[0] * p[1], q[0]])
      rows.append([0, 0, 0, p[0], p[1], 1, -q[1] * p[0], -q[1] * p[1], q[1]])
    }
    // Gauss-Jordan elimination with partial pivoting.
    for column in 0..<8 {
      let pivot = (column..<8).max { abs(rows[$0][column]) < abs(rows[$1][column]) }!
      guard abs(rows[pivot][column]) > 1e-9 else { return nil }
      rows.swapAt(column, pivot)
      for row in 0..<8 where row != column {
        let factor = rows[row][column] / rows[column][column]
        for k in column..<9 { rows[row][k] -= factor * rows[column][k] }
      }
    }
    h = (0..<8).map { rows[$0][8] / rows[$0][$0] }
  }

  func callAsFunction(_ x: Double, _ y: Double) -> (x: Double, y: Double) {
    let w = h[6] * x + h[7] * y + 1
    return ((h[0] * x + h[1] * y + h[2]) / w, (h[3] * x + h[4] * y + h[5]) / w)
  }
}
