import MirageSupport
import MirageMedia

/// One element of a dataset on its way through a pipeline.
public struct Sample: Sendable {
  /// Unique identifier and key of the sample's random draws.
  public var id: SampleID
  /// File that the sample was read from.
  public var origin: Origin
  /// Image or audio clip.
  public var content: Content
  /// Class, or distribution over classes; nil if the sample has none.
  public var label: Label?
  /// Further columns of the dataset, such as CelebA's forty attributes.
  public var attributes: [String: JSONValue] = [:]
  /// Points in pixel coordinates: (0, 0) is the center of the first pixel. Geometric augmentations move them, possibly
  /// out of the image.
  public var landmarks: [Point] = []
  /// Boxes in edge coordinates: (0, 0) is the top left corner of the first pixel. Geometric augmentations move them,
  /// and clip them to the image.
  public var boxes: [Box] = []
  /// Kind of the content. Defaults to `real`.
  public var kind = Kind.real
  /// Parameters that each augmentation drew; empty unless the run records them.
  public var history: [Draw] = []

  public init(id: SampleID, origin: Origin, content: Content, label: Label? = nil) {
    (self.id, self.origin, self.content, self.label) = (id, origin, content, label)
  }

  /// Kind of a sample's content: read, changed by augmentations, or generated.
  public enum Kind: String, Sendable, Codable, CaseIterable { case real, augmented, synthetic }

  /// Payload of a sample.
  public enum Content: Sendable {
    case image(Image)
    case scaled(ScaledImage)
    case audio(AudioClip)
    /// No content, while the payload is being modified elsewhere.
    case vacant
  }

  /// Mutates the image's pixels in place: the payload is moved out and back, never copied.
  /// - Throws: errors of `body`; bad pipeline if the content is not an image of bytes.
  public mutating func withImage<Result>(_ body: (inout Image) throws -> Result) throws -> Result {
    guard case .image(var image) = content else {
      throw MirageError(.badPipeline, "works on images of bytes", remedy: "Put it before scale and normalize.")
    }
    content = .vacant
    defer { content = .image(image) }
    return try body(&image)
  }

  /// Returns the image as bytes. A scaled image is converted back through its map.
  /// - Precondition: the content is an image. Pipelines reject image stages on audio clips before this is called.
  public func bytes() -> Image {
    switch content {
    case .image(let image): image
    case .scaled(let scaled): scaled.image()
    case .audio, .vacant: preconditionFailure("a sample without an image")
    }
  }

  /// Height and width in pixels, and number of channels; zeros if the content is not an image.
  public var size: (height: Int, width: Int, channels: Int) {
    switch content {
    case .image(let image): (image.height, image.width, image.channels)
    case .scaled(let image): (image.height, image.width, image.channels)
    case .audio, .vacant: (0, 0, 0)
    }
  }
}

/// A class, or a distribution over all classes, such as mixup produces.
public enum Label: Sendable, Equatable {
  case index(Int)
  case distribution([Float])

  /// Index of the class; nil for a distribution.
  public var index: Int? { if case .index(let index) = self { index } else { nil } }

  /// Returns a probability for each of `count` classes.
  public func probabilities(of count: Int) -> [Float] {
    switch self {
    case .distribution(let values): values
    case .index(let index): (0..<count).map { $0 == index ? 1 : 0 }
    }
  }
}

/// A point in pixels.
public struct Point: Sendable, Equatable, Codable {
  /// Distances from the left and from the top.
  public var x, y: Double
  public init(_ x: Double, _ y: Double) { (self.x, self.y) = (x, y) }
}

/// A rectangle in pixels.
public struct Box: Sendable, Equatable, Codable {
  /// Top left corner and size.
  public var x, y, width, height: Double
  /// Further columns of the box, such as its category.
  public var attributes: [String: JSONValue] = [:]

  public init(x: Double, y: Double, width: Double, height: Double) {
    (self.x, self.y, self.width, self.height) = (x, y, width, height)
  }
}

/// File that a sample was read from, and the sample's index if the file holds several.
public struct Origin: Sendable, Equatable, CustomStringConvertible {
  /// Name or path of the file.
  public var file: String
  /// Index of the sample; nil if the file holds only one.
  public var member: Int?

  public init(_ file: String, member: Int? = nil) { (self.file, self.member) = (file, member) }

  public var description: String { member.map { "\(file)#\($0)" } ?? file }
}

/// Parameters that one augmentation drew for a sample.
public struct Draw: Sendable, Equatable {
  /// Path of the stage in the pipeline, such as `stages/1`.
  public var path: String
  /// Name of the augmentation.
  public var name: String
  /// Drawn parameters; null if the augmentation was not applied, by its probability.
  public var parameters: JSONValue
}
