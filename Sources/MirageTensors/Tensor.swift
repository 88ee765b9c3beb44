import MirageSupport

/// An immutable array of 32-bit floats, row-major, with the record of how it was made where gradients may be asked for.
///
/// Images are N × H × W × C and sequences N × L × C: channels last. Operations are computed at once and give new tensors;
/// they are recorded only if an operand is (see `tracked()`). A mismatch of shapes is a programmer's mistake and stops the
/// program with a message that names the operation and the shapes.
public struct Tensor: Sendable {
  /// The size of each axis, from the slowest; empty for a single number.
  public let shape: [Int]
  var storage: Storage
  /// Where the elements begin in the storage.
  let offset: Int
  let node: Node?

  init(shape: [Int], storage: Storage, offset: Int = 0, node: Node? = nil) {
    self.shape = shape
    self.storage = storage
    self.offset = offset
    self.node = node
  }

  /// A tensor whose elements `fill` writes, all of them.
  init(shape: [Int], filling fill: (UnsafeMutablePointer<Float>) -> Void) {
    let storage = Storage(shape.product)
    fill(storage.pointer)
    self.init(shape: shape, storage: storage)
  }

  /// The values in row-major order.
  public init(_ values: [Float], shape: [Int]) {
    require(values.count == shape.product, "\(values.count) values for a tensor of \(shape)")
    self.init(shape: shape) { pointer in values.withUnsafeBufferPointer { $0.copy(to: pointer) } }
  }

  /// A tensor without axes.
  public init(_ scalar: Float) { self.init([scalar], shape: []) }

  /// The number of axes.
  public var rank: Int { shape.count }
  /// The number of elements.
  public var count: Int { shape.product }

  /// The elements in row-major order.
  public var values: [Float] { withValues { Array($0) } }

  /// The single element.
  public var scalar: Float {
    require(count == 1, "scalar of a tensor of \(shape)")
    return withValues { $0[0] }
  }

  /// Reads the elements where they are.
  public func withValues<Result>(_ body: (UnsafeBufferPointer<Float>) throws -> Result) rethrows -> Result {
    try withExtendedLifetime(storage) {
      try body(UnsafeBufferPointer(start: storage.pointer + offset, count: count))
    }
  }

  /// Only for kernels, which keep the tensor alive while they use it.
  var pointer: UnsafeMutablePointer<Float> { storage.pointer + offset }
}

extension Tensor {
  /// A tensor whose elements are all the same.
  public static func full(_ shape: [Int], _ value: Float) -> Tensor {
    Tensor(shape: shape) { $0.initialize(repeating: value, count: shape.product) }
  }

  /// A tensor of zeros.
  public static func zeros(_ shape: [Int]) -> Tensor { full(shape, 0) }
  /// A tensor of ones.
  public static func ones(_ shape: [Int]) -> Tensor { full(shape, 1) }

  /// Independent numbers from the uniform distribution over the range, its upper bound excluded. One draw of `random`
  /// keys a counter-based generator, so the numbers do not depend on how many threads make them.
  public static func uniform(
    _ shape: [Int], in range: ClosedRange<Float> = 0...1, using random: inout Random
  ) -> Tensor {
    var span = range.upperBound - range.lowerBound
    if range.lowerBound + span > range.upperBound { span = span.nextDown }
    return filledRandomly(shape, isNormal: false, range.lowerBound, span, &random)
  }

  /// Independent numbers from a normal distribution (Box and Muller 1958).
  public static func normal(
    _ shape: [Int], mean: Float = 0, standardDeviation: Float = 1, using random: inout Random
  ) -> Tensor {
    filledRandomly(shape, isNormal: true, mean, standardDeviation, &random)
  }
}

extension Tensor: CustomStringConvertible {
  public var description: String {
    let shown = values.prefix(16).map { "\($0)" }.joined(separator: ", ")
    return "Tensor \(shape) [\(shown)\(count > 16 ? ", …" : "")]"
  }
}

extension [Int] {
  /// The number of elements of this shape.
  var product: Int { reduce(1, *) }
}

extension UnsafeBufferPointer<Float> {
  func copy(to pointer: UnsafeMutablePointer<Float>) {
    if let baseAddress { pointer.update(from: baseAddress, count: count) }
  }
}
