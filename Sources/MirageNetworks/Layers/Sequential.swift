import MirageTensors

/// Layers one after the other, named by their numbers.
public final class Sequential: Layer {
  /// From the first to the last.
  public let layers: [any Layer]

  /// - Parameter layers: from the first to the last.
  public init(_ layers: [any Layer]) { self.layers = layers }

  /// A rectifier right behind a normalization is computed in the same pass.
  public func callAsFunction(_ input: consuming Tensor, _ mode: Mode) -> Tensor {
    var x = input
    var index = 0
    while index < layers.count {
      let layer = layers[index]
      let inner = mode.entering("\(index)")
      if let normalization = layer as? any FusedNormalization, index + 1 < layers.count,
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

  public func visit(_ visitor: inout some StateVisitor) {
    for (index, layer) in layers.enumerated() { visitor.visit(layer, "\(index)") }
  }
}

/// x + f(x) (He et al. 2016), with f's state under `name`; through a 1 × 1 convolution or the like where shapes differ.
public final class ResidualBlock: Layer {
  private let block: any Layer
  private let shortcut: (any Layer)?
  private let name: String

  /// - Parameters:
  ///   - block: f.
  ///   - shortcut: what x goes through; nothing where left out.
  ///   - name: under which f's state stands.
  public init(_ block: any Layer, shortcut: (any Layer)? = nil, name: String = "block") {
    (self.block, self.shortcut, self.name) = (block, shortcut, name)
  }

  public func callAsFunction(_ x: Tensor, _ mode: Mode) -> Tensor {
    let skipped = shortcut.map { $0(x, mode.entering("shortcut")) } ?? x
    return block(x, mode.entering(name)) + skipped
  }

  public func visit(_ visitor: inout some StateVisitor) {
    visitor.visit(block, name)
    if let shortcut { visitor.visit(shortcut, "shortcut") }
  }
}
