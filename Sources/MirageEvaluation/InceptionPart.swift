import MirageLearning
import MirageSupport
import MirageNetworks
import MirageTensors

/// Part of the Inception network: a unit, a pooling, parts in sequence, or parallel branches whose outputs are concatenated
/// along the channels.
indirect enum InceptionPart: Layer {
  case unit(String, InceptionUnit)
  case maxima(MaxPool)
  case chain([InceptionPart])
  case branches([InceptionPart])
  case named(String, InceptionPart)

  func callAsFunction(_ x: consuming Tensor, _ mode: Mode) -> Tensor {
    switch self {
    case .unit(_, let unit): return unit(x, mode)
    case .maxima(let pool): return pool(x, mode)
    case .named(_, let part): return part(x, mode)
    case .branches(let parts):
      let input = x
      return concatenated(parts.map { $0(input, mode) }, axis: 3)
    case .chain(let parts):
      var result = x
      for part in parts { result = part(consume result, mode) }
      return result
    }
  }

  func visit(_ visitor: inout some StateVisitor) {
    switch self {
    case .unit(let name, let unit): visitor.visit(unit, name)
    case .maxima: break
    case .named(let name, let part): visitor.visit(part, name)
    case .chain(let parts), .branches(let parts): for part in parts { part.visit(&visitor) }
    }
  }
}

/// Convolution without bias, batch normalization and ReLU, with optional 3 × 3 pooling before them.
final class InceptionUnit: Layer {
  enum Pool { case average, maximum }

  private let convolution: Conv2D
  private let normalization: BatchNorm
  private let layers: Sequential

  init(
    _ inputs: Int, _ outputs: Int, kernel: [Int], stride: Int, padding: [Int], pool: Pool?, using random: inout Random
  ) {
    convolution = Conv2D(
      inputs, outputs, kernel: kernel, stride: [stride], padding: padding, hasBias: false, using: &random)
    normalization = BatchNorm(outputs, epsilon: 1e-3)
    let rest: [any Layer] = [normalization, Activation.relu]
    switch pool {
    case nil: layers = Sequential([convolution] + rest)
    case .maximum: layers = Sequential([MaxPool(size: [3], stride: [1], padding: [1]), convolution] + rest)
    case .average:
      // The network pools before the 1 × 1 convolution. Both are linear, so that the order can be changed, and after the
      // convolution there are fewer channels to pool.
      let average = AveragePool(size: [3], stride: [1], padding: [1], countsPadding: false)
      layers = Sequential([convolution, average] + rest)
    }
  }

  func callAsFunction(_ x: consuming Tensor, _ mode: Mode) -> Tensor { layers(x, mode) }

  func visit(_ visitor: inout some StateVisitor) {
    visitor.visit(convolution, "conv")
    visitor.visit(normalization, "bn")
  }
}

extension InceptionPart {
  /// Creates all but the last pooling and the last layer: N × 299 × 299 × 3 to N × 8 × 8 × 2048. Names are those of
  /// torchvision.
  static func inception() -> InceptionPart {
    var make = InceptionBlocks()
    return .chain([
      make.unit("Conv2d_1a_3x3", 3, 32, kernel: [3], stride: 2, isPadded: false),
      make.unit("Conv2d_2a_3x3", 32, 32, kernel: [3], isPadded: false),
      make.unit("Conv2d_2b_3x3", 32, 64, kernel: [3]),
      .maxima(MaxPool(size: [3], stride: [2])),
      make.unit("Conv2d_3b_1x1", 64, 80),
      make.unit("Conv2d_4a_3x3", 80, 192, kernel: [3], isPadded: false),
      .maxima(MaxPool(size: [3], stride: [2])),
      .named("Mixed_5b", make.a(192, pooled: 32)),
      .named("Mixed_5c", make.a(256, pooled: 64)),
      .named("Mixed_5d", make.a(288, pooled: 64)),
      .named("Mixed_6a", make.b(288)),
      .named("Mixed_6b", make.c(768, inner: 128)),
      .named("Mixed_6c", make.c(768, inner: 160)),
      .named("Mixed_6d", make.c(768, inner: 160)),
      .named("Mixed_6e", make.c(768, inner: 192)),
      .named("Mixed_7a", make.d(768)),
      .named("Mixed_7b", make.e(1280, pool: .average)),
      .named("Mixed_7c", make.e(2048, pool: .maximum)),
    ])
  }
}

/// Constructors of the blocks that torchvision calls InceptionA to InceptionE, by their number of input channels.
private struct InceptionBlocks {
  /// Source of initial weights, which those of a file replace.
  private var random = Random(key: Random.Key(seed: 0, path: "inception"), sample: 0)

  /// - Parameter isPadded: Whether images are padded with zeros, by half the size of the kernel.
  mutating func unit(
    _ name: String, _ inputs: Int, _ outputs: Int, kernel: [Int] = [1], stride: Int = 1, isPadded: Bool = true,
    pool: InceptionUnit.Pool? = nil
  ) -> InceptionPart {
    let padding = kernel.map { isPadded ? $0 / 2 : 0 }
    return .unit(
      name,
      InceptionUnit(inputs, outputs, kernel: kernel, stride: stride, padding: padding, pool: pool, using: &random))
  }

  /// Returns InceptionA, to 224 + `pooled` channels.
  mutating func a(_ inputs: Int, pooled: Int) -> InceptionPart {
    .branches([
      unit("branch1x1", inputs, 64),
      .chain([unit("branch5x5_1", inputs, 48), unit("branch5x5_2", 48, 64, kernel: [5])]),
      .chain([
        unit("branch3x3dbl_1", inputs, 64), unit("branch3x3dbl_2", 64, 96, kernel: [3]),
        unit("branch3x3dbl_3", 96, 96, kernel: [3]),
      ]),
      unit("branch_pool", inputs, pooled, pool: .average),
    ])
  }

  /// Returns InceptionB, to half the height and width, and 480 more channels.
  mutating func b(_ inputs: Int) -> InceptionPart {
    .branches([
      unit("branch3x3", inputs, 384, kernel: [3], stride: 2, isPadded: false),
      .chain([
        unit("branch3x3dbl_1", inputs, 64), unit("branch3x3dbl_2", 64, 96, kernel: [3]),
        unit("branch3x3dbl_3", 96, 96, kernel: [3], stride: 2, isPadded: false),
      ]),
      .maxima(MaxPool(size: [3], stride: [2])),
    ])
  }

  /// Returns InceptionC, to 768 channels.
  mutating func c(_ inputs: Int, inner: Int) -> InceptionPart {
    .branches([
      unit("branch1x1", inputs, 192),
      .chain([
        unit("branch7x7_1", inputs, inner), unit("branch7x7_2", inner, inner, kernel: [1, 7]),
        unit("branch7x7_3", inner, 192, kernel: [7, 1]),
      ]),
      .chain([
        unit("branch7x7dbl_1", inputs, inner), unit("branch7x7dbl_2", inner, inner, kernel: [7, 1]),
        unit("branch7x7dbl_3", inner, inner, kernel: [1, 7]), unit("branch7x7dbl_4", inner, inner, kernel: [7, 1]),
        unit("branch7x7dbl_5", inner, 192, kernel: [1, 7]),
      ]),
      unit("branch_pool", inputs, 192, pool: .average),
    ])
  }

  /// Returns InceptionD, to half the height and width, and 512 more channels.
  mutating func d(_ inputs: Int) -> InceptionPart {
    .branches([
      .chain([
        unit("branch3x3_1", inputs, 192), unit("branch3x3_2", 192, 320, kernel: [3], stride: 2, isPadded: false),
      ]),
      .chain([
        unit("branch7x7x3_1", inputs, 192), unit("branch7x7x3_2", 192, 192, kernel: [1, 7]),
        unit("branch7x7x3_3", 192, 192, kernel: [7, 1]),
        unit("branch7x7x3_4", 192, 192, kernel: [3], stride: 2, isPadded: false),
      ]),
      .maxima(MaxPool(size: [3], stride: [2])),
    ])
  }

  /// Returns InceptionE, to 2048 channels.
  mutating func e(_ inputs: Int, pool: InceptionUnit.Pool) -> InceptionPart {
    .branches([
      unit("branch1x1", inputs, 320),
      .chain([
        unit("branch3x3_1", inputs, 384),
        .branches([
          unit("branch3x3_2a", 384, 384, kernel: [1, 3]), unit("branch3x3_2b", 384, 384, kernel: [3, 1]),
        ]),
      ]),
      .chain([
        unit("branch3x3dbl_1", inputs, 448), unit("branch3x3dbl_2", 448, 384, kernel: [3]),
        .branches([
          unit("branch3x3dbl_3a", 384, 384, kernel: [1, 3]), unit("branch3x3dbl_3b", 384, 384, kernel: [3, 1]),
        ]),
      ]),
      unit("branch_pool", inputs, 192, pool: pool),
    ])
  }
}
