import MirageSupport
import MirageMedia

/// One element of a dataset on its way through a pipeline.
public struct Sample: Sendable {
  public var id: SampleID
  /// Where the sample was read.
  public var origin: Origin
  public var content: Content
  public var label: Label?
  /// Further columns of the dataset, such as CelebA's forty attributes.
  public var attributes: [String: JSONValue] = [:]
  /// Points in pixel coordinates: (0, 0) is the center of the first pixel. Geometric augmentations move them; one that
  /// leaves the image keeps its coordinates.
  public var landmarks: [Point] = []
  /// Boxes in edge coordinates: (0, 0) is the top left corner of the first pixel. Geometric augmentations move them, and
  /// clip them to the image.
  public var boxes: [Box] = []
  public var kind = Kind.real
  /// What each augmentation drew, where the run records it.
  public var history: [Draw] = []

  public init(id: SampleID, origin: Origin, content: Content, label: Label? = nil) {
    (self.id, self.origin, self.content, self.label) = (id, origin, content, label)
  }

  public enum Kind: String, Sendable, Codable, CaseIterable { case real, augmented, synthetic }

  public enum Content: Sendable {
    case image(Image)
    case scaled(ScaledImage)
    case audio(AudioClip)
    /// While the payload is being worked on.
    case vacant
  }

  /// Mutates the image's pixels in place: the payload is moved out and back, never copied.
  /// - Throws: what the body throws; bad pipeline where the content is not an image of bytes.
  public mutating func withImage<Result>(_ body: (inout Image) throws -> Result) throws -> Result {
    guard case .image(var image) = content else {
      throw MirageError(.badPipeline, "works on images of bytes", remedy: "Put it before scale and normalize.")
    }
    content = .vacant
    defer { content = .image(image) }
    return try body(&image)
  }

  /// The image as bytes: a scaled one through its map, back to what it was.
  /// - Precondition: the content is an image; what works on images is refused before it could meet an audio clip.
  public func bytes() -> Image {
    switch content {
    case .image(let image): image
    case .scaled(let scaled): scaled.image()
    case .audio, .vacant: preconditionFailure("a sample without an image")
    }
  }

  /// Height, width and channels of the content.
  public var size: (height: Int, width: Int, channels: Int) {
    switch content {
    case .image(let image): (image.height, image.width, image.channels)
    case .scaled(let image): (image.height, image.width, image.channels)
    case .audio, .vacant: (0, 0, 0)
    }
  }
}

/// A class, or a distribution over all classes as mixup makes it.
public enum Label: Sendable, Equatable {
  case index(Int)
  case distribution([Float])

  /// The class; nil for a distribution.
  public var index: Int? { if case .index(let index) = self { index } else { nil } }

  /// A probability for each of `count` classes.
  public func probabilities(of count: Int) -> [Float] {
    switch self {
    case .distribution(let values): values
    case .index(let index): (0..<count).map { $0 == index ? 1 : 0 }
    }
  }
}

public struct Point: Sendable, Equatable, Codable {
  public var x, y: Double
  public init(_ x: Double, _ y: Double) { (self.x, self.y) = (x, y) }
}

public struct Box: Sendable, Equatable, Codable {
  public var x, y, width, height: Double
  /// Further columns of the box, such as what it shows.
  public var attributes: [String: JSONValue] = [:]

  public init(x: Double, y: Double, width: Double, height: Double) {
    (self.x, self.y, self.width, self.height) = (x, y, width, height)
  }
}

/// The file a sample was read from and which of the file's samples it is.
public struct Origin: Sendable, Equatable, CustomStringConvertible {
  public var file: String
  public var member: Int?

  public init(_ file: String, member: Int? = nil) { (self.file, self.member) = (file, member) }

  public var description: String { member.map { "\(file)#\($0)" } ?? file }
}

/// What one augmentation drew for a sample.
public struct Draw: Sendable, Equatable {
  /// The stage's path in the pipeline, such as `stages/1`.
  public var path: String
  public var name: String
  /// The drawn parameters; null where the augmentation's probability passed the sample by.
  public var parameters: JSONValue
}
