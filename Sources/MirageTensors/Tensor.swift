import MirageSupport

/// Immutable multidimensional array of 32-bit floats, row-major, with automatic differentiation of any order.
///
/// Images are N × H × W × C and sequences N × L × C: channels last. Operations are computed immediately and return new
/// tensors; they are recorded for differentiation only if an operand is tracked (see `tracked()`). A mismatch of shapes is
/// a programming error and stops the program, with a message that names the operation and the shapes.
public struct Tensor: Sendable {
  /// Size of each axis, outermost first; empty for a scalar.
  public let shape: [Int]
  var storage: Storage
  /// Index of the first element in the storage.
  let offset: Int
  let node: Node?

  init(shape: [Int], storage: Storage, offset: Int = 0, node: Node? = nil) {
    self.shape = shape
    self.storage = storage
    self.offset = offset
    self.node = node
  }

  /// Creates a tensor whose elements `fill` must write, all of them.
  init(shape: [Int], filling fill: (UnsafeMutablePointer<Float>) -> Void) {
    let storage = Storage(shape.product)
    fill(storage.pointer)
    self.init(shape: shape, storage: storage)
  }

  /// Creates a tensor from values in row-major order.
  ///
  /// - Precondition: The number of values is the product of `shape`.
  public init(_ values: [Float], shape: [Int]) {
    require(values.count == shape.product, "\(values.count) values for a tensor of \(shape)")
    self.init(shape: shape) { pointer in values.withUnsafeBufferPointer { $0.copy(to: pointer) } }
  }

  /// Creates a scalar tensor, without axes.
  public init(_ scalar: Float) { self.init([scalar], shape: []) }

  /// Number of axes.
  public var rank: Int { shape.count }
  /// Number of elements.
  public var count: Int { shape.product }

  /// Elements in row-major order, as a copy.
  public var values: [Float] { withValues { Array($0) } }

  /// Value of a tensor with a single element.
  public var scalar: Float {
    require(count == 1, "scalar of a tensor of \(shape)")
    return withValues { $0[0] }
  }

  /// Calls a closure with the elements in row-major order, without a copy. The buffer is valid during the call only.
  public func withValues<Result>(_ body: (UnsafeBufferPointer<Float>) throws -> Result) rethrows -> Result {
    try withExtendedLifetime(storage) {
      try body(UnsafeBufferPointer(start: storage.pointer + offset, count: count))
    }
  }

  /// Pointer to the first element, for kernels, which must keep the tensor alive during its use.
  var pointer: UnsafeMutablePointer<Float> { storage.pointer + offset }
}

extension Tensor {
  /// Creates a tensor whose elements all have one value.
  public static func full(_ shape: [Int], _ value: Float) -> Tensor {
    Tensor(shape: shape) { $0.initialize(repeating: value, count: shape.product) }
  }

  /// Creates a tensor of zeros.
  public static func zeros(_ shape: [Int]) -> Tensor { full(shape, 0) }
  /// Creates a tensor of ones.
  public static func ones(_ shape: [Int]) -> Tensor { full(shape, 1) }

  /// Creates a tensor of independent numbers from the uniform distribution over a range, without its upper bound. The
  /// range defaults to 0 ... 1.
  ///
  /// One draw of `random` is the key of a counter-based generator, so that the numbers are independent of the number of
  /// threads.
  public static func uniform(
    _ shape: [Int], in range: ClosedRange<Float> = 0...1, using random: inout Random
  ) -> Tensor {
    var span = range.upperBound - range.lowerBound
    if range.lowerBound + span > range.upperBound { span = span.nextDown }
    return filledRandomly(shape, isNormal: false, range.lowerBound, span, &random)
  }

  /// Creates a tensor of independent numbers from a normal distribution (Box and Muller 1958), by default with mean 0 and
  /// standard deviation 1. Random numbers are drawn as for `uniform`.
  public static func normal(
    _ shape: [Int], mean: Float = 0, standardDeviation: Float = 1, using random: inout Random
  ) -> Tensor {
    filledRandomly(shape, isNormal: true, mean, standardDeviation, &random)
  }
}

extension Tensor: CustomStringConvertible {
  /// Shape and up to 16 of the values.
  public var description: String {
    let shown = values.prefix(16).map { "\($0)" }.joined(separator: ", ")
    return "Tensor \(shape) [\(shown)\(count > 16 ? ", …" : "")]"
  }
}

extension [Int] {
  /// Number of elements of this shape.
  var product: Int { reduce(1, *) }
}

extension UnsafeBufferPointer<Float> {
  func copy(to pointer: UnsafeMutablePointer<Float>) {
    if let baseAddress { pointer.update(from: baseAddress, count: count) }
  }
}
