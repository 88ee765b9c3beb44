import MirageSupport
import MirageMedia

/// Pixels beyond the edges: the fill color, the edge pixels, or the mirrored image.
public enum BorderMode: String, Sendable, Codable, CaseIterable {
  case constant, edge, reflect

  func border(fill: [UInt8]) -> Border {
    switch self {
    case .constant: .constant(fill)
    case .edge: .edge
    case .reflect: .reflect
    }
  }
}

extension Sample {
  /// Moves landmarks and boxes by `forward`, which maps points of the old image to the new one in edge coordinates. A
  /// box becomes the upright box around its moved corners, clipped to the image; one that is all outside is dropped.
  mutating func moveAnnotations(height: Int, width: Int, _ forward: (Double, Double) -> (x: Double, y: Double)) {
    if landmarks.isEmpty && boxes.isEmpty { return }
    landmarks = landmarks.map { point in
      let moved = forward(point.x + 0.5, point.y + 0.5)
      return Point(moved.x - 0.5, moved.y - 0.5)
    }
    boxes = boxes.compactMap { box in
      let corners = [
        forward(box.x, box.y), forward(box.x + box.width, box.y), forward(box.x, box.y + box.height),
        forward(box.x + box.width, box.y + box.height),
      ]
      let left = max(0, corners.map(\.x).min()!)
      let right = min(Double(width), corners.map(\.x).max()!)
      let top = max(0, corners.map(\.y).min()!)
      let bottom = min(Double(height), corners.map(\.y).max()!)
      guard right > left, bottom > top else { return nil }
      var moved = box
      (moved.x, moved.y, moved.width, moved.height) = (left, top, right - left, bottom - top)
      return moved
    }
  }

  /// Warps the image by a map from the output's points to the input's; moves the annotations by `forward`, its inverse.
  mutating func warp<Map: InverseMap>(
    by inverse: Map, forward: (Double, Double) -> (x: Double, y: Double), height: Int? = nil, width: Int? = nil,
    interpolation: Interpolation, border: Border
  ) throws {
    let size = try withImage { image in
      let (height, width) = (height ?? image.height, width ?? image.width)
      try checkLimits(height: height, width: width)
      image = image.warped(
        by: inverse, height: height, width: width, interpolation: interpolation, border: border)
      return (image.height, image.width)
    }
    moveAnnotations(height: size.0, width: size.1, forward)
  }

  /// Crops the image to a window, whose corner may lie outside.
  mutating func crop(x: Int, y: Int, width: Int, height: Int, border: Border = .constant([0])) throws {
    try checkLimits(height: height, width: width)
    try withImage { $0 = $0.cropped(x: x, y: y, width: width, height: height, border: border) }
    moveAnnotations(height: height, width: width) { ($0 - Double(x), $1 - Double(y)) }
  }

  /// Resizes the image.
  mutating func resize(height: Int, width: Int, interpolation: Interpolation, antialias: Bool) throws {
    let (oldHeight, oldWidth, _) = size
    if (oldHeight, oldWidth) == (height, width) { return }
    try checkLimits(height: height, width: width)
    try withImage { $0 = $0.resized(height: height, width: width, interpolation: interpolation, antialias: antialias) }
    let (sy, sx) = (Double(height) / Double(oldHeight), Double(width) / Double(oldWidth))
    moveAnnotations(height: height, width: width) { ($0 * sx, $1 * sy) }
  }
}

/// Throws bad data if an image of this size would be over the limits that images are read with.
func checkLimits(height: Int, width: Int) throws {
  guard height <= Image.sideLimit, width <= Image.sideLimit, height * width <= Image.pixelLimit else {
    throw MirageError.badData(
      "would make an image of \(height) x \(width), over the limit of \(Image.sideLimit) a side and"
        + " \(Image.pixelLimit >> 20) megapixels")
  }
}

/// A size in pixels, in pipeline files `[height, width]`, or one number for both.
public struct Size: Sendable, Codable, Equatable, ExpressibleByIntegerLiteral {
  package var height: Int
  package var width: Int

  public init(height: Int, width: Int) { (self.height, self.width) = (height, width) }
  public init(integerLiteral value: Int) { self.init(height: value, width: value) }

  public init(from decoder: any Decoder) throws {
    var container = try decoder.unkeyedContainer()
    height = try container.decode(Int.self)
    width = try container.decode(Int.self)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.unkeyedContainer()
    try container.encode(height)
    try container.encode(width)
  }
}

/// Widths of a border in pixels, in pipeline files `[left, top, right, bottom]`, `[x, y]`, or one number for all sides.
public struct Padding: Sendable, Codable, Equatable, ExpressibleByIntegerLiteral {
  package var left, top, right, bottom: Int

  public init(left: Int, top: Int, right: Int, bottom: Int) {
    (self.left, self.top, self.right, self.bottom) = (left, top, right, bottom)
  }
  public init(integerLiteral value: Int) { self.init(left: value, top: value, right: value, bottom: value) }

  public init(from decoder: any Decoder) throws {
    var container = try decoder.unkeyedContainer()
    left = try container.decode(Int.self)
    top = try container.decode(Int.self)
    right = try container.decode(Int.self)
    bottom = try container.decode(Int.self)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.unkeyedContainer()
    for side in [left, top, right, bottom] { try container.encode(side) }
  }
}
