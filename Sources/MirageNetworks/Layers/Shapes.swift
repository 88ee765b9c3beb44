import MirageSupport
import MirageTensors

/// A layer without state.
protocol StatelessLayer: Layer {}
extension StatelessLayer {
  public func visit(_ visitor: inout some StateVisitor) {}
}

/// N × … × C to vectors in C, H, W order, whatever the storage: so that a `Linear` behind it fits PyTorch's weights.
public struct Flatten: StatelessLayer {
  /// The layer, which has no settings.
  public init() {}

  public func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor {
    x.transposed([0, x.rank - 1] + Array(1..<x.rank - 1)).reshaped([x.shape[0], -1])
  }
}

/// Vectors in C, H, W order to N × H × W × C, or in C, L order to N × L × C.
public struct Unflatten: StatelessLayer {
  private let channels: Int
  private let sizes: [Int]

  /// - Parameter sizes: the spatial ones.
  public init(channels: Int, sizes: [Int]) { (self.channels, self.sizes) = (channels, sizes) }

  public func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor {
    x.reshaped([x.shape[0], channels] + sizes).transposed([0] + Array(2..<2 + sizes.count) + [1])
  }
}

/// r × r squares of pixels from r² channels each.
public struct PixelShuffle: StatelessLayer {
  private let factor: Int
  /// - Parameter factor: r.
  public init(_ factor: Int) { self.factor = factor }
  public func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor { x.pixelShuffled(factor) }
}

/// Spatial axes made longer.
public struct Upsample: StatelessLayer {
  private let factor: Int
  private let interpolation: Tensor.Interpolation

  /// - Parameter factor: how many times as long.
  public init(by factor: Int, _ interpolation: Tensor.Interpolation = .nearest) {
    (self.factor, self.interpolation) = (factor, interpolation)
  }

  public func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor { x.upsampled(by: factor, interpolation) }
}

/// Mirror images on all sides of N × H × W × C.
public struct ReflectionPad2D: StatelessLayer {
  private let amount: Int
  /// - Parameter amount: of pixels, on each side.
  public init(_ amount: Int) { self.amount = amount }

  public func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor {
    x.reflectionPadded([(amount, amount), (amount, amount)])
  }
}

/// Averages over windows.
public struct AveragePool: StatelessLayer {
  private let size, stride, padding: [Int]
  private let countsPadding: Bool
  /// - Parameters:
  ///   - size, padding: for each spatial axis, or one for all.
  ///   - stride: the size where left out.
  ///   - countsPadding: whether zeros of the padding are part of an average.
  public init(size: [Int], stride: [Int]? = nil, padding: [Int] = [0], countsPadding: Bool = true) {
    (self.size, self.stride, self.padding, self.countsPadding) = (size, stride ?? size, padding, countsPadding)
  }
  public func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor {
    x.averagePooled(size: size, stride: stride, padding: padding, countsPadding: countsPadding)
  }
}

/// Maxima over windows.
public struct MaxPool: StatelessLayer {
  private let size, stride, padding: [Int]
  /// - Parameters:
  ///   - size, padding: for each spatial axis, or one for all.
  ///   - stride: the size where left out.
  public init(size: [Int], stride: [Int]? = nil, padding: [Int] = [0]) {
    (self.size, self.stride, self.padding) = (size, stride ?? size, padding)
  }
  public func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor {
    x.maxPooled(size: size, stride: stride, padding: padding)
  }
}

/// In training, zeros with the given probability, and the rest made greater so that the mean stays (Srivastava et al.
/// 2014).
public struct Dropout: StatelessLayer {
  private let probability: Float

  /// - Parameter probability: of a zero, at least 0 and less than 1.
  public init(_ probability: Float) {
    require((0..<1).contains(probability), "Dropout: probability \(probability)")
    self.probability = probability
  }

  public func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor {
    guard case .training(var random) = mode, probability > 0 else { return x }
    let kept = Tensor.full(x.shape, 1 - probability)
      .isGreater(than: .uniform(x.shape, using: &random))
    return x * (kept * (1 / (1 - probability)))
  }
}

/// A function of each element.
public enum Activation: StatelessLayer, Equatable, Sendable {
  case relu, tanh, sigmoid, silu, softplus
  case leakyReLU(Float)

  public func callAsFunction(_ x: consuming Tensor, _ mode: Mode) -> Tensor { self(x) }

  public func callAsFunction(_ x: consuming Tensor) -> Tensor {
    switch self {
    case .relu: x.relu()
    case .leakyReLU(let slope): x.leakyReLU(slope)
    case .tanh: x.tanh()
    case .sigmoid: x.sigmoid()
    case .silu: x.silu()
    case .softplus: x.softplus()
    }
  }

  /// The slope below 0, of those that are rectifiers.
  var slope: Float? {
    switch self {
    case .relu: 0
    case .leakyReLU(let slope): slope
    default: nil
    }
  }
}
