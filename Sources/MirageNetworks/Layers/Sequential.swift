import MirageTensors

/// Sequence of layers, named by their index.
public final class Sequential: Layer {
  /// Layers, first to last.
  package let layers: [any Layer]

  /// Creates a sequence from layers, first to last.
  public init(_ layers: [any Layer]) { self.layers = layers }

  /// Applies the layers in order. A (leaky) ReLU directly after a normalization is computed in the same pass.
  public func callAsFunction(_ input: consuming Tensor, _ mode: Mode) -> Tensor {
    self(input, mode, layers: 0..<layers.count)
  }

  /// Applies a range of the layers, which have the same names and random numbers as in the whole sequence.
  package func callAsFunction(_ input: consuming Tensor, _ mode: Mode, layers range: Range<Int>) -> Tensor {
    var x = input
    var index = range.lowerBound
    while index < range.upperBound {
      let layer = layers[index]
      let inner = mode.entering("\(index)")
      if let normalization = layer as? any FusedNormalization, index + 1 < range.upperBound,
        let slope = (layers[index + 1] as? Activation)?.slope
      {
        x = normalization.normalized(consume x, inner, slope: slope)
        index += 2
      } else {
        x = layer(consume x, inner)
        index += 1
      }
    }
    return x
  }

  /// Visits the layers as `0`, `1` and so on.
  public func visit(_ visitor: inout some StateVisitor) {
    for (index, layer) in layers.enumerated() { visitor.visit(layer, "\(index)") }
  }
}

/// Residual block f(x) + s(x) of a block f and a shortcut s (He et al. 2016).
public final class ResidualBlock: Layer {
  private let block: any Layer
  private let shortcut: (any Layer)?
  private let name: String

  /// Creates a residual block.
  ///
  /// - Parameters:
  ///   - block: Layers f.
  ///   - shortcut: Layer s, such as a 1 × 1 convolution if f changes the shape. Defaults to the identity.
  ///   - name: Name of f in the state. Defaults to `block`.
  public init(_ block: any Layer, shortcut: (any Layer)? = nil, name: String = "block") {
    (self.block, self.shortcut, self.name) = (block, shortcut, name)
  }

  /// Computes the output, of the shape of the block's.
  public func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor {
    let skipped = shortcut.map { $0(x, mode.entering("shortcut")) } ?? x
    return block(x, mode.entering(name)) + skipped
  }

  /// Visits the block under its name, and `shortcut`, if there is one.
  public func visit(_ visitor: inout some StateVisitor) {
    visitor.visit(block, name)
    if let shortcut { visitor.visit(shortcut, "shortcut") }
  }
}
