import MirageAdversarial
import MirageSupport
import MirageTensors
import Testing

@Suite struct DifferentiableAugmentationTests {
  @Test(arguments: GoldenRow.all("augmentations")) func valueAndGradientArePyTorchs(_ row: GoldenRow) {
    let augmentation: DifferentiableAugmentation = row.decoded("augmentation")
    let images = row.tensors("inputs")["images"]!.tracked()
    var random = randomNumbers(augmentation.rawValue)
    let output = augmentation(images, using: &random)
    row.expect(output, row.tensor("output"), "the images")
    row.expect(
      output.gradients(wrt: [images], seed: row.tensor("seed"))[0], row.tensors("gradients")["images"]!, "the gradient")
  }

  @Test func everyAugmentationHasGoldenValues() {
    let found = Set(GoldenRow.all("augmentations").map { $0.decoded("augmentation", as: String.self) })
    #expect(found == Set(DifferentiableAugmentation.allCases.map(\.rawValue)))
  }

  /// Each is linear in the images but for an offset, so that differences of any size give the gradient.
  @Test(arguments: DifferentiableAugmentation.allCases) func gradientIsTheLimitOfDifferences(
    _ augmentation: DifferentiableAugmentation
  ) {
    var random = randomNumbers("differences")
    let start = Tensor.uniform([5, 9, 12, 3], in: -1...1, using: &random)
    let direction = Tensor.normal(start.shape, using: &random)
    let seed = Tensor.normal(start.shape, using: &random)
    func augmented(_ x: Tensor) -> Tensor {
      var random = randomNumbers("draws")
      return augmentation(x, using: &random)
    }
    let expected = ((augmented(start + direction) - augmented(start - direction)) * 0.5 * seed).sum().scalar
    let x = start.tracked()
    let found = (augmented(x).gradients(wrt: [x], seed: seed)[0] * direction).sum().scalar
    #expect(abs(found - expected) < 1e-4 * (1 + abs(expected)) && abs(expected) > 1)
  }

  @Test(arguments: DifferentiableAugmentation.allCases) func keepsShapesAndDrawsAnewForEachImage(
    _ augmentation: DifferentiableAugmentation
  ) {
    var random = randomNumbers("each")
    let one = Tensor.uniform([1, 16, 16, 3], in: -1...1, using: &random)
    let images = one.broadcast(to: [24, 16, 16, 3])
    let (first, second) = (augmentation(images, using: &random), augmentation(images, using: &random))
    #expect(first.shape == images.shape && first.bits != second.bits)
    let rows = (0..<24).map { first.sliced(axis: 0, $0..<$0 + 1).bits }
    #expect(Set(rows).count > 12)
  }

  @Test func translationMovesByUpToAnEighthEitherWay() {
    // One bright pixel in the middle of each image shows how far it went.
    let (height, width) = (16, 24)
    var (values, count) = ([Float](), 600)
    for _ in 0..<count {
      var image = [Float](repeating: 0, count: height * width)
      image[8 * width + 12] = 1
      values += image
    }
    var random = randomNumbers("shift")
    let moved = DifferentiableAugmentation.translation(
      Tensor(values, shape: [count, height, width, 1]), using: &random)
    var shifts: [[Int]: Int] = [:]
    moved.values.enumerated().filter { $0.element == 1 }.forEach { place in
      let inside = place.offset % (height * width)
      shifts[[inside / width - 8, inside % width - 12], default: 0] += 1
      count -= 1
    }
    #expect(count == 0)
    #expect(Set(shifts.keys.map { $0[0] }) == Set(-2...2) && Set(shifts.keys.map { $0[1] }) == Set(-3...3))
    #expect(shifts.count == 35 && shifts.values.allSatisfy { (3...45).contains($0) })
  }

  /// Both borders are cut as often: the square's place has no side.
  @Test(arguments: [[16, 16], [10, 14], [9, 7]]) func cutoutIsSymmetric(_ size: [Int]) {
    let (height, width, count) = (size[0], size[1], 4000)
    var random = randomNumbers("cut")
    let cut = DifferentiableAugmentation.cutout(.ones([count, height, width, 1]), using: &random)
    #expect(Set(cut.values) == [0, 1])
    // The rows and the columns that are cut, counted from either end.
    let kept = cut.mean(axes: [0, 3])
    for line in [kept.mean(axes: [0]).values, kept.mean(axes: [1]).values] {
      #expect(zip(line, line.reversed()).allSatisfy { abs($0 - $1) < 0.03 })
    }
    // A square of half the size, of which at least a quarter lies inside.
    let lost = (1 - cut).sum(axes: [1, 2, 3]).values
    let (tall, wide) = ((height + 1) / 2, (width + 1) / 2)
    #expect(lost.max()! == Float(tall * wide) && lost.min()! >= Float((tall / 2) * (wide / 2)))
  }

  /// Zhao et al.'s ranges: brightness within ± 0.5; no saturation in gray; contrast 0.5 to 1.5, around the mean.
  @Test func colorStaysInItsRanges() {
    var random = randomNumbers("color")
    let images = Tensor.uniform([500, 6, 6, 1], in: -1...1, using: &random)
    let changed = DifferentiableAugmentation.color(images, using: &random)
    let (before, after) = (images.mean(axes: [1, 2, 3]).values, changed.mean(axes: [1, 2, 3]).values)
    let brightness = zip(after, before).map { $0 - $1 }
    #expect(brightness.allSatisfy { abs($0) <= 0.5001 } && brightness.max()! > 0.45 && brightness.min()! < -0.45)
    func spread(_ x: Tensor) -> [Float] { x.variance(axes: [1, 2, 3]).sqrt().values }
    let contrast = zip(spread(changed), spread(images)).map { $0 / $1 }
    #expect(contrast.allSatisfy { (0.499...1.501).contains($0) } && contrast.max()! > 1.45 && contrast.min()! < 0.55)
  }
}

extension Tensor {
  var bits: [UInt32] { values.map(\.bitPattern) }
}
