import Glibc
import MirageAdversarial
import MirageEvaluation
import MirageLearning
import MirageMedia
import MirageNetworks
import MirageStreams
import MirageSynthesis
import MirageTensors
import StreamsTestSupport

/// A generator that paints its label and its latent, and a classifier that reads the label back: samples of which every
/// test can tell what was asked for.
enum PaintedLabels {
  static let classes = ["ant", "bee", "cat", "dog", "eel"]

  /// The first pixel is the label; the others show the latent's first number.
  final class Painter: Generator {
    /// Batch sizes that were asked for.
    var sizes: [Int] = []

    func callAsFunction(_ latents: Tensor, _ condition: Condition, _ mode: Mode) -> Tensor {
      guard case .labels(let labels) = condition else { return latents }
      sizes.append(labels.count)
      let (values, width) = (latents.values, latents.shape[1])
      let pixels = labels.indices.flatMap { index -> [Float] in
        let level = max(-1, min(1, values[index * width] / 4))
        return [Float(labels[index]) * (2 / 255) - 1, level, level, level]
      }
      return Tensor(pixels, shape: [labels.count, 2, 2, 1])
    }

    func visit(_ visitor: inout some StateVisitor) {}
  }

  /// Gives the painted class the brightness of the second pixel as its probability, and class 0, or class 1 for images
  /// of class 0, all the rest.
  struct Reader: FeatureNetwork {
    let name = "a reader of painted labels"

    func predictions(of images: Tensor) -> (features: Tensor, logits: Tensor) {
      let values = images.values
      let logits = (0..<images.shape[0]).flatMap { index -> [Float] in
        let label = Int(((values[index * 4] + 1) * 127.5).rounded())
        let probability = max(1e-6, min(1 - 1e-6, (values[index * 4 + 1] + 1) / 2))
        var odds = [Float](repeating: 1e-9, count: PaintedLabels.classes.count)
        odds[label == 0 ? 1 : 0] = 1 - probability
        odds[label] = probability
        return odds.map { logf($0) }
      }
      return (images, Tensor(logits, shape: [images.shape[0], PaintedLabels.classes.count]))
    }
  }

  /// A source of 23 images of 2 × 2: ant, bee and cat have five each, dog and eel four.
  static let source = TestSource(count: 23, classes: classes, height: 2, width: 2)

  static func stage(
    _ emission: Emission, latents: GANModel.Latents = .normal, painter: Painter? = nil, like example: Sample? = nil,
    maps: [ScaledImage.AffineMap]? = nil
  ) throws -> EmittingStage {
    var model = GANModel()
    (model.network, model.latents, model.latent) = (.fullyConnected, latents, 3)
    let configuration = try GANConfiguration(model, shape: [2, 2, 1], classes: classes)
    let counted = Unchecked(painter)
    return EmittingStage(
      configuration, ImageCoding(height: 2, width: 2, channels: 1, maps: maps), emission, file: "painted",
      digest: "painted", classifierPath: "reader", like: example
    ) { (counted.value ?? Painter(), emission.threshold > 0 ? Reader() : nil) }
  }

  /// The samples of a stage after the source.
  static func flow(_ emission: Emission, latents: GANModel.Latents = .normal) throws -> Flow<Sample> {
    try stage(emission, latents: latents).apply(to: source.flow(in: Context()), at: .root.stage(0))
  }

  /// The label that an image shows.
  static func painted(_ sample: Sample) -> Int { Int(sample.bytes().pixels[0]) }

  /// The latent's first number that an image shows, times 32, plus 128.
  static func level(_ sample: Sample) -> Int { Int(sample.bytes().pixels[1]) }
}

/// Handed to one other thread at a time.
struct Unchecked<Value>: @unchecked Sendable {
  let value: Value
  init(_ value: Value) { self.value = value }
}
