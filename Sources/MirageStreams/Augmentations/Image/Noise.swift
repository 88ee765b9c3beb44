import MirageSupport
import MirageMedia

/// Adds normal noise to every byte except alpha, clamped at 0 and 255.
public struct GaussianNoise: Augmentation {
  public static let declaration = Declaration(
    "gaussian-noise", "Adds normal noise", primary: "sigma", of: GaussianNoise(),
    Setting("sigma", .numberRange(0...255), "Standard deviation in byte levels"), .probability)

  /// Standard deviation in byte levels.
  package var sigma: ClosedRange<Double>
  public var probability: Double

  public init(sigma: ClosedRange<Double> = 5...15, probability: Double = 1) {
    (self.sigma, self.probability) = (sigma, probability)
  }

  public struct Parameters: Sendable, Codable {
    package var sigma: Double
    /// Seed of the noise.
    package var seed: UInt32
  }

  public func draw(for sample: borrowing Sample, using random: inout Random) -> Parameters {
    Parameters(sigma: random.uniform(in: sigma), seed: random.nextWord())
  }

  public func apply(_ parameters: Parameters, to sample: inout Sample) throws {
    var random = Random(key: Random.Key(seed: UInt64(parameters.seed), path: Self.name), sample: 0)
    let sigma = Float(parameters.sigma)
    try sample.withImage { image in
      let (channels, colors) = (image.channels, image.colorChannels)
      NormalTable.quantiles.withUnsafeBufferPointer { quantiles in
        var spare: UInt32?  // each random word serves two bytes
        for index in image.pixels.indices where index % channels < colors {
          let word = spare ?? random.nextWord()
          spare = spare == nil ? word >> 16 : nil
          let noise = quantiles[Int(word & 0xFFFF)] * sigma
          image.pixels[index] = UInt8(max(0, min(255, (Float(image.pixels[index]) + noise).rounded())))
        }
      }
    }
  }
}

/// Quantiles of the normal distribution at 65,536 equal steps: a table look-up draws one number.
enum NormalTable {
  /// Returns the normal number of a random word, by its lowest 16 bits.
  static func number(_ word: UInt32) -> Float { quantiles[Int(word & 0xFFFF)] }

  static let quantiles: [Float] = (0..<65536).map { step in Float(quantile((Double(step) + 0.5) / 65536)) }

  /// Acklam's rational approximation of the inverse normal distribution (2003), relative error 1e-9.
  private static func quantile(_ p: Double) -> Double {
    if p > 0.5 { return -quantile(1 - p) }
    if p < 0.02425 {
      let q = (-2 * PortableMath.log(p)).squareRoot()
      let n = polynomial(
        q,
        [
          -7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838, -2.549732539343734, 4.374664141464968,
          2.938163982698783,
        ])
      return n / polynomial(q, [7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996, 3.754408661907416, 1])
    }
    let q = p - 0.5
    let r = q * q
    let n = polynomial(
      r,
      [
        -3.969683028665376e+01, 2.209460984245205e+02, -2.759285104469687e+02, 1.383577518672690e+02,
        -3.066479806614716e+01, 2.506628277459239,
      ])
    let d = polynomial(
      r,
      [
        -5.447609879822406e+01, 1.615858368580409e+02, -1.556989798598866e+02, 6.680131188771972e+01,
        -1.328068155288572e+01, 1,
      ])
    return q * n / d
  }

  private static func polynomial(_ x: Double, _ coefficients: [Double]) -> Double {
    coefficients.reduce(0) { $0 * x + $1 }
  }
}

/// Turns a fraction of the pixels black or white.
public struct SaltAndPepper: Augmentation {
  public static let declaration = Declaration(
    "salt-and-pepper", "Turns pixels black or white", primary: "amount", of: SaltAndPepper(),
    Setting("amount", .numberRange(0...1), "Fraction of the pixels"), .probability)

  /// Fraction of the pixels, 0 to 1.
  package var amount: ClosedRange<Double>
  public var probability: Double

  public init(amount: ClosedRange<Double> = 0.01...0.05, probability: Double = 1) {
    (self.amount, self.probability) = (amount, probability)
  }

  public struct Parameters: Sendable, Codable {
    package var amount: Double
    /// Seed of the choice of pixels.
    package var seed: UInt32
  }

  public func draw(for sample: borrowing Sample, using random: inout Random) -> Parameters {
    Parameters(amount: random.uniform(in: amount), seed: random.nextWord())
  }

  public func apply(_ parameters: Parameters, to sample: inout Sample) throws {
    var random = Random(key: Random.Key(seed: UInt64(parameters.seed), path: Self.name), sample: 0)
    let threshold = UInt64(parameters.amount * 0x1p32)
    try sample.withImage { image in
      for pixel in 0..<image.height * image.width {
        let word = random.nextWord()
        guard UInt64(word) < threshold else { continue }
        for c in 0..<image.colorChannels { image.pixels[pixel * image.channels + c] = word & 1 == 0 ? 0 : 255 }
      }
    }
  }
}

/// Compresses to JPEG and back, which adds artifacts. Alpha does not change.
public struct JPEGCompression: Augmentation {
  public static let declaration = Declaration(
    "jpeg-compression", "Compresses to JPEG and back", primary: "quality", of: JPEGCompression(),
    Setting("quality", .integerRange(1...100), "JPEG quality, 1 (worst) to 100 (best)"), .probability)

  /// JPEG quality, 1 (worst) to 100 (best).
  package var quality: ClosedRange<Int>
  public var probability: Double

  public init(quality: ClosedRange<Int> = 30...90, probability: Double = 1) {
    (self.quality, self.probability) = (quality, probability)
  }

  public struct Parameters: Sendable, Codable { package var quality: Int }

  public func draw(for sample: borrowing Sample, using random: inout Random) -> Parameters {
    Parameters(quality: random.integer(in: quality))
  }

  public func apply(_ parameters: Parameters, to sample: inout Sample) throws {
    try sample.withImage { image in
      let decoded = try JPEG.decode(try JPEG.encode(image, quality: parameters.quality))
      if !image.hasAlpha {
        image = decoded
        return
      }
      for pixel in 0..<image.height * image.width {
        for c in 0..<decoded.channels {
          image.pixels[pixel * image.channels + c] = decoded.pixels[pixel * decoded.channels + c]
        }
      }
    }
  }
}
