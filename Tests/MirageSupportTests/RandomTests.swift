import MirageSupport
import Glibc
import Testing

@Suite struct RandomTests {
  /// The known-answer vectors published with the Random123 library (kat_vectors, philox4x32 10).
  @Test func philoxKnownAnswers() {
    #expect(
      philox4x32(counter: SIMD4(repeating: 0), key: SIMD2(repeating: 0))
        == SIMD4(0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8))
    #expect(
      philox4x32(counter: SIMD4(repeating: 0xffff_ffff), key: SIMD2(repeating: 0xffff_ffff))
        == SIMD4(0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd))
    #expect(
      philox4x32(
        counter: SIMD4(0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344), key: SIMD2(0xa409_3822, 0x299f_31d0))
        == SIMD4(0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1))
  }

  @Test func keysAndCountersTellDrawsApart() {
    var seen: Set<UInt64> = []
    for path in ["stages/0", "stages/1", "stages/10"] {
      for sample in 0..<10 as Range<UInt64> {
        for epoch in 0..<3 {
          var random = Random(key: Random.Key(seed: 7, path: path), sample: sample, epoch: epoch)
          for _ in 0..<4 { seen.insert(random.next()) }
        }
      }
    }
    #expect(seen.count == 3 * 10 * 3 * 4)
    #expect(Random.Key(seed: 1, path: "a").child(0) != Random.Key(seed: 1, path: "a").child(1))
  }

  @Test func continuesFromItsText() throws {
    var random = Random(key: Random.Key(seed: .max, path: "text"), sample: 0xFEDC_BA98_7654_3210, epoch: -1)
    for words in 0..<12 {
      let text = random.description
      var copy = try #require(Random(text))
      #expect(copy.description == text)
      var original = random
      for _ in 0..<9 { #expect(copy.nextWord() == original.nextWord(), "after \(words) words") }
      var (one, other) = (try #require(Random(text)).derived("layer"), random.derived("layer"))
      #expect(one.next() == other.next())
      _ = random.nextWord()
    }
    let text = "philox4x32-10:00000000000000ff:000000ffffffffff76543210fedcba98:3"
    #expect(Random(text)?.description == text)
    // The first block of a counter that begins anew.
    let wrapped = "philox4x32-10:ffffffffffffffff:00000000ffffffffffffffffffffffff:1"
    var generator = try #require(Random(wrapped))
    #expect(generator.nextWord() == 0x41c8_3b0e)  // the second word of the known answer for all ones
  }

  @Test(
    arguments: [
      "", "philox4x32-10", "philox2x32-10:00000000000000ff:00000000000000000000000000000000:4",
      "philox4x32-10:ff:00000000000000000000000000000000:4",
      "philox4x32-10:00000000000000FF:00000000000000000000000000000000:4",
      "philox4x32-10:+0000000000000ff:00000000000000000000000000000000:4",
      "philox4x32-10:00000000000000ff:0000000000000000000000000000000:4",
      "philox4x32-10:00000000000000ff:00000000000000000000000000000000:0",
      "philox4x32-10:00000000000000ff:00000000000000000000000000000000:5",
      "philox4x32-10:00000000000000ff:00000000000000000000000000000000:+4",
      "philox4x32-10:00000000000000ff:00000000000000000000000000000000:4:",
      "philox4x32-10:00000000000000ff:0000000000000000000000000000000é:4",
    ]) func refusesOtherText(_ text: String)
  {
    #expect(Random(text) == nil)
  }

  @Test func chanceHonoursItsEnds() {
    var random = Random(key: Random.Key(seed: 1, path: "chance"), sample: 0)
    for _ in 0..<10_000 {
      let (never, always) = (random.chance(0), random.chance(1))
      #expect(!never && always)
    }
  }

  /// What was drawn once is drawn for ever; a quarter of the draws of the last range are rejected.
  @Test func integersStayTheSame() {
    var random = Random(key: Random.Key(seed: 7, path: "integers"), sample: 3)
    #expect((0..<8).map { _ in random.integer(in: -5...7) } == [2, 5, 5, -4, 6, -1, 1, -1])
    #expect(
      (0..<3).map { _ in random.integer(in: Int.min...Int.max) }
        == [2_305_924_767_265_847_420, -8_684_052_085_060_269_450, -134_788_635_670_073_805])
    #expect(
      (0..<3).map { _ in random.integer(in: 0...(3 << 61)) }
        == [233_679_108_285_950_141, 5_237_620_625_015_063_630, 1_412_196_669_378_789_582])
  }

  @Test func integersAreEquallyLikely() {
    var random = Random(key: Random.Key(seed: 5, path: "integers"), sample: 0)
    var counts = [Int](repeating: 0, count: 7)
    for _ in 0..<70_000 { counts[random.integer(in: -3...3) + 3] += 1 }
    // Four deviations of a binomial of 70,000 and 1/7.
    #expect(counts.allSatisfy { abs($0 - 10_000) < 370 })
    #expect(random.integer(in: 4...4) == 4)
  }

  /// Numbers of a range that does not divide 2⁶⁴ are equally likely only if some draws are rejected: here a quarter.
  @Test func integersOfLongRangesAreEquallyLikely() {
    var random = Random(key: Random.Key(seed: 5, path: "long"), sample: 0)
    var counts = [0, 0, 0]
    for _ in 0..<9000 { counts[random.integer(in: 0...(3 << 61) - 1) % 3] += 1 }
    // Four deviations of a binomial of 9,000 and 1/3.
    #expect(counts.allSatisfy { abs($0 - 3000) < 179 }, "\(counts)")
  }

  @Test(arguments: [-30.0...30, 0.5...1.5, 2...2, -3 ... -1]) func numbersFillTheirRange(_ range: ClosedRange<Double>) {
    var random = Random(key: Random.Key(seed: 2, path: "range"), sample: 0)
    let values = (0..<2000).map { _ in random.uniform(in: range) }
    let width = range.upperBound - range.lowerBound
    #expect(values.allSatisfy { range.contains($0) })
    #expect(values.min()! <= range.lowerBound + width / 100 && values.max()! >= range.upperBound - width / 100)
  }

  @Test func momentsAreRight() {
    var random = Random(key: Random.Key(seed: 3, path: "moments"), sample: 0)
    let count = 100_000
    let uniforms = (0..<count).map { _ in random.uniform() }
    let normals = (0..<count).map { _ in random.normal() }
    func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }
    #expect(abs(mean(uniforms) - 0.5) < 0.005)
    #expect(abs(mean(uniforms.map { $0 * $0 }) - 1 / 3) < 0.005)
    #expect(abs(mean(normals)) < 0.015)
    #expect(abs(mean(normals.map { $0 * $0 }) - 1) < 0.02)
    #expect(uniforms.allSatisfy { $0 >= 0 && $0 < 1 })
  }

  @Test(arguments: [1, 2, 3, 10, 1000, 4097]) func permutationIsOne(count: Int) {
    let key = Random.Key(seed: 5, path: "shuffle")
    let order = Permutation(count: count, key: key)
    #expect(Set((0..<count).map { order[$0] }) == Set(0..<count))
    if count >= 1000 {
      let other = Permutation(count: count, key: key, epoch: 1)
      #expect((0..<count).filter { order[$0] == other[$0] }.count < 10)
      // Neighbors do not stay neighbors.
      #expect((1..<count).filter { abs(order[$0] - order[$0 - 1]) == 1 }.count < 10)
    }
  }
}

@Suite struct PortableMathTests {
  @Test func agreesWithTheCLibrary() {
    for step in -2000...2000 {
      let x = Double(step) * 0.0173
      #expect(abs(PortableMath.cos(x) - Glibc.cos(x)) < 1e-13)
      #expect(abs(PortableMath.sin(x) - Glibc.sin(x)) < 1e-13)
      #expect(abs(PortableMath.exp(x) / Glibc.exp(x) - 1) < 1e-13)
      if x > 0 { #expect(abs(PortableMath.log(x) - Glibc.log(x)) < 1e-13 * max(1, abs(Glibc.log(x)))) }
    }
    #expect(PortableMath.pow(0, 0.5) == 0)
    #expect(abs(PortableMath.pow(0.3, 2.2) - Glibc.pow(0.3, 2.2)) < 1e-13)
  }
}
