/// A counter-based random generator, Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
/// 2011).
///
/// The key identifies the component that draws (seed of the run, path of the stage), and the counter identifies the
/// sample, the epoch and the draw. So the numbers for a sample do not depend on workers, shards, order or resumption.
public struct Random: RandomNumberGenerator, Sendable {
  /// Key of a generator: a hash of the run's seed and a path such as `stages/3`.
  public struct Key: Hashable, Sendable {
    var bits: UInt64

    fileprivate init(bits: UInt64) { self.bits = bits }

    /// Creates the key of the component at a path.
    public init(seed: UInt64, path: String) {
      bits = path.utf8.reduce(mix64(seed ^ 0x6D69_7261_6765)) { mix64($0 ^ UInt64($1)) }
    }

    /// Returns the key of a part of the component, such as the second choice of `one-of`.
    public func child(_ index: Int) -> Key {
      var key = self
      key.bits = mix64(bits ^ mix64(UInt64(truncatingIfNeeded: index) &+ 0x9E37_79B9))
      return key
    }
  }

  /// Key of the generator.
  public let key: Key
  private var counter: SIMD4<UInt32>
  private var block = SIMD4<UInt32>()
  private var used = 4

  /// Creates a generator at its first draw.
  ///
  /// - Parameters:
  ///   - key: key of the component that draws.
  ///   - sample: number that identifies the sample; `SampleID.digest` for samples of a flow.
  ///   - epoch: pass over the data. Defaults to 0.
  public init(key: Key, sample: UInt64, epoch: Int = 0) {
    self.key = key
    counter = SIMD4(
      0, UInt32(truncatingIfNeeded: epoch), UInt32(truncatingIfNeeded: sample), UInt32(truncatingIfNeeded: sample >> 32)
    )
  }

  /// Returns a generator for a named part, such as a layer of a network. It is independent of the draws from this one.
  public func derived(_ name: String) -> Random {
    var key = key
    for byte in name.utf8 { key = key.child(Int(byte)) }
    return Random(key: key.child(name.utf8.count), counter: counter)
  }

  private init(key: Key, counter: SIMD4<UInt32>) {
    self.key = key
    self.counter = counter
  }

  /// Returns the next 32 random bits.
  public mutating func nextWord() -> UInt32 {
    if used == 4 {
      block = block(at: counter)
      counter[0] &+= 1
      used = 0
    }
    defer { used += 1 }
    return block[used]
  }

  private func block(at counter: SIMD4<UInt32>) -> SIMD4<UInt32> {
    philox4x32(counter: counter, key: SIMD2(truncatingIfNeeded: SIMD2(key.bits, key.bits >> 32)))
  }

  /// Returns the next 64 random bits.
  public mutating func next() -> UInt64 {
    let low = UInt64(nextWord())
    return low | UInt64(nextWord()) << 32
  }

  /// Returns a number from the uniform distribution over [0, 1), with 53 random bits.
  public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// Returns a number from the uniform distribution over the range; the bound itself if both bounds are equal.
  public mutating func uniform(in range: ClosedRange<Double>) -> Double {
    let value = range.lowerBound + (range.upperBound - range.lowerBound) * uniform()
    return min(value, range.upperBound)
  }

  /// Returns an integer from the uniform distribution over the range, without bias (Lemire, "Fast random integer
  /// generation in an interval", 2019).
  ///
  /// The standard library's algorithm may change, and with it the numbers; this one does not.
  public mutating func integer(in range: ClosedRange<Int>) -> Int {
    let count = UInt64(bitPattern: Int64(range.upperBound &- range.lowerBound)) &+ 1
    // All 2^64 integers.
    guard count != 0 else { return Int(truncatingIfNeeded: next()) }
    var product = next().multipliedFullWidth(by: count)
    if product.low < count {
      let excess = (0 &- count) % count
      while product.low < excess { product = next().multipliedFullWidth(by: count) }
    }
    return range.lowerBound &+ Int(truncatingIfNeeded: product.high)
  }

  /// Returns true with the given probability, 0 (never) to 1 (always).
  public mutating func chance(_ probability: Double) -> Bool { uniform() < probability }

  /// Returns a number from the standard normal distribution (Box and Muller, 1958), the same bits on every processor.
  public mutating func normal() -> Double {
    let radius = (-2 * PortableMath.log(1 - uniform())).squareRoot()
    return radius * PortableMath.cos(2 * Double.pi * uniform())
  }
}

/// The exact state as text, for checkpoints: a generator made from the text continues with the same numbers.
///
/// The text is `philox4x32-10:KEY:COUNTER:USED`: the key as 16 hexadecimal digits, the counter of the next block as 32
/// (its four words in order), and the number of used words of the previous block. It is not a JSON number, since many
/// readers keep only 53 bits of those.
extension Random: LosslessStringConvertible {
  private static let name = "philox4x32-10"

  /// The state as text.
  public var description: String {
    let words = (0..<4).map { hexadecimal(UInt64(counter[$0]), digits: 8) }.joined()
    return "\(Random.name):\(hexadecimal(key.bits, digits: 16)):\(words):\(used)"
  }

  /// Restores the generator of a state; nil if the text is not exactly a `description`.
  public init?(_ description: String) {
    let parts = description.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 4, parts[2].utf8.count == 32, let bits = UInt64(parts[1], radix: 16),
      let high = UInt64(parts[2].prefix(16), radix: 16), let low = UInt64(parts[2].suffix(16), radix: 16),
      let used = Int(parts[3]), (1...4).contains(used)
    else { return nil }
    key = Key(bits: bits)
    counter = SIMD4(truncatingIfNeeded: SIMD4(high >> 32, high, low >> 32, low))
    if used < 4 {
      var last = counter
      last[0] &-= 1
      block = block(at: last)
    }
    self.used = used
    guard self.description == description else { return nil }
  }
}

private func hexadecimal(_ value: UInt64, digits: Int) -> String {
  let text = String(value, radix: 16)
  return String(repeating: "0", count: digits - text.utf8.count) + text
}

/// Computes one block of Philox4x32 with ten rounds.
package func philox4x32(counter: SIMD4<UInt32>, key: SIMD2<UInt32>) -> SIMD4<UInt32> {
  var (c0, c1, c2, c3) = (counter[0], counter[1], counter[2], counter[3])
  var (k0, k1) = (key[0], key[1])
  for _ in 0..<10 {
    let a = UInt64(c0) &* 0xD251_1F53
    let b = UInt64(c2) &* 0xCD9E_8D57
    let high = UInt32(truncatingIfNeeded: b >> 32) ^ c1 ^ k0
    let low = UInt32(truncatingIfNeeded: a >> 32) ^ c3 ^ k1
    (c0, c1, c2, c3) = (high, UInt32(truncatingIfNeeded: b), low, UInt32(truncatingIfNeeded: a))
    k0 &+= 0x9E37_79B9
    k1 &+= 0xBB67_AE85
  }
  return SIMD4(c0, c1, c2, c3)
}

/// Returns a bijective mix of 64 bits (the finalizer of SplitMix64; Steele, Lea and Flood 2014).
@inlinable package func mix64(_ value: UInt64) -> UInt64 {
  var z = value &+ 0x9E37_79B9_7F4A_7C15
  z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
  z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
  return z ^ (z >> 31)
}
