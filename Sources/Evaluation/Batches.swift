import Foundations
import Media
import Streams
import Tensors

/// Images and classes of some samples, as networks take them.
public struct Batch: Sendable {
  /// N × H × W × C, bytes as -1 ... 1.
  public var images: Tensor
  public var labels: [Int]
}

/// A flow of labelled images as batches of tensors, made ahead of their use.
public struct Batches: Sendable {
  public let flow: Flow<Sample>
  /// Samples a batch; the last may be smaller, and so may those that a filter took samples from.
  public let size: Int
  private let positions: [Int]?

  /// - Parameter positions: those of the flow that take part; all where left out.
  public init(_ flow: Flow<Sample>, size: Int, positions: [Int]? = nil) {
    precondition(size > 0, "batches of \(size)")
    (self.flow, self.size, self.positions) = (flow, size, positions)
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
    let (flow, size, count, positions) = (flow, size, count, positions)
    let run = Run(seed: flow.run.seed, epoch: epoch)
    return OrderedMap(0..<batches, workers: 1, bound: 4) { index in
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
      return try Batch(samples)
    }
  }
}

extension Batch {
  /// - Throws: bad data naming the sample that has no class or another size than the first.
  init(_ samples: [Sample]) throws {
    guard let first = samples.first else {
      self.init(images: .zeros([0, 1, 1, 1]), labels: [])
      return
    }
    let size = first.size
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
