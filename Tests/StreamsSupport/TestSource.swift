import MirageMedia
import MirageStreams
import MirageSupport
import TestSupport

/// A source without files: images that differ in every pixel and from sample to sample.
public struct TestSource: SourceComponent {
  public static let declaration = Declaration("test", "Images without files")

  public var count: Int
  public var classes: [String]
  public var height, width, channels: Int
  /// These samples cannot be read.
  public var failing: Set<Int>
  /// Positions in a chunk.
  public var chunkSize: Int

  public init(
    count: Int = 10, classes: [String] = ["ant", "bee", "cat"], height: Int = 3, width: Int = 4, channels: Int = 1,
    failing: Set<Int> = [], chunkSize: Int = 4
  ) {
    self.count = count
    self.classes = classes
    (self.height, self.width, self.channels) = (height, width, channels)
    self.failing = failing
    self.chunkSize = chunkSize
  }

  /// Sample `index` of class `index % classes.count`.
  public func sample(_ index: Int) -> Sample {
    let pixels = (0..<height * width * channels).map { UInt8(truncatingIfNeeded: index &* 31 &+ $0 &* 7) }
    return Sample(
      id: SampleID(index: index), origin: Origin("test", member: index),
      content: .image(Image(height: height, width: width, channels: channels, pixels: pixels)),
      label: classes.isEmpty ? nil : .index(index % classes.count))
  }

  public func flow(in context: Context) -> Flow<Sample> {
    let about = DatasetInfo(classes: classes, inputs: [], chunkSize: chunkSize)
    return Flow(
      count: count, about: about,
      locate: { index, _ in
        SampleHeader(id: SampleID(index: index), label: classes.isEmpty ? nil : index % classes.count)
      },
      read: { positions, _ in
        positions.map { index in
          if failing.contains(index) {
            let error = MirageError(.badData, "sample \(index) is bad")
            return .failed(SampleError(id: SampleID(index: index), origin: "test", error: error))
          }
          return .element(sample(index))
        }
      })
  }
}

extension Pipeline {
  /// The samples' flow, with what must be fitted fitted.
  public func fittedFlow(_ run: Run = Run()) async throws -> Flow<Sample> {
    try await fitted(run, in: Context(workers: 2, fitting: .fit)).flow
  }
}

extension Flow where Element == Sample {
  /// What every position gives, computed chunk by chunk.
  public func slots(workers: Int = 2) async throws -> [Slot<Sample>] {
    var slots: [Slot<Sample>] = []
    let chunks = processed(0..<count, in: Context(workers: workers)) { $0 }
    for try await chunk in chunks { slots += chunk.slots }
    return slots
  }

  /// The samples there are.
  public func samples(workers: Int = 2) async throws -> [Sample] {
    try await slots(workers: workers).compactMap { slot in
      switch slot {
      case .element(let sample): sample
      case .absent: nil
      case .failed(let error): throw error
      }
    }
  }
}

/// Everything about a slot that outputs can show, for comparing.
public func summary(_ slot: Slot<Sample>) -> String {
  switch slot {
  case .absent: return "absent"
  case .failed(let error): return "\(error)"
  case .element(let sample):
    let content: String =
      switch sample.content {
      case .image(let image): "\(image)"
      case .scaled(let image): "\(image)"
      case .audio(let clip): "\(clip)"
      case .vacant: "vacant"
      }
    let draws = sample.history.map { "\($0.path) \($0.name) \($0.parameters.text)" }
    return "\(sample.id) \(sample.origin) \(sample.kind) \(String(describing: sample.label))"
      + " \(JSONValue.object(sample.attributes).text) \(sample.landmarks) \(sample.boxes) \(draws) \(content)"
  }
}
