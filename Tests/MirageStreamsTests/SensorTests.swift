import MirageMedia
import MirageStreams
import StreamsTestSupport
import Testing

@Suite struct SensorTests {
  private func flat(_ value: UInt8, height: Int, width: Int, channels: Int = 1) -> Image {
    Image(height: height, width: width, channels: channels, fill: [value])
  }

  /// The light comes from where the angle points: right, above, left, below, and the corner above on the right.
  @Test(
    arguments: [
      (0.0, [100, 125, 150, 175, 200], [100, 100, 100]), (90, [200, 200, 200, 200, 200], [200, 150, 100]),
      (180, [200, 175, 150, 125, 100], [200, 200, 200]), (-90, [100, 100, 100, 100, 100], [100, 150, 200]),
    ] as [(Double, [UInt8], [UInt8])])
  func shadeIsALinearRamp(degrees: Double, top: [UInt8], left: [UInt8]) {
    var image = flat(200, height: 3, width: 5)
    image.shade(strength: 0.5, degrees: degrees)
    #expect((0..<5).map { image[0, $0, 0] } == top)
    #expect((0..<3).map { image[$0, 0, 0] } == left)
  }

  @Test func shadeReachesTheCornersAndLeavesAlpha() {
    for channels in [2, 4] {
      var image = flat(250, height: 9, width: 9, channels: channels)
      image.shade(strength: 1, degrees: 45)
      #expect(image[0, 8, 0] == 250 && image[8, 0, 0] == 0 && image[4, 4, 0] == 125)
      #expect((0..<9).allSatisfy { image[$0, 8 - $0, channels - 1] == 250 })
    }
    // A line across the light is half in the shade.
    var line = flat(200, height: 7, width: 1)
    line.shade(strength: 0.5, degrees: 180)
    #expect(line == flat(150, height: 7, width: 1))
  }

  @Test func thePatternIsThatOfTheSensor() async throws {
    func shown(_ noise: FixedPatternNoise, seed: UInt64, epoch: Int = 0) async throws -> [Image] {
      let source = made(3) {
        Sample(id: SampleID(index: $0), origin: Origin("made"), content: .image(flat(128, height: 40, width: 30)))
      }
      return try await Augment(noise, name: "noise").apply(to: source, at: .root.stage(0))
        .running(Run(seed: seed, epoch: epoch)).samples().map { $0.bytes() }
    }
    let images = try await shown(FixedPatternNoise(sigma: 10, columns: 0), seed: 1)
    #expect(images[0] == images[1] && images[1] == images[2])
    #expect(try await shown(FixedPatternNoise(sigma: 10, columns: 0), seed: 2, epoch: 5) == images)
    #expect(try await shown(FixedPatternNoise(sigma: 10, columns: 0, seed: 1), seed: 1) != images)
    let offsets = images[0].pixels.map { Double($0) - 128 }
    let deviation = (offsets.reduce(0) { $0 + $1 * $1 } / 1200).squareRoot()
    #expect(abs(deviation - 10) < 0.8, "\(deviation)")
    // With columns alone, the rows are all alike, and neighbors in a row are not.
    let striped = try await shown(FixedPatternNoise(sigma: 0, columns: 10), seed: 1)[0]
    #expect((1..<40).allSatisfy { y in (0..<30).allSatisfy { striped[y, $0, 0] == striped[0, $0, 0] } })
    #expect(Set((0..<30).map { striped[0, $0, 0] }).count > 10)
  }

  /// Each channel has numbers of its own, which clamp, and alpha stays.
  @Test func channelsAreJitteredApart() async throws {
    let jitter = ChannelJitter(factor: -1 ... -1, shift: 255...255)
    let image = Image(height: 1, width: 1, channels: 4, pixels: [0, 100, 255, 7])
    var sample = Sample(id: SampleID(index: 0), origin: Origin("made"), content: .image(image))
    var random = Random(key: Random.Key(seed: 1, path: "jitter"), sample: 0)
    try jitter.apply(jitter.draw(for: sample, using: &random), to: &sample)
    #expect(sample.bytes().pixels == [255, 155, 0, 7])
    let parameters = ChannelJitter(factor: 0...2, shift: -50...50).draw(for: sample, using: &random)
    #expect(Set(parameters.factors).count == 3 && Set(parameters.shifts).count == 3)
  }
}
