import MirageSupport
import MirageMedia
import MirageStreams

/// A flow of made-up samples.
public func made(
  _ count: Int, classes: [String] = ["dark", "light"], _ sample: @escaping @Sendable (Int) -> Sample
) -> Flow<Sample> {
  Flow(
    count: count, about: DatasetInfo(classes: classes, inputs: [], chunkSize: 8),
    locate: { index, _ in
      let sample = sample(index)
      return SampleHeader(id: sample.id, label: sample.label?.index)
    },
    read: { positions, _ in positions.map { .element(sample($0)) } })
}

/// Dark and of class 0 where the index is even, else light and of class 1; with noise in each pixel.
public func light(_ index: Int, height: Int = 12, width: Int = 12, channels: Int = 1) -> Sample {
  let base = index % 2 == 0 ? 40 : 170
  let pixels = (0..<height * width * channels).map { (place: Int) -> UInt8 in
    let noise = (index * 37 + place * 101 + place * place * index) % 50
    return UInt8(base + noise)
  }
  return Sample(
    id: SampleID(index: index), origin: Origin("made", member: index),
    content: .image(Image(height: height, width: width, channels: channels, pixels: pixels)), label: .index(index % 2))
}

/// Two classes that are easy to tell apart.
public func lights(
  _ count: Int, from first: Int = 0, classes: [String] = ["dark", "light"], height: Int = 12, width: Int = 12
) -> Flow<Sample> {
  made(count, classes: classes) { light(first + $0, height: height, width: width) }
}
