import MirageSupport
import MirageMedia

/// Resizes images. Pixel centers lie at half coordinates; with `antialias` (the default) the result is Pillow's to the
/// bit for nearest, bilinear, bicubic and lanczos, without it that of torch's `interpolate` to rounding.
public struct Resize: Augmentation {
  public static let declaration = Declaration(
    "resize", "Resizes images", primary: "size", of: Resize(size: 1), .size,
    Setting(
      "side", .choice(Side.self), "Side that has the size: both, or the shorter or longer one with the aspect kept"),
    .resampling, .antialias, .probability)

  package var size: Size
  package var side: Side
  package var interpolation: Interpolation
  package var antialias: Bool
  public var probability: Double

  /// Side of the image that has the size.
  public enum Side: String, Sendable, Codable, CaseIterable {
    /// Both sides, whatever the aspect becomes.
    case both
    /// The shorter side; the aspect is kept (torchvision's `Resize` with one number).
    case shorter
    /// The longer side; the aspect is kept.
    case longer
  }

  public init(
    size: Size, side: Side = .both, interpolation: Interpolation = .bilinear, antialias: Bool = true,
    probability: Double = 1
  ) {
    (self.size, self.side, self.interpolation, self.antialias) = (size, side, interpolation, antialias)
    self.probability = probability
  }

  public func apply(_: NoParameters, to sample: inout Sample) throws {
    let (height, width, _) = sample.size
    var target = size
    if side != .both {
      // The other side is rounded down, as in torchvision.
      let heightLeads = (side == .shorter) == (height <= width)
      target =
        heightLeads
        ? Size(height: size.height, width: max(1, size.height * width / height))
        : Size(height: max(1, size.width * height / width), width: size.width)
    }
    try sample.resize(
      height: target.height, width: target.width, interpolation: interpolation, antialias: antialias)
  }
}

/// Adds a border at the four sides.
public struct Pad: Augmentation {
  public static let declaration = Declaration(
    "pad", "Adds a border at the four sides", primary: "padding", of: Pad(padding: 0),
    .required("padding", .padding, "Border in pixels"), .border("mode"), .fill, .probability)

  package var padding: Padding
  package var mode: BorderMode
  package var fill: [UInt8]
  public var probability: Double

  public init(padding: Padding, mode: BorderMode = .constant, fill: [UInt8] = [0], probability: Double = 1) {
    (self.padding, self.mode, self.fill, self.probability) = (padding, mode, fill, probability)
  }

  public func apply(_: NoParameters, to sample: inout Sample) throws {
    let (height, width, _) = sample.size
    try sample.crop(
      x: -padding.left, y: -padding.top, width: width + padding.left + padding.right,
      height: height + padding.top + padding.bottom, border: mode.border(fill: fill))
  }
}
