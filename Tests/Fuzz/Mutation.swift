import MirageSupport

/// Changes a valid input in a few random ways.
struct Mutator {
  var random: Random

  private static let interesting: [Int] = [
    0, 1, 2, 4, 7, 8, 16, 127, 128, 255, 256, 511, 512, 1000, 4096, 32767, 32768, 65535, 65536, 100_000, 1 << 24,
    Int(Int32.max), 1 << 31, Int(UInt32.max), -1, 1 << 62, Int.max, Int.min,
  ]

  /// - Parameter other: another seed, which parts are taken from.
  mutating func mutate(_ seed: [UInt8], with other: [UInt8]) -> [UInt8] {
    var bytes = seed
    // Few changes mostly: what is broken everywhere is refused at its first byte.
    for _ in 0..<(1 << random.integer(in: 0...3)) { change(&bytes, other) }
    return bytes
  }

  private mutating func change(_ bytes: inout [UInt8], _ other: [UInt8]) {
    guard !bytes.isEmpty else {
      bytes = Array(part(of: other))
      return
    }
    let place = random.integer(in: 0...bytes.count - 1)
    switch random.integer(in: 0...11) {
    case 0, 1: bytes[place] ^= 1 << UInt8(random.integer(in: 0...7))
    case 2: bytes[place] = 0
    case 3: bytes[place] = 255
    case 4: bytes[place] = UInt8(random.integer(in: 0...255))
    case 5: bytes.removeSubrange(place...)
    case 6:
      bytes.insert(
        contentsOf: (0..<random.integer(in: 1...16)).map { _ in UInt8(truncatingIfNeeded: random.next()) }, at: place)
    case 7: bytes.insert(contentsOf: part(of: bytes), at: place)
    case 8: bytes.removeSubrange(place..<min(bytes.count, place + random.integer(in: 1...64)))
    case 9: bytes.insert(contentsOf: part(of: other), at: place)
    case 10:
      let value = Mutator.interesting.randomElement(using: &random)!
      let width = [1, 2, 4, 8].randomElement(using: &random)!
      var number = (0..<width).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
      if random.chance(0.5) { number.reverse() }
      for (offset, byte) in number.enumerated() where place + offset < bytes.count { bytes[place + offset] = byte }
    default:
      // A number that is written in digits.
      guard let start = bytes[place...].firstIndex(where: { (48...57).contains($0) }) else { return }
      let end = bytes[start...].firstIndex { !(48...57).contains($0) } ?? bytes.count
      bytes.replaceSubrange(start..<end, with: Array(String(Mutator.interesting.randomElement(using: &random)!).utf8))
    }
  }

  /// A random run of bytes, most of them short.
  private mutating func part(of bytes: [UInt8]) -> ArraySlice<UInt8> {
    guard !bytes.isEmpty else { return [] }
    let start = random.integer(in: 0...bytes.count - 1)
    return bytes[start..<min(bytes.count, start + random.integer(in: 1...(1 << random.integer(in: 0...10))))]
  }
}
