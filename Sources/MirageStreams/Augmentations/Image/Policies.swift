import MirageSupport
import MirageMedia

/// One operation of the automatic policies, at one strength.
public struct PolicyOperation: Sendable, Codable, Equatable {
  package var operation: Kind
  /// Strength of the operation: degrees, a shear, pixels, a factor's distance from 1, bits or a threshold.
  package var strength: Double

  /// The fourteen operations.
  public enum Kind: String, Sendable, Codable, CaseIterable {
    case identity
    case shearX = "shear-x"
    case shearY = "shear-y"
    case translateX = "translate-x"
    case translateY = "translate-y"
    case rotate, brightness, saturation, contrast, sharpness, posterize, solarize, autocontrast, equalize

    var isSigned: Bool {
      switch self {
      case .shearX, .shearY, .translateX, .translateY, .rotate, .brightness, .saturation, .contrast, .sharpness: true
      default: false
      }
    }
  }

  func apply(to sample: inout Sample, interpolation: Interpolation, fill: [UInt8]) throws {
    func affine(_ map: AffineTransform) throws {
      try sample.affine(map, interpolation: interpolation, border: .constant(fill))
    }
    switch operation {
    case .identity: break
    // Shears keep the top left corner where it is, as in the policies' reference code.
    case .shearX: try affine(AffineTransform(1, strength, 0, 0, 1, 0))
    case .shearY: try affine(AffineTransform(1, 0, 0, strength, 1, 0))
    case .translateX: try affine(AffineTransform(1, 0, -strength.rounded(.towardZero), 0, 1, 0))
    case .translateY: try affine(AffineTransform(1, 0, 0, 0, 1, -strength.rounded(.towardZero)))
    case .rotate:
      try Rotate(degrees: strength...strength, interpolation: interpolation, fill: fill)
        .apply(Rotate.Parameters(degrees: strength), to: &sample)
    case .brightness: try sample.withImage { $0.adjustBrightness(by: 1 + strength) }
    case .saturation: try sample.withImage { $0.adjustSaturation(by: 1 + strength) }
    case .contrast: try sample.withImage { $0.adjustContrast(by: 1 + strength) }
    case .sharpness: try sample.withImage { $0.adjustSharpness(by: 1 + strength) }
    case .posterize: try sample.withImage { $0.posterize(bits: Int(strength)) }
    case .solarize: try sample.withImage { $0.solarize(threshold: Int(strength.rounded())) }
    case .autocontrast: try sample.withImage { $0.autocontrast() }
    case .equalize: try sample.withImage { $0.equalize() }
    }
  }
}

/// Operations that were drawn for a sample, in the order in which they are applied.
public struct PolicyParameters: Sendable, Codable { public var operations: [PolicyOperation] }

/// Some operations of one strength, drawn from fourteen (Cubuk et al., "RandAugment", 2020), with torchvision's ranges.
public struct RandAugment: Augmentation {
  public static let declaration = Declaration(
    "rand-augment", "Some of fourteen operations, all of one strength", of: RandAugment(),
    Setting("operations", .integer(1...14), "Number of operations, one after the other"),
    Setting("magnitude", .integer(0...30), "Strength of each operation"), .interpolation, .fill, .probability)

  /// Number of operations, one after the other.
  package var operations: Int
  /// Strength of each operation, 0 to 30.
  package var magnitude: Int
  package var interpolation: Interpolation
  package var fill: [UInt8]
  public var probability: Double

  public init(
    operations: Int = 2, magnitude: Int = 9, interpolation: Interpolation = .nearest, fill: [UInt8] = [0],
    probability: Double = 1
  ) {
    (self.operations, self.magnitude, self.interpolation) = (operations, magnitude, interpolation)
    (self.fill, self.probability) = (fill, probability)
  }

  public func draw(for sample: borrowing Sample, using random: inout Random) -> PolicyParameters {
    let (height, width, _) = sample.size
    let part = Double(magnitude) / 30
    return PolicyParameters(
      operations: (0..<operations).map { _ in
        let kind = PolicyOperation.Kind.allCases[random.integer(in: 0...PolicyOperation.Kind.allCases.count - 1)]
        var strength: Double =
          switch kind {
          case .shearX, .shearY: 0.3 * part
          case .translateX: 150 / 331 * Double(width) * part
          case .translateY: 150 / 331 * Double(height) * part
          case .rotate: 30 * part
          case .brightness, .saturation, .contrast, .sharpness: 0.9 * part
          case .posterize: 8 - (4 * part).rounded(.toNearestOrEven)
          case .solarize: 255 * (1 - part)
          case .identity, .autocontrast, .equalize: 0
          }
        if kind.isSigned && random.chance(0.5) { strength = -strength }
        return PolicyOperation(operation: kind, strength: strength)
      })
  }

  public func apply(_ parameters: PolicyParameters, to sample: inout Sample) throws {
    for operation in parameters.operations {
      try operation.apply(to: &sample, interpolation: interpolation, fill: fill)
    }
  }
}

/// One operation of random strength for each image (Müller and Hutter, "TrivialAugment", 2021), with the wide ranges.
public struct TrivialAugmentWide: Augmentation {
  public static let declaration = Declaration(
    "trivial-augment-wide", "One of fourteen operations, of random strength", of: TrivialAugmentWide(), .interpolation,
    .fill, .probability)

  package var interpolation: Interpolation
  package var fill: [UInt8]
  public var probability: Double

  public init(interpolation: Interpolation = .nearest, fill: [UInt8] = [0], probability: Double = 1) {
    (self.interpolation, self.fill, self.probability) = (interpolation, fill, probability)
  }

  public func draw(for sample: borrowing Sample, using random: inout Random) -> PolicyParameters {
    let kind = PolicyOperation.Kind.allCases[random.integer(in: 0...PolicyOperation.Kind.allCases.count - 1)]
    let part = Double(random.integer(in: 0...30)) / 30
    var strength: Double =
      switch kind {
      case .shearX, .shearY, .brightness, .saturation, .contrast, .sharpness: 0.99 * part
      case .translateX, .translateY: 32 * part
      case .rotate: 135 * part
      case .posterize: 8 - (6 * part).rounded(.toNearestOrEven)
      case .solarize: 255 * (1 - part)
      case .identity, .autocontrast, .equalize: 0
      }
    if kind.isSigned && random.chance(0.5) { strength = -strength }
    return PolicyParameters(operations: [PolicyOperation(operation: kind, strength: strength)])
  }

  public func apply(_ parameters: PolicyParameters, to sample: inout Sample) throws {
    for operation in parameters.operations {
      try operation.apply(to: &sample, interpolation: interpolation, fill: fill)
    }
  }
}
