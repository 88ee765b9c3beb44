import MirageSupport
import MirageMedia
import MirageStreams
import TestSupport
import Testing

/// Landmarks and boxes go where their pixels go.
@Suite struct AnnotationTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let augmentation: any Augmentation
    /// In pixels, between where the annotation says and where the pixels are.
    let tolerance: Double

    init(_ name: String, _ augmentation: any Augmentation, tolerance: Double = 0.75) {
      (testDescription, self.augmentation, self.tolerance) = (name, augmentation, tolerance)
    }
  }

  static let cases = [
    Case("rotate", Rotate(degrees: -60...60)), Case("rotate expand", Rotate(degrees: -170...170, expand: true)),
    Case("rotate nearest", Rotate(degrees: 90...90, interpolation: .nearest)),
    Case(
      "affine",
      Affine(degrees: -20...20, translate: [0.1, 0.2], scale: 0.7...1.4, shear: -15...15, shearY: -10...10)),
    Case("affine bicubic", Affine(degrees: -20...20, scale: 0.7...1.4, interpolation: .bicubic)),
    Case("perspective", Perspective(distortion: 0.4), tolerance: 1.2),
    Case("elastic", Elastic(alpha: 60...60, sigma: 9), tolerance: 1.5),
    Case("random crop", RandomCrop(size: Size(height: 50, width: 60), padding: 6)),
    Case("random crop reflect", RandomCrop(size: Size(height: 50, width: 60), padding: 2, mode: .edge)),
    Case("center crop", CenterCrop(size: Size(height: 51, width: 58))), Case("center crop up", CenterCrop(size: 99)),
    Case("random resized crop", RandomResizedCrop(size: Size(height: 70, width: 50), scale: 0.6...1)),
    Case("resize up", Resize(size: Size(height: 130, width: 90)), tolerance: 1.1),
    Case("resize down", Resize(size: Size(height: 40, width: 50), interpolation: .bicubic)),
    Case("resize nearest", Resize(size: 75, side: .shorter, interpolation: .nearest), tolerance: 1.1),
    Case("resize longer", Resize(size: 60, side: .longer, interpolation: .area)),
    Case("pad", Pad(padding: Padding(left: 3, top: 7, right: 1, bottom: 0))),
    Case("horizontal flip", HorizontalFlip()), Case("vertical flip", VerticalFlip()), Case("transpose", Transpose()),
  ]

  @Test(arguments: cases) func moveWithThePixels(_ one: Case) throws {
    var random = Random(key: Random.Key(seed: 2, path: "annotations"), sample: 0)
    var landmarks = 0
    for _ in 0..<25 {
      var sample = drawSample(&random)
      try apply(one.augmentation, to: &sample, &random)
      landmarks += check(sample, one)
    }
    // Most rectangles stay inside.
    #expect(landmarks > 8)
  }

  @Test(arguments: ["shear-x", "shear-y", "translate-x", "translate-y", "rotate"])
  func moveInPolicies(operation: String) throws {
    var random = Random(key: Random.Key(seed: 3, path: operation), sample: 0)
    let one = Case(operation, RandAugment(interpolation: .bilinear))
    for strength in [-0.25, 0.2] {
      var sample = drawSample(&random)
      let isAngle = operation.hasPrefix("shear")
      let drawn: JSONValue = [
        "operations": [["operation": .string(operation), "strength": .number(isAngle ? strength : strength * 40)]]
      ]
      try RandAugment(interpolation: .bilinear).apply(drawn.decoded(as: PolicyParameters.self), to: &sample)
      _ = check(sample, one)
    }
  }

  /// A white rectangle on black, its middle a landmark, around it a box.
  private func drawSample(_ random: inout Random) -> Sample {
    var image = Image(height: 61, width: 73, channels: 1, fill: [0])
    let (width, height) = (random.integer(in: 7...12), random.integer(in: 7...12))
    let (x, y) = (random.integer(in: 12...61 - width), random.integer(in: 12...49 - height))
    image.fill(x: x..<x + width, y: y..<y + height, with: [255])
    var sample = Sample(id: SampleID(index: 0), origin: Origin("test"), content: .image(image))
    sample.boxes = [Box(x: Double(x), y: Double(y), width: Double(width), height: Double(height))]
    sample.landmarks = [Point(Double(x) + Double(width - 1) / 2, Double(y) + Double(height - 1) / 2)]
    return sample
  }

  private func apply<A: Augmentation>(_ augmentation: A, to sample: inout Sample, _ random: inout Random) throws {
    try augmentation.apply(augmentation.draw(for: sample, using: &random), to: &sample)
  }

  /// Finds the rectangle again. Returns how many landmarks could be checked.
  private func check(_ sample: Sample, _ one: Case) -> Int {
    let image = sample.bytes()
    var (left, right, top, bottom) = (Int.max, -1, Int.max, -1)
    var (sum, sumX, sumY) = (0.0, 0.0, 0.0)
    for y in 0..<image.height {
      for x in 0..<image.width {
        let value = Double(image[y, x, 0])
        sum += value
        sumX += value * Double(x)
        sumY += value * Double(y)
        if value > 127 { (left, right, top, bottom) = (min(left, x), max(right, x), min(top, y), max(bottom, y)) }
      }
    }
    guard let box = sample.boxes.first, right >= 0 else {
      #expect(right < 0 || right - left <= 2 || bottom - top <= 2, "pixels without a box")
      return 0
    }
    // Corners of turned rectangles are thin: less than half of their last pixel is covered.
    let slack = one.tolerance + (one.augmentation is any Turning ? 1.5 : 0)
    #expect(abs(box.x - Double(left)) <= slack, "left")
    #expect(abs(box.x + box.width - Double(right + 1)) <= slack, "right")
    #expect(abs(box.y - Double(top)) <= slack, "top")
    #expect(abs(box.y + box.height - Double(bottom + 1)) <= slack, "bottom")
    let isInside = left > 1 && top > 1 && right < image.width - 2 && bottom < image.height - 2
    guard isInside else { return 0 }
    #expect(abs(sample.landmarks[0].x - sumX / sum) <= one.tolerance, "x")
    #expect(abs(sample.landmarks[0].y - sumY / sum) <= one.tolerance, "y")
    return 1
  }
}

private protocol Turning {}
extension Rotate: Turning {}
extension Affine: Turning {}
extension Perspective: Turning {}
extension Elastic: Turning {}
extension RandAugment: Turning {}
