import MirageAdversarial
import MirageEvaluation
import MirageSupport
import MirageMedia
import MirageNetworks
import MirageStreams
import MirageTensors

/// Makes synthetic samples: sample number n is the same whoever asks for it, and however many at once.
///
/// Samples are made in blocks of 64 numbers, always whole, since a processor's last digits depend on how many are computed
/// together. Blocks are kept as far as memory allows: whoever asks in random order would else have each made many times.
@TensorActor
final class Emitter {
  /// One sample, or why there is none.
  enum Made: Sendable {
    /// - Parameter attempts: how many were drawn before the classifier took one for its class; 1 where it was not asked.
    case image(Image, attempts: Int)
    case rejected(attempts: Int)
  }

  nonisolated static let block = 64
  /// Bytes of images that are kept.
  private static let memoryLimit = 256 << 20
  private let model: ModelFile
  private let generator: any Generator
  private let order: EmissionOrder
  private let emission: Emission
  private let key: Random.Key
  private let classifier: ImageClassifier?
  private var blocks: [Int: [Made]] = [:]
  /// The blocks that are kept, the oldest first.
  private var kept: [Int] = []
  private let keptLimit: Int

  /// - Parameters:
  ///   - key: what latents are drawn from.
  ///   - classifierPath: of the classifier that rejects samples, where the emission has a threshold.
  init(_ model: ModelFile, _ emission: Emission, _ order: EmissionOrder, key: Random.Key, classifierPath: String?)
    throws
  {
    (self.model, self.order, self.emission, self.key) = (model, order, emission, key)
    generator = try model.generator()
    let size = model.configuration
    keptLimit = max(8, Self.memoryLimit / (Self.block * size.height * size.width * size.channels))
    guard emission.threshold > 0 else {
      classifier = nil
      return
    }
    guard let classifierPath else {
      throw MirageError(
        .badPipeline, "emit.threshold needs a classifier, and the GAN was trained without one",
        remedy: "Name one that mirage train-classifier wrote, with emit.classifier.")
    }
    let own = model.configuration
    classifier = try ImageClassifier(
      .init(height: own.height, width: own.width, channels: own.channels, classes: own.classes),
      from: Checkpoint(reading: classifierPath))
  }

  /// The samples of the given numbers.
  func samples(_ ordinals: [Int]) throws -> [Made] {
    try ordinals.map { ordinal in
      let (index, place) = ordinal.quotientAndRemainder(dividingBy: Self.block)
      if let known = blocks[index] { return known[place] }
      try Task.checkCancellation()
      let made = try make(index)
      if kept.count == keptLimit { blocks[kept.removeFirst()] = nil }
      kept.append(index)
      blocks[index] = made
      return made[place]
    }
  }

  private func make(_ index: Int) throws -> [Made] {
    let ordinals = index * Self.block..<(index + 1) * Self.block
    // Those behind the last are made and thrown away.
    let labels = ordinals.map { order.label(of: min($0, order.count - 1)) }
    var made = [Made](repeating: .rejected(attempts: emission.attempts), count: Self.block)
    var left = Array(0..<min(Self.block, order.count - ordinals.lowerBound))
    let attempts = classifier == nil ? 1 : emission.attempts
    for attempt in 1...attempts where !left.isEmpty {
      try Task.checkCancellation()
      let images = generator(latents(ordinals, attempt), labels, .inference)
      let pictures = images.images()
      guard let classifier else { return pictures.map { .image($0, attempts: 1) } }
      let probabilities = classifier(images.roundedToBytes(), .inference).softmax().values
      left.removeAll { place in
        let classes = model.configuration.classes.count
        guard Double(probabilities[place * classes + labels[place]]) >= emission.threshold else { return false }
        made[place] = .image(pictures[place], attempts: attempt)
        return true
      }
    }
    return made
  }

  /// A latent for each number and attempt, whatever others are drawn.
  private func latents(_ ordinals: Range<Int>, _ attempt: Int) -> Tensor {
    let each = ordinals.map { ordinal in
      var random = Random(key: key, sample: UInt64(ordinal), epoch: attempt)
      return model.configuration.latents(1, truncation: Float(emission.truncation), using: &random)
    }
    return concatenated(each, axis: 0)
  }
}
