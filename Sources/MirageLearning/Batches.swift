import MirageSupport
import MirageMedia
import MirageStreams
import MirageTensors

/// Images and classes of some samples, as networks take them.
public struct Batch: Sendable {
  /// N × H × W × C, bytes as -1 ... 1.
  public var images: Tensor
  /// A class for each image; 0 for all where classes are not looked at.
  public var labels: [Int]
}

/// A flow of labeled images as batches of tensors, made ahead of their use.
public struct Batches: Sendable {
  /// Where the samples come from.
  public let flow: Flow<Sample>
  /// Samples a batch; the last may be smaller, and so may those that a filter took samples from.
  public let size: Int
  private let positions: [Int]?
  private let ignoresClasses: Bool
  /// What all images have to look like; nil where any will do, as long as those of a batch are alike.
  private var expected: (height: Int, width: Int, channels: Int)?

  /// - Parameters:
  ///   - positions: those of the flow that take part; all where left out.
  ///   - ignoresClasses: whether samples need no class.
  public init(_ flow: Flow<Sample>, size: Int, positions: [Int]? = nil, ignoresClasses: Bool = false) {
    (self.flow, self.size, self.positions) = (flow, max(1, size), positions)
    self.ignoresClasses = ignoresClasses
  }

  /// The same batches, in which an image of another size is an error.
  public func expecting(height: Int, width: Int, channels: Int) -> Batches {
    var batches = self
    batches.expected = (height, width, channels)
    return batches
  }

  /// The same batches, of some of the samples.
  ///
  /// - Parameter places: counted among those that take part.
  public func selecting(_ places: [Int]) -> Batches {
    var batches = Batches(
      flow, size: size, positions: places.map { positions?[$0] ?? $0 }, ignoresClasses: ignoresClasses)
    batches.expected = expected
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
    let order = isShuffled ? shuffling(seed, epoch) : nil
    // One batch after the other, a few ahead: the processors are for the training.
    return OrderedMap(0..<batches, workers: 1, bound: 4, priority: .utility) { index in
      let places = index * size..<min(count, (index + 1) * size)
      return try await batch(places.map { order?[$0] ?? $0 }, epoch)
    }
  }

  /// Full batches without end, epoch after epoch, each in another random order; a batch may hold the end of one and the
  /// beginning of the next.
  ///
  /// - Parameter first: the batch to begin with; those before it count as taken.
  /// - Throws: as `epoch`, and bad data where there is nothing to make batches of.
  public func endless(from first: Int, seed: UInt64) -> OrderedMap<Batch> {
    OrderedMap(first..<Int.max / size, workers: 1, bound: 4, priority: .utility) { index in
      guard count > 0 else { throw MirageError.badData("there is no sample to train on") }
      var whole: Batch?
      var next = index * size
      while next < (index + 1) * size {
        let (epoch, place) = next.quotientAndRemainder(dividingBy: count)
        let order = shuffling(seed, epoch)
        let places = place..<min(count, place + (index + 1) * size - next)
        let part = try await batch(places.map { order[$0] }, epoch)
        whole = whole.map { $0.joined(part) } ?? part
        next += places.count
      }
      return whole!
    }
  }

  private func shuffling(_ seed: UInt64, _ epoch: Int) -> Permutation {
    Permutation(count: max(1, count), key: Random.Key(seed: seed, path: "batches"), epoch: epoch)
  }

  private func batch(_ places: [Int], _ epoch: Int) async throws -> Batch {
    let run = Run(seed: flow.run.seed, epoch: epoch)
    let samples = try await flow.read(places.map { positions?[$0] ?? $0 }, run).compactMap { slot throws -> Sample? in
      switch slot {
      case .element(let sample): return sample
      case .absent: return nil
      case .failed(let error): throw error
      }
    }
    return try Batch(samples, expecting: expected, ignoresClasses: ignoresClasses)
  }
}

extension Batch {
  /// - Parameter expected: the size of all images; that of the first where left out.
  /// - Throws: bad data naming the sample that has no class or another size.
  init(
    _ samples: [Sample], expecting expected: (height: Int, width: Int, channels: Int)? = nil, ignoresClasses: Bool
  ) throws {
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
          remedy: "Bring all to one size, with resize or a crop, and to one color mode.")
      }
      guard let label = ignoresClasses ? 0 : sample.label?.index else {
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

  /// The samples of both; one of them may have none.
  package func joined(_ other: Batch) -> Batch {
    if labels.isEmpty { return other }
    if other.labels.isEmpty { return self }
    return Batch(images: concatenated([images, other.images], axis: 0), labels: labels + other.labels)
  }
}
