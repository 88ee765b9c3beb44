import MirageNetworks
import MirageTensors

/// A generator that begins near the identity: what its layers compute is added to the image before the hyperbolic tangent.
///
/// The output is tanh(f(x) + artanh(0.95 x)) for a generator tanh(f(x)), computed without artanh as (s + t) / (1 + s t) with
/// s = 0.95 x and t = tanh(f(x)). With a last convolution of zeros it is 0.95 x; every output in -1 ... 1 can still be
/// reached, which a sum that is clamped cannot, and has a gradient, since s keeps a distance from ±1.
///
/// The sum stands around the published network and not in it, so the state has the names and shapes of the CycleGAN
/// repository's. A residual path of zeros within it would not do: instance normalization takes each image's brightness and
/// contrast out of the features.
package final class NearIdentityGenerator: Layer {
  private let generator: any Layer
  private let channels: Int

  /// Creates a generator around another one, whose last convolution begins with zeros.
  ///
  /// - Parameter channels: Number of channels of the images; further channels of the input, such as noise, are not added.
  package init(_ generator: any Layer, channels: Int) { (self.generator, self.channels) = (generator, channels) }

  package func callAsFunction(_ images: consuming Tensor, _ mode: Mode) -> Tensor {
    let input = images
    let added = generator(input, mode)
    let scaled = (input.shape[3] == channels ? input : input.sliced(axis: 3, 0..<channels)) * 0.95
    return (scaled + added) / (scaled * added + 1)
  }

  package func visit(_ visitor: inout some StateVisitor) { generator.visit(&visitor) }
}
