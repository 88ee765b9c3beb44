import MirageMedia
import MirageStreams
import MirageSupport
import StreamsTestSupport
import Testing

/// Windows are drawn from all places there are, those at the far edges among them, and from no others.
@Suite struct RandomCropTests {
  private let height = 7
  private let width = 9

  /// Parameters of many draws for an image of 7 × 9.
  private func draws<A: Augmentation>(_ augmentation: A) -> [A.Parameters] {
    let sample = light(0, height: height, width: width)
    return (0..<2000).map { index in
      var random = Random(key: Random.Key(seed: 1, path: "crop"), sample: UInt64(index))
      return augmentation.draw(for: sample, using: &random)
    }
  }

  @Test(arguments: [
    Padding(0), Padding(left: 2, top: 0, right: 1, bottom: 3), Padding(left: 0, top: 4, right: 0, bottom: 0),
  ])
  func cropsComeFromEveryPlace(_ padding: Padding) {
    let size = Size(height: 4, width: 5)
    let found = draws(RandomCrop(size: size, padding: padding))
    #expect(Set(found.map(\.x)) == Set(0...width + padding.left + padding.right - size.width))
    #expect(Set(found.map(\.y)) == Set(0...height + padding.top + padding.bottom - size.height))
  }

  /// Without padding a crop shows pixels of the image only.
  @Test func cropsWithoutPaddingShowNoFill() throws {
    let crop = RandomCrop(size: Size(height: 4, width: 5), fill: [255])
    for parameters in draws(crop).prefix(200) {
      var sample = light(0, height: height, width: width)
      try crop.apply(parameters, to: &sample)
      #expect(!sample.bytes().pixels.contains(255))
    }
  }

  /// Every pixel of the padded image is in the middle of some crop.
  @Test func cropsTogetherShowTheWholeImage() throws {
    let source = TestSource(count: 1, height: height, width: width)
    let crop = RandomCrop(size: 3)
    var shown: Set<UInt8> = []
    for parameters in draws(crop) {
      var sample = source.sample(0)
      try crop.apply(parameters, to: &sample)
      shown.formUnion(sample.bytes().pixels)
    }
    #expect(shown == Set(source.sample(0).bytes().pixels))
  }

  @Test func resizedCropsComeFromEveryPlace() {
    // A quarter of the area with the image's own aspect: windows of 4 × 5 or near to it.
    let aspect = Double(width) / Double(height)
    let found = draws(RandomResizedCrop(size: 8, scale: 0.25...0.25, ratio: aspect...aspect))
    let (tall, wide) = (found[0].height, found[0].width)
    #expect(found.allSatisfy { $0.height == tall && $0.width == wide })
    #expect(Set(found.map(\.x)) == Set(0...width - wide) && Set(found.map(\.y)) == Set(0...height - tall))
  }

  @Test func erasedRectanglesComeFromEveryPlace() {
    let found = draws(Erase(scale: 0.1...0.1, ratio: 1...1)).flatMap(\.rectangles)
    #expect(Set(found.map(\.x)) == Set(0...width - found[0].width))
    #expect(Set(found.map(\.y)) == Set(0...height - found[0].height))
  }
}
