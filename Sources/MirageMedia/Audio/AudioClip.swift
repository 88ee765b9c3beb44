import MirageSupport

/// An audio clip of interleaved frames with a number per channel; 0 is silence, and -1 ... 1 is full scale.
public struct AudioClip: Sendable, Equatable {
  /// Number of frames.
  public let frames: Int
  /// Number of channels, at least 1.
  public let channels: Int
  /// Frames per second.
  public let rate: Int
  /// The numbers, frames × channels; frame f of channel c is `values[f * channels + c]`.
  public var values: [Float] {
    didSet { precondition(values.count == frames * channels, "a clip keeps its number of values") }
  }

  /// Maximum number of channels.
  public static let channelLimit = 64
  /// Maximum number of values in a clip: 6 hours of one channel at 48 kHz.
  public static let valueLimit = 1 << 30

  /// Creates a clip of whole frames.
  /// - Precondition: the values are frames × channels numbers, and channels and rate are positive.
  public init(frames: Int, channels: Int, rate: Int, filling values: [Float]) {
    precondition(channels > 0 && rate > 0 && values.count == frames * channels)
    (self.frames, self.channels, self.rate, self.values) = (frames, channels, rate, values)
  }

  /// Checks the values and creates a clip.
  ///
  /// - Parameters:
  ///   - rate: frames per second.
  ///   - channels: number of channels, 1 to `channelLimit`.
  ///   - values: interleaved frames.
  /// - Throws: bad data if there are no channels or too many, the rate is not positive, or the values are not whole
  ///   frames.
  public init(rate: Int, channels: Int, values: [Float]) throws {
    guard (1...Self.channelLimit).contains(channels) else {
      throw MirageError.badData("a clip of \(channels) channels: 1 to \(Self.channelLimit) are possible")
    }
    guard rate > 0 else { throw MirageError.badData("a clip of \(rate) frames per second") }
    guard values.count % channels == 0, values.count <= Self.valueLimit else {
      throw MirageError.badData(
        "\(values.count) numbers are not whole frames of \(channels) channels, or over the limit of \(Self.valueLimit)")
    }
    (self.rate, self.channels, self.values) = (rate, channels, values)
    frames = values.count / channels
  }

  /// Length in seconds.
  public var duration: Double { Double(frames) / Double(rate) }
}
