import MirageSupport
import MirageMedia

extension Setting {
  fileprivate static let factor = required(
    "factor", .numberRange(0...100), "Factor; 1 leaves the image as it is, 0 takes all away")
}

/// Blends toward black (factors below 1) or away from it (torchvision's `adjust_brightness`).
public struct Brightness: Augmentation {
  public static let declaration = Declaration(
    "brightness", "Blends toward or away from black", primary: "factor", of: Brightness(factor: 1...1), .factor,
    .probability)

  package var factor: ClosedRange<Double>
  public var probability: Double

  public init(factor: ClosedRange<Double>, probability: Double = 1) {
    (self.factor, self.probability) = (factor, probability)
  }

  public struct Parameters: Sendable, Codable { package var factor: Double }

  public func draw(for sample: borrowing Sample, using random: inout Random) -> Parameters {
    Parameters(factor: random.uniform(in: factor))
  }

  public func apply(_ parameters: Parameters, to sample: inout Sample) throws {
    try sample.withImage { $0.adjustBrightness(by: parameters.factor) }
  }
}

/// Blends toward the image's mean gray (factors below 1) or away from it (torchvision's `adjust_contrast`).
public struct Contrast: Augmentation {
  public static let declaration = Declaration(
    "contrast", "Blends toward or away from the mean gray", primary: "factor", of: Contrast(factor: 1...1), .factor,
    .probability)

  package var factor: ClosedRange<Double>
  public var probability: Double

  public init(factor: ClosedRange<Double>, probability: Double = 1) {
    (self.factor, self.probability) = (factor, probability)
  }

  public func draw(for sample: borrowing Sample, using random: inout Random) -> Brightness.Parameters {
    Brightness.Parameters(factor: random.uniform(in: factor))
  }

  public func apply(_ parameters: Brightness.Parameters, to sample: inout Sample) throws {
    try sample.withImage { $0.adjustContrast(by: parameters.factor) }
  }
}

/// Blends toward each pixel's gray (factors below 1) or away from it (torchvision's `adjust_saturation`).
public struct Saturation: Augmentation {
  public static let declaration = Declaration(
    "saturation", "Blends toward or away from gray", primary: "factor", of: Saturation(factor: 1...1), .factor,
    .probability)

  package var factor: ClosedRange<Double>
  public var probability: Double

  public init(factor: ClosedRange<Double>, probability: Double = 1) {
    (self.factor, self.probability) = (factor, probability)
  }

  public func draw(for sample: borrowing Sample, using random: inout Random) -> Brightness.Parameters {
    Brightness.Parameters(factor: random.uniform(in: factor))
  }

  public func apply(_ parameters: Brightness.Parameters, to sample: inout Sample) throws {
    try sample.withImage { $0.adjustSaturation(by: parameters.factor) }
  }
}

/// Blends toward a smoothed image (factors below 1) or away from it (Pillow's `ImageEnhance.Sharpness`).
public struct Sharpness: Augmentation {
  public static let declaration = Declaration(
    "sharpness", "Blends toward or away from a smoothed image", primary: "factor", of: Sharpness(factor: 1...1),
    .factor, .probability)

  package var factor: ClosedRange<Double>
  public var probability: Double

  public init(factor: ClosedRange<Double>, probability: Double = 1) {
    (self.factor, self.probability) = (factor, probability)
  }

  public func draw(for sample: borrowing Sample, using random: inout Random) -> Brightness.Parameters {
    Brightness.Parameters(factor: random.uniform(in: factor))
  }

  public func apply(_ parameters: Brightness.Parameters, to sample: inout Sample) throws {
    try sample.withImage { $0.adjustSharpness(by: parameters.factor) }
  }
}

/// Shifts hues by a fraction of the color circle (torchvision's `adjust_hue` on tensors).
public struct Hue: Augmentation {
  public static let declaration = Declaration(
    "hue", "Shifts hues", primary: "shift", of: Hue(shift: 0...0),
    .required("shift", .numberRange(-0.5...0.5, symmetric: true), "Shift of the hue in turns of the color circle"),
    .probability)

  /// Shift in turns of the color circle, -0.5 to 0.5.
  package var shift: ClosedRange<Double>
  public var probability: Double

  public init(shift: ClosedRange<Double>, probability: Double = 1) {
    (self.shift, self.probability) = (shift, probability)
  }

  public struct Parameters: Sendable, Codable { package var shift: Double }

  public func draw(for sample: borrowing Sample, using random: inout Random) -> Parameters {
    Parameters(shift: random.uniform(in: shift))
  }

  public func apply(_ parameters: Parameters, to sample: inout Sample) throws {
    try sample.withImage { $0.shiftHue(by: parameters.shift) }
  }
}

/// Maps each byte v to 255 (v / 255)^gamma: darker for gamma above 1, lighter below.
public struct Gamma: Augmentation {
  public static let declaration = Declaration(
    "gamma", "Darkens (above 1) or lightens by a power", primary: "gamma", of: Gamma(gamma: 1...1),
    .required("gamma", .numberRange(0.01...100), "Exponent"), .probability)

  package var gamma: ClosedRange<Double>
  public var probability: Double

  public init(gamma: ClosedRange<Double>, probability: Double = 1) {
    (self.gamma, self.probability) = (gamma, probability)
  }

  public struct Parameters: Sendable, Codable { package var gamma: Double }

  public func draw(for sample: borrowing Sample, using random: inout Random) -> Parameters {
    Parameters(gamma: random.uniform(in: gamma))
  }

  public func apply(_ parameters: Parameters, to sample: inout Sample) throws {
    try sample.withImage { $0.adjustGamma(by: parameters.gamma) }
  }
}

/// Keeps the highest bits of each byte.
public struct Posterize: Augmentation {
  public static let declaration = Declaration(
    "posterize", "Keeps the highest bits", primary: "bits", of: Posterize(bits: 8...8),
    .required("bits", .integerRange(0...8), "Number of bits that are kept"), .probability)

  package var bits: ClosedRange<Int>
  public var probability: Double

  public init(bits: ClosedRange<Int>, probability: Double = 1) { (self.bits, self.probability) = (bits, probability) }

  public struct Parameters: Sendable, Codable { package var bits: Int }

  public func draw(for sample: borrowing Sample, using random: inout Random) -> Parameters {
    Parameters(bits: random.integer(in: bits))
  }

  public func apply(_ parameters: Parameters, to sample: inout Sample) throws {
    try sample.withImage { $0.posterize(bits: parameters.bits) }
  }
}

/// Inverts the bytes at and above a threshold.
public struct Solarize: Augmentation {
  public static let declaration = Declaration(
    "solarize", "Inverts bytes at and above a threshold", primary: "threshold", of: Solarize(threshold: 256...256),
    .required("threshold", .integerRange(0...256), "Smallest byte that is inverted; 0 inverts all, 256 none"),
    .probability)

  package var threshold: ClosedRange<Int>
  public var probability: Double

  public init(threshold: ClosedRange<Int>, probability: Double = 1) {
    (self.threshold, self.probability) = (threshold, probability)
  }

  public struct Parameters: Sendable, Codable { package var threshold: Int }

  public func draw(for sample: borrowing Sample, using random: inout Random) -> Parameters {
    Parameters(threshold: random.integer(in: threshold))
  }

  public func apply(_ parameters: Parameters, to sample: inout Sample) throws {
    try sample.withImage { $0.solarize(threshold: parameters.threshold) }
  }
}

/// Maps each byte v to 255 - v.
public struct Invert: Augmentation {
  public static let declaration = Declaration(
    "invert", "Turns light to dark", primary: "probability", of: Invert(), .probability)

  public var probability: Double
  public init(probability: Double = 1) { self.probability = probability }

  public func apply(_: NoParameters, to sample: inout Sample) throws { try sample.withImage { $0.invert() } }
}

/// Flattens each channel's histogram (Pillow's `equalize`).
public struct Equalize: Augmentation {
  public static let declaration = Declaration(
    "equalize", "Flattens the histogram", primary: "probability", of: Equalize(), .probability)

  public var probability: Double
  public init(probability: Double = 1) { self.probability = probability }

  public func apply(_: NoParameters, to sample: inout Sample) throws { try sample.withImage { $0.equalize() } }
}

/// Spreads each channel over 0 ... 255 (Pillow's `autocontrast`).
public struct Autocontrast: Augmentation {
  public static let declaration = Declaration(
    "autocontrast", "Stretches each channel to the whole range of bytes", primary: "probability", of: Autocontrast(),
    .probability)

  public var probability: Double
  public init(probability: Double = 1) { self.probability = probability }

  public func apply(_: NoParameters, to sample: inout Sample) throws { try sample.withImage { $0.autocontrast() } }
}

/// Turns colors to gray (ITU-R 601), in one channel or in three equal ones.
public struct Grayscale: Augmentation {
  public static let declaration = Declaration(
    "grayscale", "Turns colors to gray", primary: "channels", of: Grayscale(),
    Setting("channels", .integers([1, 3]), "Number of channels; 3 are equal ones"), .probability)

  /// Number of channels, 1 or 3.
  package var channels: Int
  public var probability: Double

  public init(channels: Int = 1, probability: Double = 1) {
    (self.channels, self.probability) = (channels, probability)
  }

  public func apply(_: NoParameters, to sample: inout Sample) throws {
    try sample.withImage { image in
      image = image.converted(to: .gray)
      if channels == 3 { image = image.converted(to: .rgb) }
    }
  }
}
