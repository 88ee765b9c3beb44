import MirageNetworks
import MirageSupport
import MirageTensors

/// Heads that project features of patches to unit vectors, an MLP with one hidden layer for each feature layer (CUT; Park
/// et al. 2020).
///
/// The state has the names of the CUT repository's state dicts: `mlp_0.0.weight`, `mlp_0.2.bias`.
package final class ProjectionHeads: Module {
  private let heads: [Sequential]

  /// Creates heads with normal weights of deviation 0.02 and biases of 0.
  ///
  /// - Parameters:
  ///   - channels: Number of channels of each layer's features.
  ///   - width: Size of hidden and projected vectors. Defaults to 256, as published.
  ///   - random: Source of the initial weights.
  package init(channels: [Int], width: Int = 256, using random: inout Random) {
    func linear(_ inputs: Int) -> Linear { Linear(inputs, width, initialized: .normal(), using: &random) }
    heads = channels.map { Sequential([linear($0), Activation.relu, linear(width)]) }
  }

  /// Projects features of patches, rows × channels of the layer at an index, to rows × width of length 1.
  package func callAsFunction(_ features: Tensor, layer index: Int, _ mode: Mode) -> Tensor {
    let projected = heads[index](features, mode.entering("mlp_\(index)"))
    // The addend gives vectors of 0 a gradient.
    return projected / (projected.square().sum(axes: [1], keepingDimensions: true) + 1e-12).sqrt()
  }

  package func visit(_ visitor: inout some StateVisitor) {
    for (index, head) in heads.enumerated() { visitor.visit(head, "mlp_\(index)") }
  }
}
