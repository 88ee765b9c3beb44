import MirageSupport
import MirageMedia

/// Moves pixels by a smooth random field (Simard et al., "Best practices for convolutional neural networks", 2003):
/// uniform noise in [-1, 1] per pixel, smoothed by a Gaussian of `sigma` pixels, times `alpha` pixels.
///
/// torchvision halves the same field (its displacement is in units of half the image), so its alpha is twice this one.
/// Landmarks move against the field, which is exact if the field is constant around them.
public struct Elastic: Augmentation {
  public static let declaration = Declaration(
    "elastic", "Moves pixels by a smooth random field", of: Elastic(),
    Setting("alpha", .numberRange(0...10_000), "Strength of the field in pixels"),
    Setting("sigma", .number(0.1...100), "Standard deviation in pixels of the Gaussian that smooths the field"),
    .interpolation, .fill, .border, .probability)

  package var alpha: ClosedRange<Double>
  package var sigma: Double
  package var interpolation: Interpolation
  package var fill: [UInt8]
  package var border: BorderMode
  public var probability: Double

  public init(
    alpha: ClosedRange<Double> = 25...25, sigma: Double = 5, interpolation: Interpolation = .bilinear,
    fill: [UInt8] = [0], border: BorderMode = .constant, probability: Double = 1
  ) {
    (self.alpha, self.sigma, self.interpolation, self.fill) = (alpha, sigma, interpolation, fill)
    (self.border, self.probability) = (border, probability)
  }

  public struct Parameters: Sendable, Codable {
    package var alpha: Double
    /// Seed of the field's noise.
    package var seed: UInt32
  }

  public func draw(for sample: borrowing Sample, using random: inout Random) -> Parameters {
    Parameters(alpha: random.uniform(in: alpha), seed: random.nextWord())
  }

  public func apply(_ parameters: Parameters, to sample: inout Sample) throws {
    let (height, width, _) = sample.size
    let field = DisplacementField(
      height: height, width: width, amplitude: parameters.alpha, sigma: sigma, seed: parameters.seed)
    try sample.warp(
      by: field,
      forward: { x, y in
        let there = field(x, y)
        return (2 * x - there.x, 2 * y - there.y)
      }, interpolation: interpolation, border: border.border(fill: fill))
  }
}

private struct DisplacementField: InverseMap {
  let height, width: Int
  let dx, dy: [Float]

  init(height: Int, width: Int, amplitude: Double, sigma: Double, seed: UInt32) {
    (self.height, self.width) = (height, width)
    var random = Random(key: Random.Key(seed: UInt64(seed), path: "elastic"), sample: 0)
    let half = max(1, Int((4 * sigma).rounded(.up)))
    let bells = (-half...half).map { Float(PortableMath.exp(-0.5 * Double($0 * $0) / (sigma * sigma))) }
    let sum = bells.reduce(0, +)
    let weights = bells.map { $0 / sum }
    func field() -> [Float] {
      let noise = (0..<height * width).map { _ in Float(random.nextWord()) * 0x1p-31 - 1 }
      var rows = noise
      for y in 0..<height {
        for x in 0..<width {
          var total: Float = 0
          for (offset, weight) in zip(-half...half, weights) {
            total += weight * noise[y * width + Border.reflect.index(x + offset, count: width)!]
          }
          rows[y * width + x] = total
        }
      }
      var columns = [Float](repeating: 0, count: noise.count)
      for y in 0..<height {
        for (offset, weight) in zip(-half...half, weights) {
          let from = Border.reflect.index(y + offset, count: height)! * width
          for x in 0..<width { columns[y * width + x] += weight * rows[from + x] }
        }
      }
      return columns.map { $0 * Float(amplitude) }
    }
    dx = field()
    dy = field()
  }

  func callAsFunction(_ x: Double, _ y: Double) -> (x: Double, y: Double) {
    let column = max(0, min(width - 1, Int(max(-1, min(1e6, x)))))
    let row = max(0, min(height - 1, Int(max(-1, min(1e6, y)))))
    return (x + Double(dx[row * width + column]), y + Double(dy[row * width + column]))
  }
}
