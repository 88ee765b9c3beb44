import MirageMedia
import Testing

@Suite struct EdgesTests {
  /// Dark on the left, lighter by `step` on the right.
  private func step(_ step: UInt8, channels: Int = 1) -> Image {
    var image = Image(height: 5, width: 6, channels: channels, fill: [30])
    for y in 0..<5 { for x in 3..<6 { for c in 0..<channels { image[y, x, c] += step } } }
    return image
  }

  @Test(arguments: [1, 90, 225] as [UInt8]) func aStepIsAsStrongAsItIsHigh(height: UInt8) {
    var image = step(height)
    image.detectEdges(threshold: 0)
    var across = step(height).transposed()
    across.detectEdges(threshold: 0)
    #expect(across == image.transposed())
    for y in 0..<5 { #expect((0..<6).map { image[y, $0, 0] } == [0, 0, height, height, 0, 0]) }
  }

  @Test func aThresholdMakesBlackAndWhite() {
    for (threshold, expected) in [(90, 255), (91, 0)] as [(Int, UInt8)] {
      for channels in 2...4 {
        var image = step(90, channels: channels)
        let alpha = image[2, 3, channels - 1]
        image.detectEdges(threshold: threshold)
        #expect(image[2, 3, 0] == expected && image[2, 0, 0] == 0 && image.channels == channels)
        if image.hasAlpha { #expect(image[2, 3, channels - 1] == alpha) }
      }
    }
  }

  /// The length of the gradient, of a slope that rises by 8 to the right and by 6 downward.
  @Test func aSlopeHasItsGradient() {
    var image = Image(height: 5, width: 5, channels: 1, fill: [0])
    for y in 0..<5 { for x in 0..<5 { image[y, x, 0] = UInt8(8 * x + 6 * y) } }
    image.detectEdges(threshold: 0)
    #expect(image[2, 2, 0] == 20)
  }
}
