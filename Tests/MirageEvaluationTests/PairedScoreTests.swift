import MirageEvaluation
import MirageSupport
import MirageTensors
import Testing

/// Scores of images against others, on images whose scores are known.
@Suite struct PairedScoreTests {
  /// A square of `side` pixels at a place, `high` on `low`.
  private func square(_ top: Int, _ left: Int, side: Int = 6, low: Float = -1, high: Float = 1) -> Tensor {
    var values = [Float](repeating: low, count: 400)
    for y in top..<top + side { for x in left..<left + side { values[y * 20 + x] = high } }
    return Tensor(values, shape: [1, 20, 20, 1])
  }

  private func near(_ value: Double, _ expected: Double) -> Bool { abs(value - expected) < 1e-5 }

  @Test func equalImagesHaveTheBestScores() {
    let image = square(4, 5)
    #expect(PairedScores.l1(image, image) == 0 && PairedScores.psnr(image, image) == 100)
    #expect(near(PairedScores.ssim(image, image), 1) && near(PairedScores.edgeCorrelation(image, image), 1))
    #expect(PairedScores.silhouetteOverlap(image, image) == 1)
  }

  /// A difference of 0.2 everywhere is a tenth of the range: 20 dB.
  @Test func differencesAreThoseOfTheRange() {
    let image = square(4, 5, low: -0.5, high: 0.5)
    #expect(near(PairedScores.l1(image, image + 0.2), 0.2))
    #expect(abs(PairedScores.psnr(image, image + 0.2) - 20) < 1e-4)
  }

  /// Silhouettes and edges do not depend on which side is bright.
  @Test func silhouettesIgnoreBrightness() {
    let image = square(4, 5)
    #expect(PairedScores.silhouetteOverlap(image, -image * 0.3) == 1)
    #expect(near(PairedScores.edgeCorrelation(image, -image * 0.3), 1))
    // Half of the square is shared: 18 of 54 pixels.
    #expect(near(PairedScores.silhouetteOverlap(image, square(4, 8)), 18.0 / 54))
    #expect(PairedScores.edgeCorrelation(image, square(12, 12)) < 0.1)
  }

  /// Against an implementation in NumPy with windows of 11 × 11 (Wang et al. 2004); Tests/Golden/make_ssim.py prints them.
  @Test(arguments: [(0, 0.2573088), (1, 0.3740068)]) func similarityIsThatOfThePaper(_ seed: UInt64, _ expected: Double)
  {
    var random = Random(key: Random.Key(seed: seed, path: "ssim"), sample: 0)
    let x = Tensor.uniform([1, 24, 20, 3], in: -1...1, using: &random)
    let y = x * 0.5 + Tensor.uniform([1, 24, 20, 3], in: -0.5...0.5, using: &random)
    let found = PairedScores.ssim(x, y)
    #expect(abs(found - expected) < 1e-5, "\(found)")
  }
}
