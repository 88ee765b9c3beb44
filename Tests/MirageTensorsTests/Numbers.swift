import MirageSupport
import MirageTensors
import Testing

/// A generator of this name: the same numbers in each run.
func generator(_ name: String) -> Random { Random(key: Random.Key(seed: 1, path: name), sample: 0) }

extension Tensor {
  var bits: [UInt32] { withValues { $0.map(\.bitPattern) } }

  /// Where the elements lie: to see whether memory was used again.
  var address: UInt { withValues { UInt(bitPattern: $0.baseAddress) } }

  /// Numbers between 0.3 and 1.5 of either sign: away from the kinks of functions that have one at 0.
  static func awayFromZero(_ shape: [Int], using random: inout Random) -> Tensor {
    let sign = Tensor.uniform(shape, in: -1...1, using: &random).sign()
    return .uniform(shape, in: 0.3...1.5, using: &random) * (sign + (1 - sign.abs()))
  }

  /// Numbers in random order of which no two are nearer than 0.25: away from where the greatest one changes.
  static func spread(_ shape: [Int], using random: inout Random) -> Tensor {
    let count = shape.reduce(1, *)
    let order = Array(0..<count).shuffled(using: &random)
    return Tensor(order.map { (Float($0) - Float(count) / 2) * 0.25 }, shape: shape)
  }
}

/// The sum of the products, in double precision.
func dot(_ x: Tensor, _ y: Tensor) -> Double {
  zip(x.values, y.values).reduce(0) { $0 + Double($1.0) * Double($1.1) }
}

/// How far apart the tensors are at most, as a part of 1 + |expected|; infinite where their shapes differ.
func distance(_ x: Tensor, _ expected: Tensor) -> Float {
  guard x.shape == expected.shape else { return .infinity }
  return zip(x.values, expected.values).reduce(0) { worst, pair in
    let error = abs(pair.0 - pair.1) / (1 + abs(pair.1))
    return error.isNaN ? .infinity : max(worst, error)
  }
}

/// `count` normal numbers.
func normals(_ count: Int, using random: inout Random) -> [Float] { Tensor.normal([count], using: &random).values }

/// Memory for a kernel's results: filled with not-a-number, and with as much behind it that must stay so.
struct Guarded {
  private(set) var floats: [Float]
  let count: Int
  private static let margin = 64

  init(_ count: Int) {
    self.count = count
    floats = [Float](repeating: .nan, count: count + Guarded.margin)
  }

  var values: ArraySlice<Float> { floats[..<count] }
  var isIntact: Bool { floats[count...].allSatisfy(\.isNaN) }

  mutating func write(_ body: (UnsafeMutablePointer<Float>) -> Void) {
    floats.withUnsafeMutableBufferPointer { body($0.baseAddress!) }
  }
}
