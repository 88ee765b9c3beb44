import MirageSupport
import MirageMedia

/// Darkens from one side to the other, as uneven light does: the pixel nearest to the light is unchanged, the farthest
/// is multiplied by 1 - `strength`, and those between by a linear ramp. Alpha does not change.
public struct Shade: Augmentation {
  public static let declaration = Declaration(
    "shade", "Darkens from one side to the other", primary: "strength", of: Shade(),
    Setting("strength", .numberRange(0...1), "Part of the light that the darkest pixel loses"),
    Setting(
      "degrees", .numberRange(-360...360),
      "Direction of the light, counter-clockwise: 0 is right, 90 above"), .probability)

  /// Part of the light that the darkest pixel loses, 0 (none) to 1 (black).
  package var strength: ClosedRange<Double>
  /// Direction of the light in degrees, counter-clockwise from the right.
  package var degrees: ClosedRange<Double>
  public var probability: Double

  public init(
    strength: ClosedRange<Double> = 0.2...0.6, degrees: ClosedRange<Double> = -180...180, probability: Double = 1
  ) {
    (self.strength, self.degrees, self.probability) = (strength, degrees, probability)
  }

  public struct Parameters: Sendable, Codable { package var strength, degrees: Double }

  public func draw(for sample: borrowing Sample, using random: inout Random) -> Parameters {
    Parameters(strength: random.uniform(in: strength), degrees: random.uniform(in: degrees))
  }

  public func apply(_ parameters: Parameters, to sample: inout Sample) throws {
    try sample.withImage { $0.shade(strength: parameters.strength, degrees: parameters.degrees) }
  }
}

/// Adds the same normal noise to every image, as a sensor does: an offset for each byte except alpha, and one for each
/// column. It depends on the seed and the image's size alone, not on the sample, the run or the epoch.
public struct FixedPatternNoise: Augmentation {
  public static let declaration = Declaration(
    "fixed-pattern-noise", "Adds the same noise to every image, as a sensor does", primary: "sigma",
    of: FixedPatternNoise(),
    Setting("sigma", .number(0...255), "Standard deviation of the pixels' offsets in byte levels"),
    Setting("columns", .number(0...255), "Standard deviation of the columns' offsets in byte levels"),
    Setting("seed", .integer(0...Int.max), "Seed of the pattern"), .probability)

  /// Standard deviation of the pixels' offsets in byte levels.
  package var sigma: Double
  /// Standard deviation of the columns' offsets in byte levels.
  package var columns: Double
  /// Seed of the pattern.
  package var seed: Int
  public var probability: Double

  public init(sigma: Double = 8, columns: Double = 4, seed: Int = 0, probability: Double = 1) {
    (self.sigma, self.columns, self.seed, self.probability) = (sigma, columns, seed, probability)
  }

  public func apply(_: NoParameters, to sample: inout Sample) throws {
    let key = Random.Key(seed: UInt64(seed), path: Self.name)
    try sample.withImage { image in
      var random = Random(key: key.child(0), sample: 0)
      let offsets = (0..<image.width).map { _ in NormalTable.number(random.nextWord()) * Float(columns) }
      random = Random(key: key.child(1), sample: 0)
      var index = 0
      for _ in 0..<image.height {
        for offset in offsets {
          for c in 0..<image.colorChannels {
            let noise = NormalTable.number(random.nextWord()) * Float(sigma) + offset
            image.pixels[index + c] = UInt8(max(0, min(255, (Float(image.pixels[index + c]) + noise).rounded())))
          }
          index += image.channels
        }
      }
    }
  }
}

/// Multiplies each color channel by a factor of its own and adds an offset of its own, clamped at 0 and 255. Alpha does not
/// change. A negative factor inverts a channel.
public struct ChannelJitter: Augmentation {
  public static let declaration = Declaration(
    "channel-jitter", "Multiplies and shifts each color channel by numbers of its own", of: ChannelJitter(),
    Setting("factor", .numberRange(-10...10), "Factor of a channel; a negative one inverts it"),
    Setting("shift", .numberRange(-255...255), "Offset of a channel in byte levels"), .probability)

  /// Factor of a channel; a negative one inverts it.
  package var factor: ClosedRange<Double>
  /// Offset of a channel in byte levels.
  package var shift: ClosedRange<Double>
  public var probability: Double

  public init(
    factor: ClosedRange<Double> = 0.8...1.2, shift: ClosedRange<Double> = -20...20, probability: Double = 1
  ) {
    (self.factor, self.shift, self.probability) = (factor, shift, probability)
  }

  /// Factors and offsets of the color channels.
  public struct Parameters: Sendable, Codable { package var factors, shifts: [Double] }

  public func draw(for sample: borrowing Sample, using random: inout Random) -> Parameters {
    var parameters = Parameters(factors: [], shifts: [])
    for _ in 0..<3 {
      parameters.factors.append(random.uniform(in: factor))
      parameters.shifts.append(random.uniform(in: shift))
    }
    return parameters
  }

  public func apply(_ parameters: Parameters, to sample: inout Sample) throws {
    try sample.withImage { image in
      let tables = zip(parameters.factors, parameters.shifts).map { factor, shift in
        (0...255).map { UInt8(max(0, min(255, (factor * Double($0) + shift).rounded()))) }
      }
      let (channels, colors) = (image.channels, image.colorChannels)
      for index in image.pixels.indices where index % channels < colors {
        image.pixels[index] = tables[index % channels][Int(image.pixels[index])]
      }
    }
  }
}
