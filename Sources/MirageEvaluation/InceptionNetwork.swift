import MirageSupport
import MirageNetworks
import MirageTensors

/// The Inception network (Szegedy et al. 2016) that generated images are measured with: its features are those of the
/// Fréchet Inception Distance (Heusel et al. 2017), its probabilities those of the Inception Score (Salimans et al. 2016).
///
/// Its weights are those that TensorFlow published on 2015-12-05, in the file `pt_inception-2015-12-05-6726825d.pth` of
/// the pytorch-fid project, about 91 MB, which is not part of Mirage. The network is the one that pytorch-fid builds: as
/// torchvision's, except that average pools do not count padding, that the last block has a maximum in place of an average,
/// and that there are 1008 classes. State: the names of that file. It is used for inference only.
///
///     let network = try InceptionNetwork(reading: "pt_inception-2015-12-05-6726825d.pth")
///     let features = network.features(images)
///     let probabilities = network.probabilities(fromFeatures: features)
public final class InceptionNetwork: Module {
  /// How many numbers `features` gives for an image.
  public static let featureCount = 2048
  /// How many classes there are, of which some have no meaning.
  public static let classCount = 1008
  /// Images are resized to this height and width.
  public static let side = 299

  /// Images that pass through the network at once: more need more memory and are not faster.
  private static let batchSize = 8

  private let trunk: InceptionPart
  private let weight = Parameter(.zeros([classCount, featureCount]))
  private let bias = Parameter(.zeros([classCount]))

  /// Reads pytorch-fid's file of weights, or a safetensors file of the same tensors.
  /// - Throws: as `Checkpoint.init(reading:)` and `init(_:)` do.
  public convenience init(reading path: String) throws { try self.init(Checkpoint(reading: path)) }

  /// - Parameter checkpoint: pytorch-fid's weights. An auxiliary classifier among them (`AuxLogits`) is ignored.
  /// - Throws: bad data naming the file and the first entry that is missing, has another shape, or belongs to nothing here.
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

  /// The features that distances between sets of images are computed from: the last average pool, called pool3.
  ///
  /// - Parameter images: N × H × W × C, bytes as -1 ... 1, of one or three channels. They are resized bilinearly without
  ///   antialiasing, as pytorch-fid does; a single channel stands for all three.
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

  /// The last layer on features.
  ///
  /// - Parameters:
  ///   - features: N × 2048.
  ///   - hasBias: whether the layer's bias is added. The Inception Score is defined by an implementation that leaves it
  ///     out, and torch-fidelity follows (`logits_unbiased`).
  /// - Returns: N × 1008.
  public func logits(fromFeatures features: Tensor, hasBias: Bool = false) -> Tensor {
    require(
      features.rank == 2 && features.shape[1] == Self.featureCount,
      "InceptionNetwork: features of \(features.shape), N × \(Self.featureCount) are needed")
    let logits = matmul(features.detached(), weight.value, transposeB: true)
    return hasBias ? logits + bias.value : logits
  }

  /// The probabilities of the classes that the Inception Score is computed from: the softmax of the logits without bias.
  ///
  /// - Parameter features: N × 2048.
  /// - Returns: N × 1008; each row has the sum 1.
  public func probabilities(fromFeatures features: Tensor) -> Tensor { logits(fromFeatures: features).softmax() }

  public func visit(_ visitor: inout some StateVisitor) {
    trunk.visit(&visitor)
    visitor.visit(weight, "fc.weight")
    visitor.visit(bias, "fc.bias")
  }
}
