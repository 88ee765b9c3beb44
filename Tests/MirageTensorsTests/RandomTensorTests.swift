import CKernels
import MirageSupport
import MirageTensors
import Testing

@Suite struct RandomTensorTests {
  private static let count = 1 << 20

  @Test func bitsArePhiloxs() {
    for key: UInt64 in [0, 1, 0x0123_4567_89AB_CDEF, .max] {
      for first in [0, 1, 1 << 20, 1 << 32 + 5] {
        var out = [Float](repeating: .nan, count: 12)
        out.withUnsafeMutableBufferPointer {
          // Block `first` is written at 4 · first.
          tensor_random($0.baseAddress! - 4 * first, key, 0, 0, 1, 4 * first + 12, first, 3)
        }
        for block in 0..<3 {
          let index = UInt64(first + block)
          let words = philox4x32(
            counter: SIMD4(UInt32(truncatingIfNeeded: index), UInt32(index >> 32), 0, 0),
            key: SIMD2(UInt32(truncatingIfNeeded: key), UInt32(key >> 32)))
          #expect(Array(out[4 * block..<4 * block + 4]) == (0..<4).map { Float(words[$0] >> 8) * 0x1p-24 })
        }
      }
    }
  }

  @Test func theKeyIsOneDrawOfTheGenerator() {
    var (random, same) = (generator("key"), generator("key"))
    let x = Tensor.uniform([7], using: &random)
    let key = same.next()
    var expected = [Float](repeating: 0, count: 8)
    tensor_random(&expected, key, 0, 0, 1, 8, 0, 2)
    #expect(x.values == Array(expected[..<7]))
    #expect(random.next() == same.next())
  }

  @Test func generatorsOfOtherNamesGiveOtherNumbers() {
    var (one, other) = (generator("one"), generator("other"))
    let x = Tensor.normal([1000], using: &one)
    #expect(Set(x.bits).isDisjoint(with: Tensor.normal([1000], using: &other).bits))
    #expect(Tensor.normal([1000], using: &one).bits != x.bits)
  }

  @Test func aLongerTensorBeginsLikeAShorterOne() {
    var (one, other) = (generator("length"), generator("length"))
    #expect(Tensor.normal([5], using: &one).values == Array(Tensor.normal([999], using: &other).values[..<5]))
  }

  @Test func uniformNumbersAreUniform() {
    var random = generator("uniform")
    let x = Tensor.uniform([RandomTensorTests.count], in: -3...5, using: &random).values
    #expect(x.allSatisfy { -3 <= $0 && $0 < 5 })
    // The mean of n is off by a deviation of 8 / √(12 n), the square by less: five of those are allowed.
    let n = Double(x.count)
    let mean = x.reduce(0.0) { $0 + Double($1) } / n
    let variance = x.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / n
    #expect(abs(mean - 1) < 5 * 8 / (12 * n).squareRoot() && abs(variance - 64.0 / 12) < 0.05)
    var bins = [Int](repeating: 0, count: 64)
    for value in x { bins[Int((value + 3) * 8)] += 1 }
    // Chi squared of 63 degrees: mean 63, deviation √126.
    let expected = n / 64
    let chi = bins.reduce(0.0) { $0 + (Double($1) - expected) * (Double($1) - expected) / expected }
    #expect(abs(chi - 63) < 5 * 126.0.squareRoot())
  }

  @Test func theUpperBoundIsExcluded() {
    // In 100 ... 101 a float has 17 bits after the point: one of 2¹⁸ would be rounded up to 101.
    var random = generator("bound")
    let x = Tensor.uniform([1 << 22], in: 100...101, using: &random).values
    #expect(x.allSatisfy { 100 <= $0 && $0 < 101 })
    #expect(Tensor.uniform([9], in: 2...2, using: &random).values.allSatisfy { $0 == 2 })
  }

  @Test func normalNumbersAreNormal() {
    var random = generator("normal")
    let x = Tensor.normal([RandomTensorTests.count], mean: 2, standardDeviation: 3, using: &random).values
      .map { (Double($0) - 2) / 3 }
    let n = Double(x.count)
    func mean(_ f: (Double) -> Double) -> Double { x.reduce(0) { $0 + f($1) } / n }
    // Moments 0, 1, 0, 3 with deviations of √(1, 2, 15, 96) / √n; five are allowed.
    #expect(abs(mean { $0 }) < 5 / n.squareRoot())
    #expect(abs(mean { $0 * $0 } - 1) < 5 * (2 / n).squareRoot())
    #expect(abs(mean { $0 * $0 * $0 }) < 5 * (15 / n).squareRoot())
    #expect(abs(mean { $0 * $0 * $0 * $0 } - 3) < 5 * (96 / n).squareRoot())
    // Tails: the share beyond 2, 3 and 4 deviations on each side.
    for (limit, share) in [(2, 0.022750), (3, 0.0013499), (4, 3.1671e-5)] as [(Double, Double)] {
      for sign in [1.0, -1] {
        let found = Double(x.count { $0 * sign > limit })
        #expect(abs(found - n * share) < 5 * (n * share).squareRoot(), "beyond \(limit * sign)")
      }
    }
    #expect(x.allSatisfy { abs($0) < 5.8 })  // √(48 ln 2), from the 24 bits of a word
    // Neighbors, which come from one pair of words, are not correlated, nor are their squares.
    let pairs = stride(from: 0, to: x.count, by: 2).map { (x[$0], x[$0 + 1]) }
    #expect(abs(pairs.reduce(0) { $0 + $1.0 * $1.1 }) < 5 * (n / 2).squareRoot())
    #expect(abs(pairs.reduce(0) { $0 + ($1.0 * $1.0 - 1) * ($1.1 * $1.1 - 1) }) < 5 * (4 * n / 2).squareRoot())
  }
}
