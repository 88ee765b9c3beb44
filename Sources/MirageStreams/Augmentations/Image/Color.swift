import MirageSupport
import MirageMedia

/// Blends toward black (factors below 1) or away from it (torchvision's `adjust_brightness`).
public struct Brightness: Augmentation, Codable {
  public static let name = "brightness"
  public var factor: ClosedRange<Double>
  public var probability: Double

  public init(factor: ClosedRange<Double>, probability: Double = 1) {
    self.factor = factor
    self.probability = probability
  }

  public struct Parameters: Sendable, Codable { public var factor: Double }

  public func draw(for sample: borrowing Sample, using random: inout Random) -> Parameters {
    Parameters(factor: random.uniform(in: factor))
  }

  public func apply(_ parameters: Parameters, to sample: inout Sample) throws {
    try sample.withImage { $0.adjustBrightness(by: parameters.factor) }
  }
}

/// Blends toward the image's mean gray (factors below 1) or away from it (torchvision's `adjust_contrast`).
public struct Contrast: Augmentation, Codable {
  public static let name = "contrast"
  public var factor: ClosedRange<Double>
  public var probability: Double

  public init(factor: ClosedRange<Double>, probability: Double = 1) {
    self.factor = factor
    self.probability = probability
  }

  public func draw(for sample: borrowing Sample, using random: inout Random) -> Brightness.Parameters {
    Brightness.Parameters(factor: random.uniform(in: factor))
  }

  public func apply(_ parameters: Brightness.Parameters, to sample: inout Sample) throws {
    try sample.withImage { $0.adjustContrast(by: parameters.factor) }
  }
}

/// Blends toward each pixel's gray (factors below 1) or away from it (torchvision's `adjust_saturation`).
public struct Saturation: Augmentation, Codable {
  public static let name = "saturation"
  public var factor: ClosedRange<Double>
  public var probability: Double

  public init(factor: ClosedRange<Double>, probability: Double = 1) {
    self.factor = factor
    self.probability = probability
  }

  public func draw(for sample: borrowing Sample, using random: inout Random) -> Brightness.Parameters {
    Brightness.Parameters(factor: random.uniform(in: factor))
  }

  public func apply(_ parameters: Brightness.Parameters, to sample: inout Sample) throws {
    try sample.withImage { $0.adjustSaturation(by: parameters.factor) }
  }
}

/// Blends toward a smoothed image (factors below 1) or away from it (Pillow's `ImageEnhance.Sharpness`).
public struct Sharpness: Augmentation, Codable {
  public static let name = "sharpness"
  public var factor: ClosedRange<Double>
  public var probability: Double

  public init(factor: ClosedRange<Double>, probability: Double = 1) {
    self.factor = factor
    self.probability = probability
  }

  public func draw(for sample: borrowing Sample, using random: inout Random) -> Brightness.Parameters {
    Brightness.Parameters(factor: random.uniform(in: factor))
  }

  public func apply(_ parameters: Brightness.Parameters, to sample: inout Sample) throws {
    try sample.withImage { $0.adjustSharpness(by: parameters.factor) }
  }
}

/// Turns hues by a part of the color circle (torchvision's `adjust_hue` on tensors).
public struct Hue: Augmentation, Codable {
  public static let name = "hue"
  /// In turns: -0.5 to 0.5.
  public var shift: ClosedRange<Double>
  public var probability: Double

  public init(shift: ClosedRange<Double>, probability: Double = 1) {
    self.shift = shift
    self.probability = probability
  }

  public struct Parameters: Sendable, Codable { public var shift: Double }

  public func draw(for sample: borrowing Sample, using random: inout Random) -> Parameters {
    Parameters(shift: random.uniform(in: shift))
  }

  public func apply(_ parameters: Parameters, to sample: inout Sample) throws {
    try sample.withImage { $0.shiftHue(by: parameters.shift) }
  }
}

/// 255 (v / 255)^gamma: darker above 1, lighter below.
public struct Gamma: Augmentation, Codable {
  public static let name = "gamma"
  public var gamma: ClosedRange<Double>
  public var probability: Double

  public init(gamma: ClosedRange<Double>, probability: Double = 1) {
    self.gamma = gamma
    self.probability = probability
  }

  public struct Parameters: Sendable, Codable { public var gamma: Double }

  public func draw(for sample: borrowing Sample, using random: inout Random) -> Parameters {
    Parameters(gamma: random.uniform(in: gamma))
  }

  public func apply(_ parameters: Parameters, to sample: inout Sample) throws {
    try sample.withImage { $0.adjustGamma(by: parameters.gamma) }
  }
}

/// Keeps the highest bits of each byte.
public struct Posterize: Augmentation, Codable {
  public static let name = "posterize"
  public var bits: ClosedRange<Int>
  public var probability: Double

  public init(bits: ClosedRange<Int>, probability: Double = 1) {
    self.bits = bits
    self.probability = probability
  }

  public struct Parameters: Sendable, Codable { public var bits: Int }

  public func draw(for sample: borrowing Sample, using random: inout Random) -> Parameters {
    Parameters(bits: random.integer(in: bits))
  }

  public func apply(_ parameters: Parameters, to sample: inout Sample) throws {
    try sample.withImage { $0.posterize(bits: parameters.bits) }
  }
}

/// Inverts the bytes at and above a threshold.
public struct Solarize: Augmentation, Codable {
  public static let name = "solarize"
  public var threshold: ClosedRange<Int>
  public var probability: Double

  public init(threshold: ClosedRange<Int>, probability: Double = 1) {
    self.threshold = threshold
    self.probability = probability
  }

  public struct Parameters: Sendable, Codable { public var threshold: Int }

  public func draw(for sample: borrowing Sample, using random: inout Random) -> Parameters {
    Parameters(threshold: random.integer(in: threshold))
  }

  public func apply(_ parameters: Parameters, to sample: inout Sample) throws {
    try sample.withImage { $0.solarize(threshold: parameters.threshold) }
  }
}

/// 255 - v.
public struct Invert: Augmentation, Codable {
  public static let name = "invert"
  public var probability: Double
  public init(probability: Double = 1) { self.probability = probability }

  public func apply(_: NoParameters, to sample: inout Sample) throws { try sample.withImage { $0.invert() } }
}

/// Flattens each channel's histogram (Pillow's `equalize`).
public struct Equalize: Augmentation, Codable {
  public static let name = "equalize"
  public var probability: Double
  public init(probability: Double = 1) { self.probability = probability }

  public func apply(_: NoParameters, to sample: inout Sample) throws { try sample.withImage { $0.equalize() } }
}

/// Spreads each channel over 0 ... 255 (Pillow's `autocontrast`).
public struct Autocontrast: Augmentation, Codable {
  public static let name = "autocontrast"
  public var probability: Double
  public init(probability: Double = 1) { self.probability = probability }

  public func apply(_: NoParameters, to sample: inout Sample) throws { try sample.withImage { $0.autocontrast() } }
}

/// Turns colors to gray (ITU-R 601), in one channel or in three equal ones.
public struct Grayscale: Augmentation, Codable {
  public static let name = "grayscale"
  /// 1 or 3.
  public var channels: Int
  public var probability: Double

  public init(channels: Int = 1, probability: Double = 1) {
    self.channels = channels
    self.probability = probability
  }

  public func apply(_: NoParameters, to sample: inout Sample) throws {
    try sample.withImage { image in
      image = image.converted(to: .gray)
      if channels == 3 { image = image.converted(to: .rgb) }
    }
  }
}
