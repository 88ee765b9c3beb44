import MirageNetworks
import MirageSupport
import MirageTensors

/// Normalization after the convolutions of an image-to-image network.
public enum ImageNormalization: String, Sendable, Codable, CaseIterable {
  /// Normalizes each channel of each image, without parameters, so that training and inference compute the same (Ulyanov et al.
  /// 2016).
  case instance
  /// Normalizes each channel over the batch, with a trained scale and offset; inference uses running statistics.
  case batch
  /// No normalization.
  case none

  /// True if convolutions before the normalization have a bias: only before instance normalization, as published.
  var hasBias: Bool { self == .instance }

  /// Creates the layer. It has a place in a sequence even for `none`, which the published names of later layers count.
  ///
  /// - Parameters:
  ///   - channels: Number of channels.
  ///   - random: Source of the initial scales of `batch`, normal with mean 1 and deviation 0.02, as published.
  func layer(_ channels: Int, using random: inout Random) -> any Layer {
    switch self {
    case .instance: return InstanceNorm(channels)
    case .batch:
      let layer = BatchNorm(channels)
      // The scale is the first of the two.
      layer.parameters[0].value = .normal([channels], mean: 1, standardDeviation: 0.02, using: &random)
      return layer
    case .none: return Identity()
    }
  }
}

/// Layers of an image-to-image network that double the size.
public enum ImageUpsampling: String, Sendable, Codable, CaseIterable {
  /// A transposed convolution of stride 2, as published. It may leave checkerboard patterns.
  case transposed
  /// Pixels repeated in squares of 2 × 2, then a 3 × 3 convolution over reflected edges (Odena et al. 2016): without
  /// checkerboards, and twice the work of these layers.
  case resize
}

/// A layer that returns its input.
private struct Identity: Layer {
  func callAsFunction(_ x: consuming Tensor, _ mode: Mode) -> Tensor { x }
  func visit(_ visitor: inout some StateVisitor) {}
}
