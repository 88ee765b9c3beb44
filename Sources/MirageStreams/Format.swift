import MirageMedia

/// Shape and kind of a sample's content: samples in one batch must have equal formats.
public struct Format: Sendable, Hashable, Codable {
  /// Kind of media.
  public enum Domain: String, Sendable, Hashable, Codable, CaseIterable {
    case image, audio

    /// Name of the domain in messages.
    public var plural: String {
      switch self {
      case .image: "images"
      case .audio: "audio clips"
      }
    }
  }

  /// Storage type of numbers.
  public enum Numbers: String, Sendable, Hashable, Codable { case bytes, floats }

  /// Kind of media.
  public var domain: Domain
  /// Storage type of the numbers.
  public var numbers: Numbers
  /// Height, width and channels of an image; frames and channels of an audio clip.
  public var shape: [Int]
  /// Frames per second of an audio clip; nil for an image.
  public var rate: Int?

  /// Returns the format of images.
  public static func image(height: Int, width: Int, channels: Int, _ numbers: Numbers = .bytes) -> Format {
    Format(domain: .image, numbers: numbers, shape: [height, width, channels], rate: nil)
  }

  /// Returns the format of audio clips.
  public static func audio(frames: Int, channels: Int, rate: Int) -> Format {
    Format(domain: .audio, numbers: .floats, shape: [frames, channels], rate: rate)
  }

  /// Number of channels.
  public var channels: Int { shape[shape.count - 1] }

  /// Number of numbers in a sample.
  public var count: Int { shape.reduce(1, *) }

  /// Returns whether content of both formats has the same shape, and the same rate, regardless of its storage type.
  public func hasShape(of other: Format) -> Bool {
    domain == other.domain && shape == other.shape && rate == other.rate
  }
}

extension Format: CustomStringConvertible {
  /// The shape, such as `28 x 28 x 1` (height, width, channels) or `16000 x 1 at 16000 Hz`.
  public var description: String {
    shape.map(String.init).joined(separator: " x ") + (rate.map { " at \($0) Hz" } ?? "")
  }
}

extension Sample {
  /// Format of the content.
  public var format: Format {
    switch content {
    case .image(let image): .image(height: image.height, width: image.width, channels: image.channels)
    case .scaled(let image): .image(height: image.height, width: image.width, channels: image.channels, .floats)
    case .audio(let clip): .audio(frames: clip.frames, channels: clip.channels, rate: clip.rate)
    case .vacant: .image(height: 0, width: 0, channels: 0)
    }
  }
}
