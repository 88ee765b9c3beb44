import MirageMedia
import MirageStreams

/// A source whose samples say which ones they are: every byte of sample n is n, and its class is n too.
///
/// What happened to a sample can be read from its pixels and held against what its label says.
public struct NamingSource: SourceComponent {
  public static let declaration = Declaration("naming", "Images that say which ones they are")

  public var count: Int
  public var height, width, channels: Int

  /// - Parameter count: Number of samples and of classes, at most 256.
  public init(count: Int, height: Int = 9, width: Int = 11, channels: Int = 1) {
    (self.count, self.height, self.width, self.channels) = (count, height, width, channels)
  }

  public func sample(_ index: Int) -> Sample {
    let size = height * width * channels
    let image = Image(
      height: height, width: width, channels: channels, pixels: [UInt8](repeating: UInt8(index), count: size))
    return Sample(
      id: SampleID(index: index), origin: Origin("naming", member: index), content: .image(image),
      label: .index(index))
  }

  public func flow(in context: Context) -> Flow<Sample> {
    made(count, classes: (0..<count).map(String.init)) { sample($0) }
  }
}

extension Image {
  /// Fraction of the pixels of each value of the first channel.
  public var fractions: [UInt8: Double] {
    var fractions: [UInt8: Double] = [:]
    for start in Swift.stride(from: 0, to: pixels.count, by: channels) {
      fractions[pixels[start], default: 0] += 1 / Double(height * width)
    }
    return fractions
  }
}
