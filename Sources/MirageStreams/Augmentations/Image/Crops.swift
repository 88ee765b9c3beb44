import MirageSupport
import MirageMedia

/// Cuts a window at a random place, after padding (torchvision's `RandomCrop`).
public struct RandomCrop: Augmentation {
  public static let declaration = Declaration(
    "random-crop", "Cuts a window at a random place, after padding", primary: "size", of: RandomCrop(size: 1), .size,
    Setting("padding", .padding, "Border that is added before, in pixels"), .border("mode"), .fill, .probability)

  package var size: Size
  package var padding: Padding
  /// Border mode of the padding.
  package var mode: BorderMode
  package var fill: [UInt8]
  public var probability: Double

  public init(
    size: Size, padding: Padding = 0, mode: BorderMode = .constant, fill: [UInt8] = [0], probability: Double = 1
  ) {
    (self.size, self.padding, self.mode, self.fill, self.probability) = (size, padding, mode, fill, probability)
  }

  public struct Parameters: Sendable, Codable {
    /// Top left corner of the window in the padded image.
    package var x, y: Int
  }

  public func draw(for sample: borrowing Sample, using random: inout Random) -> Parameters {
    let (height, width, _) = sample.size
    return Parameters(
      x: random.integer(in: 0...max(0, width + padding.left + padding.right - size.width)),
      y: random.integer(in: 0...max(0, height + padding.top + padding.bottom - size.height)))
  }

  public func apply(_ parameters: Parameters, to sample: inout Sample) throws {
    let (height, width, _) = sample.size
    guard width + padding.left + padding.right >= size.width, height + padding.top + padding.bottom >= size.height
    else {
      throw MirageError.badData(
        "a crop of \(size.height) x \(size.width) does not fit an image of \(height) x \(width)",
        remedy: "Give random-crop a padding, or put a resize before it.")
    }
    try sample.crop(
      x: parameters.x - padding.left, y: parameters.y - padding.top, width: size.width, height: size.height,
      border: mode.border(fill: fill))
  }
}

extension RandomCrop: Windowing {
  func window(_ parameters: Parameters, height: Int, width: Int) -> Window? {
    guard mode == .constant, width + padding.left + padding.right >= size.width,
      height + padding.top + padding.bottom >= size.height
    else { return nil }
    return Window(
      x: parameters.x - padding.left, y: parameters.y - padding.top, width: size.width, height: size.height, fill: fill)
  }
}

/// Cuts a window in the middle; a smaller image is padded with `fill` (torchvision's `CenterCrop`).
public struct CenterCrop: Augmentation {
  public static let declaration = Declaration(
    "center-crop", "Cuts the window in the middle", primary: "size", of: CenterCrop(size: 1), .size, .fill, .probability
  )

  package var size: Size
  package var fill: [UInt8]
  public var probability: Double

  public init(size: Size, fill: [UInt8] = [0], probability: Double = 1) {
    (self.size, self.fill, self.probability) = (size, fill, probability)
  }

  public func apply(_: NoParameters, to sample: inout Sample) throws {
    let (height, width, _) = sample.size
    try sample.crop(
      x: start(width, size.width), y: start(height, size.height), width: size.width, height: size.height,
      border: .constant(fill))
  }

  /// Returns the start of the window. Halves round to even, as in Python; padding is rounded down.
  private func start(_ outer: Int, _ inner: Int) -> Int {
    outer >= inner ? Int((Double(outer - inner) / 2).rounded(.toNearestOrEven)) : -((inner - outer) / 2)
  }
}

extension CenterCrop: Windowing {
  func window(_: NoParameters, height: Int, width: Int) -> Window? {
    Window(
      x: start(width, size.width), y: start(height, size.height), width: size.width, height: size.height, fill: fill)
  }
}

/// Cuts a window of random area and aspect and resizes it (torchvision's `RandomResizedCrop`).
public struct RandomResizedCrop: Augmentation {
  public static let declaration = Declaration(
    "random-resized-crop", "Cuts a window of random area and aspect and resizes it", primary: "size",
    of: RandomResizedCrop(size: 1), .size,
    Setting("scale", .numberRange(0.0001...1), "Area of the window, as a fraction of the image's"),
    Setting("ratio", .numberRange(0.01...100), "Aspect of the window, width over height"), .resampling, .antialias,
    .probability)

  package var size: Size
  /// Area of the window, as a fraction of the image's.
  package var scale: ClosedRange<Double>
  /// Aspect of the window, width over height; drawn on a logarithmic scale.
  package var ratio: ClosedRange<Double>
  package var interpolation: Interpolation
  package var antialias: Bool
  public var probability: Double

  public init(
    size: Size, scale: ClosedRange<Double> = 0.08...1, ratio: ClosedRange<Double> = 0.75...4 / 3,
    interpolation: Interpolation = .bilinear, antialias: Bool = true, probability: Double = 1
  ) {
    (self.size, self.scale, self.ratio, self.interpolation) = (size, scale, ratio, interpolation)
    (self.antialias, self.probability) = (antialias, probability)
  }

  public struct Parameters: Sendable, Codable { package var x, y, width, height: Int }

  public func draw(for sample: borrowing Sample, using random: inout Random) -> Parameters {
    let (height, width, _) = sample.size
    for _ in 0..<10 {
      if let window = drawWindow(height: height, width: width, scale: scale, ratio: ratio, using: &random) {
        return window
      }
    }
    // If no window fits, the largest one in the middle within the bounds of the aspect is used.
    var (w, h) = (width, height)
    let aspect = Double(width) / Double(height)
    if aspect < ratio.lowerBound {
      h = min(height, max(1, Int((Double(w) / ratio.lowerBound).rounded(.toNearestOrEven))))
    } else if aspect > ratio.upperBound {
      w = min(width, max(1, Int((Double(h) * ratio.upperBound).rounded(.toNearestOrEven))))
    }
    return Parameters(x: (width - w) / 2, y: (height - h) / 2, width: w, height: h)
  }

  public func apply(_ parameters: Parameters, to sample: inout Sample) throws {
    try sample.crop(x: parameters.x, y: parameters.y, width: parameters.width, height: parameters.height)
    try sample.resize(height: size.height, width: size.width, interpolation: interpolation, antialias: antialias)
  }
}

/// Draws a window of random area and aspect at a random place; nil if it does not fit the image.
func drawWindow(
  height: Int, width: Int, scale: ClosedRange<Double>, ratio: ClosedRange<Double>, using random: inout Random
) -> RandomResizedCrop.Parameters? {
  let area = Double(height * width) * random.uniform(in: scale)
  let logarithms = PortableMath.log(ratio.lowerBound)...PortableMath.log(ratio.upperBound)
  let aspect = PortableMath.exp(random.uniform(in: logarithms))
  let w = Int((area * aspect).squareRoot().rounded(.toNearestOrEven))
  let h = Int((area / aspect).squareRoot().rounded(.toNearestOrEven))
  guard (1...width).contains(w), (1...height).contains(h) else { return nil }
  return RandomResizedCrop.Parameters(
    x: random.integer(in: 0...width - w), y: random.integer(in: 0...height - h), width: w, height: h)
}
