import MirageSupport
import MirageMedia

/// Converts bytes to floats: maps 0 ... 255 to a range, by default [-1, 1]. Sinks convert back exactly.
public struct Scale: StageComponent, Stage {
  public static let declaration = Declaration(
    "scale", "Turns bytes into floats in a range", primary: "to", of: Scale(),
    Setting("to", .numberRange(-1e6...1e6), "Values that the bytes 0 and 255 become"))

  public static var domains: Set<Format.Domain> { [.image] }
  package var to: ClosedRange<Double>

  public init(to range: ClosedRange<Double> = -1...1) { to = range }

  public func apply(to upstream: Flow<Sample>, at path: StagePath) throws -> Flow<Sample> {
    if upstream.about.numbers == .floats {
      throw MirageError(
        .badPipeline, "scale comes after another scale or normalize", remedy: "Leave one of them out.")
    }
    let map = ScaledImage.AffineMap(
      scale: Float((to.upperBound - to.lowerBound) / 255), offset: Float(to.lowerBound))
    guard map.keepsBytes else {
      throw MirageError(
        .badPipeline, "scale cannot tell 256 bytes apart between \(to.lowerBound) and \(to.upperBound)",
        remedy: "Give it a wider range, such as [-1, 1].")
    }
    return upstream.transformed(stage: "\(path) (\(Self.name))", info: { $0.numbers = .floats }) { sample in
      guard case .image(let image) = sample.content else { return }
      sample.content = .scaled(ScaledImage(image, maps: Array(repeating: map, count: image.channels)))
    }
  }
}

extension ScaledImage.AffineMap {
  /// True if the map is reversible for every byte. It is not if the range is empty or too narrow for 32-bit floats.
  fileprivate var keepsBytes: Bool {
    let bytes = Image(height: 1, width: 256, channels: 1, pixels: Array(0...255))
    return ScaledImage(bytes, maps: [self]).image() == bytes
  }
}

/// Subtracts a mean and divides by a standard deviation, channel by channel. Bytes count as 0 ... 1, as in torchvision;
/// after `scale` the numbers are in its range.
///
/// A mean or deviation that is not given is fitted: one pass over all samples that flow into the stage measures each
/// channel, exactly for bytes.
public struct Normalize: StageComponent {
  public static let declaration = Declaration(
    "normalize", "Subtracts a mean and divides by a deviation; fitted in one pass if not given", of: Normalize(),
    Setting("mean", .numbers(-1e6...1e6, count: 1...4), "Mean of all channels or of each; bytes count as 0 to 1"),
    Setting(
      "std", .numbers(1e-9...1e6, count: 1...4), "Standard deviation of all channels or of each; bytes count as 0 to 1")
  )

  public static var domains: Set<Format.Domain> { [.image] }
  package var mean: [Double]?
  package var std: [Double]?

  /// Creates the stage with one value for all channels, or one for each; nil values are fitted.
  public init(mean: [Double]? = nil, std: [Double]? = nil) { (self.mean, self.std) = (mean, std) }

  public var role: Role { mean == nil || std == nil ? .estimator(self) : .stage(self) }
}

extension Normalize: Stage {
  public func apply(to upstream: Flow<Sample>, at path: StagePath) throws -> Flow<Sample> {
    guard let mean, let std else {
      throw MirageError(.badPipeline, "normalize has not been fitted yet")
    }
    guard (std + mean).allSatisfy(\.isFinite), std.allSatisfy({ $0 > 0 }) else {
      throw MirageError(.badPipeline, "normalize needs standard deviations above 0")
    }
    return upstream.transformed(stage: "\(path) (\(Self.name))", info: { $0.numbers = .floats }) { sample in
      let channels = sample.size.channels
      guard mean.count == 1 || mean.count == channels, std.count == 1 || std.count == channels else {
        throw MirageError(
          .badPipeline, "normalize has \(mean.count) means and \(std.count) deviations for \(channels) channels")
      }
      switch sample.content {
      case .image(let image):
        let maps = (0..<channels).map { c in
          let (m, s) = (mean[min(c, mean.count - 1)], std[min(c, std.count - 1)])
          return ScaledImage.AffineMap(scale: Float(1 / (255 * s)), offset: Float(-m / s))
        }
        sample.content = .scaled(ScaledImage(image, maps: maps))
      case .scaled(var image):
        sample.content = .vacant
        for c in 0..<channels {
          let (m, s) = (Float(mean[min(c, mean.count - 1)]), Float(std[min(c, std.count - 1)]))
          for index in stride(from: c, to: image.values.count, by: channels) {
            image.values[index] = (image.values[index] - m) / s
          }
          image.maps[c].scale /= s
          image.maps[c].offset = (image.maps[c].offset - m) / s
        }
        sample.content = .scaled(image)
      case .audio, .vacant: break
      }
    }
  }
}

extension Normalize: Estimator {
  public func fit(on upstream: Flow<Sample>, in context: Context) async throws -> Fitted<Sample, Sample> {
    let statistics = try await ChannelStatistics.measure(upstream, in: context)
    guard statistics.count > 0 else { throw MirageError(.badData, "normalize has no sample to be fitted on") }
    // A channel that never changes has no deviation; dividing by 1 leaves it at 0.
    return Fitted(Normalize(mean: mean ?? statistics.mean, std: std ?? statistics.deviation.map { $0 > 0 ? $0 : 1 }))
  }
}

/// Mean and standard deviation of each channel over all pixels of a flow, bytes as 0 ... 1.
public struct ChannelStatistics: Sendable {
  /// Number of samples measured.
  public private(set) var count = 0
  private var pixels = 0.0
  private var sums: [Double] = []
  private var squares: [Double] = []

  /// Mean of each channel, with bytes as 0 to 1.
  public var mean: [Double] { sums.map { $0 / pixels } }
  /// Standard deviation of each channel, with bytes as 0 to 1.
  public var deviation: [Double] {
    zip(squares, mean).map { max(0, $0 / pixels - $1 * $1).squareRoot() }
  }

  /// Measures the whole flow, independent of its shard, in one pass. Samples are added in order, so the result does not
  /// depend on the number of workers. Samples that fail are left out if the policy is to skip.
  public static func measure(_ flow: Flow<Sample>, in context: Context) async throws -> ChannelStatistics {
    var total = ChannelStatistics()
    var skipped = SampleCounts()
    for try await chunk in flow.processed(0..<flow.count, in: context, transform: { ChannelStatistics($0) }) {
      for slot in chunk.slots {
        switch slot {
        case .element(let one): try total.add(one)
        case .absent: break
        case .failed(let error): try skipped.skip(error, policy: context.policy)
        }
      }
    }
    return total
  }

  /// Creates empty statistics.
  public init() {}

  /// Creates the statistics of one sample.
  public init(_ sample: Sample) {
    let (height, width, channels) = sample.size
    count = 1
    pixels = Double(height * width)
    sums = Array(repeating: 0, count: channels)
    squares = sums
    switch sample.content {
    case .image(let image):
      for c in 0..<channels {
        var (sum, square) = (0, 0)
        for index in stride(from: c, to: image.pixels.count, by: channels) {
          let value = Int(image.pixels[index])
          sum += value
          square += value * value
        }
        sums[c] = Double(sum) / 255
        squares[c] = Double(square) / (255 * 255)
      }
    case .scaled(let image):
      for c in 0..<channels {
        for index in stride(from: c, to: image.values.count, by: channels) {
          let value = Double(image.values[index])
          sums[c] += value
          squares[c] += value * value
        }
      }
    case .audio, .vacant: break
    }
  }

  /// Adds the statistics of further samples.
  /// - Throws: bad data if the numbers of channels differ.
  public mutating func add(_ other: ChannelStatistics) throws {
    if count == 0 {
      self = other
      return
    }
    guard other.sums.count == sums.count else {
      throw MirageError(
        .badData, "images of \(sums.count) and of \(other.sums.count) channels are mixed",
        remedy: "Give the source a color mode, such as channels: rgb.")
    }
    count += other.count
    pixels += other.pixels
    for c in sums.indices {
      sums[c] += other.sums[c]
      squares[c] += other.squares[c]
    }
  }
}
