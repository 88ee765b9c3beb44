import Foundations
import Media
import Streams
import Tensors

/// Images and classes of some samples, as networks take them.
public struct Batch: Sendable {
  /// N × H × W × C, bytes as -1 ... 1.
  public var images: Tensor
  /// A class for each image.
  public var labels: [Int]
}

/// A flow of labelled images as batches of tensors, made ahead of their use.
public struct Batches: Sendable {
  /// Where the samples come from.
  public let flow: Flow<Sample>
  /// Samples a batch; the last may be smaller, and so may those that a filter took samples from.
  public let size: Int
  private let positions: [Int]?
  /// What all images have to look like; nil where any will do, as long as those of a batch are alike.
  private var expected: (height: Int, width: Int, channels: Int)?

  /// - Parameter positions: those of the flow that take part; all where left out.
  public init(_ flow: Flow<Sample>, size: Int, positions: [Int]? = nil) {
    (self.flow, self.size, self.positions) = (flow, max(1, size), positions)
  }

  /// The same batches, in which an image of another size is an error.
  public func expecting(height: Int, width: Int, channels: Int) -> Batches {
    var batches = self
    batches.expected = (height, width, channels)
    return batches
  }

  /// How many samples there are, those that a filter takes away included.
  public var count: Int { positions?.count ?? flow.count }

  /// How many batches an epoch has.
  public var batches: Int { (count + size - 1) / size }

  /// The batches of one pass.
  ///
  /// - Parameters:
  ///   - epoch: augmentations draw anew in each.
  ///   - isShuffled: whether the samples come in another random order in each epoch.
  /// - Throws: while it is iterated, the first failure of a sample; bad data where a sample has no class or the images
  ///   differ in size.
  public func epoch(_ epoch: Int, isShuffled: Bool, seed: UInt64) -> OrderedMap<Batch> {
    let order = Permutation(count: max(1, count), key: Random.Key(seed: seed, path: "batches"), epoch: epoch)
    let (flow, size, count, positions, expected) = (flow, size, count, positions, expected)
    let run = Run(seed: flow.run.seed, epoch: epoch)
    // One batch after the other, a few ahead: the processors are for the training.
    return OrderedMap(0..<batches, workers: 1, bound: 4, priority: .utility) { index in
      let range = index * size..<min(count, (index + 1) * size)
      let chosen = range.map { place in
        let place = isShuffled ? order[place] : place
        return positions?[place] ?? place
      }
      let samples = try await flow.read(chosen, run).compactMap { slot throws -> Sample? in
        switch slot {
        case .element(let sample): return sample
        case .absent: return nil
        case .failed(let error): throw error
        }
      }
      return try Batch(samples, expecting: expected)
    }
  }
}

extension Batch {
  /// - Parameter expected: the size of all images; that of the first where left out.
  /// - Throws: bad data naming the sample that has no class or another size.
  init(_ samples: [Sample], expecting expected: (height: Int, width: Int, channels: Int)? = nil) throws {
    guard let first = samples.first else {
      self.init(images: .zeros([0, 1, 1, 1]), labels: [])
      return
    }
    let size = expected ?? first.size
    var values: [Float] = []
    values.reserveCapacity(samples.count * size.height * size.width * size.channels)
    var labels: [Int] = []
    for sample in samples {
      guard sample.size == size else {
        throw MirageError.badData(
          "sample \(sample.id) is \(sample.size.height) x \(sample.size.width) x \(sample.size.channels), others are "
            + "\(size.height) x \(size.width) x \(size.channels)", file: sample.origin.description,
          remedy: "Bring all to one size, with resize or a crop, and to one colour mode.")
      }
      guard let label = sample.label?.index else {
        throw MirageError.badData(
          "sample \(sample.id) has no class", file: sample.origin.description,
          remedy: "Use a dataset whose samples have classes.")
      }
      for byte in sample.bytes().pixels { values.append(Float(byte) * (2 / 255) - 1) }
      labels.append(label)
    }
    self.init(
      images: Tensor(values, shape: [samples.count, size.height, size.width, size.channels]), labels: labels)
  }
}
