import MirageSupport
import MirageTensors

/// A layer without state.
protocol StatelessLayer: Layer {}
extension StatelessLayer {
  /// Visits nothing.
  public func visit(_ visitor: inout some StateVisitor) {}
}

/// Flattens N × … × C to vectors in C, H, W order, so that the weights of a `Linear` after it are those of PyTorch.
public struct Flatten: StatelessLayer {
  /// Creates a layer.
  public init() {}

  /// Computes the output, N × (C · H · W).
  public func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor {
    x.transposed([0, x.rank - 1] + Array(1..<x.rank - 1)).reshaped([x.shape[0], -1])
  }
}

/// Reshapes vectors in C, H, W order to N × H × W × C, or in C, L order to N × L × C.
public struct Unflatten: StatelessLayer {
  private let channels: Int
  private let sizes: [Int]

  /// Creates a layer.
  ///
  /// - Parameters:
  ///   - channels: Number of channels C.
  ///   - sizes: Sizes of the spatial axes: height and width, or length.
  public init(channels: Int, sizes: [Int]) { (self.channels, self.sizes) = (channels, sizes) }

  /// Computes the output, N × H × W × C or N × L × C.
  public func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor {
    x.reshaped([x.shape[0], channels] + sizes).transposed([0] + Array(2..<2 + sizes.count) + [1])
  }
}

/// Rearranges N × H × W × C r² to N × rH × rW × C (Shi et al. 2016), with PyTorch's order of channels.
public struct PixelShuffle: StatelessLayer {
  private let factor: Int
  /// Creates a layer with the factor r.
  public init(_ factor: Int) { self.factor = factor }
  /// Computes the output, N × rH × rW × C.
  public func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor { x.pixelShuffled(factor) }
}

/// Enlarges the spatial axes by an integer factor.
public struct Upsample: StatelessLayer {
  private let factor: Int
  private let interpolation: Tensor.Interpolation

  /// Creates a layer. The interpolation defaults to `nearest`.
  public init(by factor: Int, _ interpolation: Tensor.Interpolation = .nearest) {
    (self.factor, self.interpolation) = (factor, interpolation)
  }

  /// Computes the output, whose spatial axes are larger by the factor.
  public func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor { x.upsampled(by: factor, interpolation) }
}

/// Pads all sides of N × H × W × C images with their reflection, without repeating the border.
public struct ReflectionPad2D: StatelessLayer {
  private let amount: Int
  /// Creates a layer that adds `amount` pixels on each side.
  public init(_ amount: Int) { self.amount = amount }

  /// Computes the output, N × (H + 2 amount) × (W + 2 amount) × C.
  public func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor {
    x.reflectionPadded([(amount, amount), (amount, amount)])
  }
}

/// Average pooling of N × H × W × C or N × L × C.
public struct AveragePool: StatelessLayer {
  private let size, stride, padding: [Int]
  private let countsPadding: Bool
  /// Creates a layer.
  ///
  /// - Parameters:
  ///   - size: Size of windows per spatial axis, or one number for all.
  ///   - stride: Step between windows. Defaults to the size.
  ///   - padding: Number of zeros on both sides of each axis. Defaults to 0.
  ///   - countsPadding: Whether the zeros are part of an average. Defaults to `true`, as in PyTorch. If `false`, the padding
  ///     is at most half the size.
  public init(size: [Int], stride: [Int]? = nil, padding: [Int] = [0], countsPadding: Bool = true) {
    (self.size, self.stride, self.padding, self.countsPadding) = (size, stride ?? size, padding, countsPadding)
  }
  /// Computes the output, with ⌊(H + 2 padding - size) / stride⌋ + 1 windows along an axis.
  public func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor {
    x.averagePooled(size: size, stride: stride, padding: padding, countsPadding: countsPadding)
  }
}

/// Max pooling of N × H × W × C or N × L × C.
public struct MaxPool: StatelessLayer {
  private let size, stride, padding: [Int]
  /// Creates a layer.
  ///
  /// - Parameters:
  ///   - size: Size of windows per spatial axis, or one number for all.
  ///   - stride: Step between windows. Defaults to the size.
  ///   - padding: Number of elements on both sides of each axis, which are never the maximum, at most half the size.
  ///     Defaults to 0.
  public init(size: [Int], stride: [Int]? = nil, padding: [Int] = [0]) {
    (self.size, self.stride, self.padding) = (size, stride ?? size, padding)
  }
  /// Computes the output, with ⌊(H + 2 padding - size) / stride⌋ + 1 windows along an axis.
  public func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor {
    x.maxPooled(size: size, stride: stride, padding: padding)
  }
}

/// Dropout (Srivastava et al. 2014): in training, sets elements to 0 with a probability, and scales the others so that the
/// mean is unchanged; in inference, does nothing.
public struct Dropout: StatelessLayer {
  private let probability: Float

  /// Creates a layer with the probability of a 0, at least 0 and less than 1.
  public init(_ probability: Float) {
    require((0..<1).contains(probability), "Dropout: probability \(probability)")
    self.probability = probability
  }

  /// Computes the output, of the shape of the input.
  public func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor {
    guard case .training(var random) = mode, probability > 0 else { return x }
    let kept = Tensor.full(x.shape, 1 - probability)
      .isGreater(than: .uniform(x.shape, using: &random))
    return x * (kept * (1 / (1 - probability)))
  }
}

/// An elementwise activation function.
public enum Activation: StatelessLayer, Equatable, Sendable {
  /// max(0, x).
  case relu
  /// Hyperbolic tangent.
  case tanh
  /// Logistic function 1 / (1 + exp(-x)).
  case sigmoid
  /// x · sigmoid(x).
  case silu
  /// log(1 + exp(x)).
  case softplus
  /// x above 0, and x times the slope below, which is at least 0.
  case leakyReLU(Float)

  /// Applies the function to each element.
  public func callAsFunction(_ x: consuming Tensor, _ mode: Mode) -> Tensor { self(x) }

  /// Applies the function to each element.
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

  /// Slope below 0 of ReLU and leaky ReLU; `nil` for other functions.
  var slope: Float? {
    switch self {
    case .relu: 0
    case .leakyReLU(let slope): slope
    default: nil
    }
  }
}
