/// A random permutation of 0 ..< `count` that is computed and not stored, so that any part of it costs no memory.
///
/// It is a Feistel network of Philox rounds on the smallest even number of bits that holds the count, repeated until
/// the result is below the count (Black and Rogaway, "Ciphers with arbitrary finite domains", 2002). At most four
/// repetitions are expected for one index.
public struct Permutation: Sendable {
  /// Number of indices.
  public let count: Int
  private let half: UInt64
  private let key: SIMD2<UInt32>
  private let epoch: UInt32

  /// Creates the permutation of a key and an epoch.
  public init(count: Int, key: Random.Key, epoch: Int = 0) {
    self.count = count
    let bits = max(2, Int.bitWidth - max(0, count - 1).leadingZeroBitCount)
    half = UInt64((bits + 1) / 2)
    self.key = SIMD2(UInt32(truncatingIfNeeded: key.bits), UInt32(truncatingIfNeeded: key.bits >> 32))
    self.epoch = UInt32(truncatingIfNeeded: epoch)
  }

  /// The index that `index` is mapped to.
  /// - Precondition: `index` is in 0 ..< `count`.
  public subscript(index: Int) -> Int {
    precondition(index >= 0 && index < count, "permutation of \(count) asked for \(index)")
    let mask = (UInt64(1) << half) - 1
    var value = UInt64(index)
    repeat {
      var left = value >> half
      var right = value & mask
      for round in 0..<4 {
        let block = philox4x32(
          counter: SIMD4(
            UInt32(truncatingIfNeeded: right), UInt32(truncatingIfNeeded: right >> 32), UInt32(round), epoch), key: key)
        (left, right) = (right, left ^ (UInt64(block[0]) | UInt64(block[1]) << 32) & mask)
      }
      value = left << half | right
    } while value >= UInt64(count)
    return Int(value)
  }
}
