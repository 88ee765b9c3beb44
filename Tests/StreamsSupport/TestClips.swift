import MirageMedia
import MirageStreams
import MirageSupport

/// A source of short audio clips without files: each has its own constant level.
public struct TestClips: SourceComponent {
  public static let declaration = Declaration("test-clips", "Audio clips without files")

  public var count, frames, channels, rate: Int

  public init(count: Int = 6, frames: Int = 8, channels: Int = 1, rate: Int = 16_000) {
    (self.count, self.frames, self.channels, self.rate) = (count, frames, channels, rate)
  }

  public var domain: Format.Domain { .audio }

  public func flow(in context: Context) -> Flow<Sample> {
    var about = DatasetInfo(classes: ["low", "high"], inputs: [], chunkSize: 4)
    about.domain = .audio
    return Flow(
      count: count, about: about,
      locate: { index, _ in SampleHeader(id: SampleID(index: index), label: index % 2) },
      read: { positions, _ in
        positions.map { index in
          let values = [Float](repeating: Float(index) / Float(count), count: frames * channels)
          let clip = AudioClip(frames: frames, channels: channels, rate: rate, filling: values)
          return .element(
            Sample(
              id: SampleID(index: index), origin: Origin("clips", member: index), content: .audio(clip),
              label: .index(index % 2)))
        }
      })
  }
}
