import MirageSupport
import MirageNetworks
import MirageTensors

/// Inception network (Szegedy et al. 2016) that generated images are evaluated with: the Fréchet Inception Distance
/// (Heusel et al. 2017) uses its features, the Inception Score (Salimans et al. 2016) its probabilities.
///
/// The weights are those that TensorFlow published on 2015-12-05, in the file `pt_inception-2015-12-05-6726825d.pth` of
/// the pytorch-fid project (about 91 MB, not part of Mirage). The network is the same as pytorch-fid's: torchvision's
/// Inception v3, except that average pooling does not count padding, that the last block uses max pooling instead of
/// average pooling, and that there are 1008 classes. State names are those of the file. The network is for inference only.
///
///     let network = try InceptionNetwork(reading: "pt_inception-2015-12-05-6726825d.pth")
///     let (features, logits) = network.predictions(of: images)
///     let probabilities = logits.softmax()
public final class InceptionNetwork: Module {
  /// Number of features per image.
  package static let featureCount = 2048
  /// Number of classes, some of which have no meaning.
  package static let classCount = 1008
  /// Height and width that images are resized to, in pixels.
  package static let side = 299

  /// Number of images computed at once: more images need more memory and are not faster.
  private static let batchSize = 8

  private let trunk: InceptionPart
  private let weight = Parameter(.zeros([classCount, featureCount]))
  private let bias = Parameter(.zeros([classCount]))

  /// Reads the network from pytorch-fid's file of weights, or from a safetensors file of the same tensors.
  ///
  /// - Throws: As `Checkpoint.init(reading:)` and `init(_:)`.
  public convenience init(reading path: String) throws { try self.init(Checkpoint(reading: path)) }

  /// Creates the network from a checkpoint.
  ///
  /// - Parameter checkpoint: Weights of pytorch-fid. Those of the auxiliary classifier (`AuxLogits`) are ignored.
  /// - Throws: `MirageError` of kind `badData`, which names the file and the first entry that is missing, unknown or of
  ///   another shape.
  public init(_ checkpoint: Checkpoint) throws {
    trunk = .inception()
    var checkpoint = checkpoint
    checkpoint.tensors = checkpoint.tensors.filter { !$0.key.hasPrefix("AuxLogits.") }
    do {
      try checkpoint.restore(self)
    } catch var error as MirageError {
      error.message = "these are not the weights of the Inception network: \(error.message)"
      error.remedy =
        "Use pt_inception-2015-12-05-6726825d.pth, which the pytorch-fid project publishes, or its tensors as safetensors."
      throw error
    }
  }

  /// Computes features of images: the output of the last average pooling, called pool3.
  ///
  /// - Parameter images: N × H × W × C in -1 ... 1, of one or three channels. They are resized bilinearly to 299 × 299
  ///   without antialiasing, as in pytorch-fid; a single channel is used for all three.
  /// - Returns: N × 2048, at least 0.
  public func features(_ images: Tensor) -> Tensor {
    require(
      images.rank == 4 && [1, 3].contains(images.shape[3]),
      "InceptionNetwork: images of \(images.shape), N × H × W × 1 or N × H × W × 3 are needed")
    let count = images.shape[0]
    if count == 0 { return .zeros([0, Self.featureCount]) }
    let parts = stride(from: 0, to: count, by: Self.batchSize).map { start in
      let part = images.sliced(axis: 0, start..<min(count, start + Self.batchSize)).detached()
      let resized = part.resized(to: [Self.side, Self.side])
      return trunk(images.shape[3] == 3 ? resized : concatenated([resized, resized, resized], axis: 3), .inference)
        .mean(axes: [1, 2])
    }
    return concatenated(parts, axis: 0)
  }

  /// Computes logits from features, by the last layer.
  ///
  /// - Parameters:
  ///   - features: N × 2048.
  ///   - hasBias: Whether to add the layer's bias. Defaults to `false`: the implementation that defines the Inception
  ///     Score leaves it out, and torch-fidelity does too (`logits_unbiased`).
  /// - Returns: N × 1008.
  package func logits(fromFeatures features: Tensor, hasBias: Bool = false) -> Tensor {
    require(
      features.rank == 2 && features.shape[1] == Self.featureCount,
      "InceptionNetwork: features of \(features.shape), N × \(Self.featureCount) are needed")
    let logits = matmul(features.detached(), weight.value, transposeB: true)
    return hasBias ? logits + bias.value : logits
  }

  /// Computes the class probabilities of the Inception Score: the softmax of the logits without bias.
  ///
  /// - Parameter features: N × 2048.
  /// - Returns: N × 1008; each row sums to 1.
  package func probabilities(fromFeatures features: Tensor) -> Tensor { logits(fromFeatures: features).softmax() }

  /// Visits the parameters under the names of pytorch-fid's file.
  public func visit(_ visitor: inout some StateVisitor) {
    trunk.visit(&visitor)
    visitor.visit(weight, "fc.weight")
    visitor.visit(bias, "fc.bias")
  }
}
