import MirageMedia
import MirageStreams
import MirageSupport
import MirageTensors

/// Contents and classes of some samples, as networks take them.
public struct Batch: Sendable {
  /// N rows: N × height × width × channels for images, bytes as -1 ... 1; as the coding says.
  public var images: Tensor
  /// A class for each row; 0 for all if classes are ignored.
  public var labels: [Int]
}

/// A flow of samples as batches of tensors, made ahead of their use.
public struct Batches: Sendable {
  /// The flow that samples come from.
  public let flow: Flow<Sample>
  /// Number of samples in a batch; the last one of an epoch may be smaller, and so may those a filter took samples from.
  public let size: Int
  /// Number of batches made at once, ahead of their use. The batches are the same for any number.
  public var workers = 1
  private let positions: [Int]?
  private let ignoresClasses: Bool
  /// How rows are made; nil if images of any size will do as long as those of a batch are alike.
  package private(set) var coding: (any SampleCoding)?

  /// - Parameters:
  ///   - positions: those of the flow that take part; all by default.
  ///   - ignoresClasses: whether samples need no class.
  public init(_ flow: Flow<Sample>, size: Int, positions: [Int]? = nil, ignoresClasses: Bool = false) {
    (self.flow, self.size, self.positions) = (flow, max(1, size), positions)
    self.ignoresClasses = ignoresClasses
  }

  /// The same batches by a coding; a sample of another format is an error.
  public func expecting(_ coding: any SampleCoding) -> Batches {
    var batches = self
    batches.coding = coding
    return batches
  }

  /// The same batches, of some of the samples.
  ///
  /// - Parameter places: counted among those that take part.
  public func selecting(_ places: [Int]) -> Batches {
    var batches = Batches(
      flow, size: size, positions: places.map { positions?[$0] ?? $0 }, ignoresClasses: ignoresClasses)
    (batches.coding, batches.workers) = (coding, workers)
    return batches
  }

  /// Number of samples, those that a filter takes away included.
  public var count: Int { positions?.count ?? flow.count }

  /// Number of batches in an epoch.
  public var batches: Int { (count + size - 1) / size }

  /// The batches of one pass.
  ///
  /// - Parameters:
  ///   - epoch: augmentations draw again in each.
  ///   - isShuffled: whether the samples come in another random order in each epoch.
  /// - Throws: while it is iterated, the first failure of a sample; bad data if a sample has no class or the images differ
  ///   in size.
  package func epoch(_ epoch: Int, isShuffled: Bool, seed: UInt64) -> OrderedMap<Batch> {
    ahead(0..<batches) { index in
      let order = isShuffled ? shuffling(seed, epoch) : nil
      let places = index * size..<min(count, (index + 1) * size)
      return try await batch(places.map { order?[$0] ?? $0 }, epoch)
    }
  }

  /// The batches of shuffled passes, one pass after another.
  ///
  /// - Parameter steps: numbers of the batches, counted from the beginning of the first pass.
  /// - Throws: as `epoch`.
  package func passes(_ steps: Range<Int>, seed: UInt64) -> OrderedMap<Batch> {
    ahead(steps) { step in
      let (epoch, index) = step.quotientAndRemainder(dividingBy: batches)
      let order = shuffling(seed, epoch)
      return try await batch((index * size..<min(count, (index + 1) * size)).map { order[$0] }, epoch)
    }
  }

  /// Full batches without end, epoch after epoch, each in another random order; a batch may hold the end of one and the
  /// beginning of the next.
  ///
  /// - Parameter first: the number of samples that count as seen.
  /// - Throws: as `epoch`, and bad data if there is nothing to make batches of.
  package func endless(fromSample first: Int, seed: UInt64) -> OrderedMap<Batch> {
    ahead(0..<(Int.max - first) / size) { try await full(at: first + $0 * size, seed: seed) }
  }

  /// Batches without end that hold a batch of each part.
  ///
  /// - Parameter parts: of the same classes and formats, each with batches of its own size.
  /// - Throws: as `endless`.
  package static func mixing(_ parts: [Batches], seed: UInt64) -> OrderedMap<Batch> {
    parts[0].ahead(0..<Int.max / parts.map(\.size).max()!) { index in
      var whole: Batch?
      for part in parts {
        let more = try await part.full(at: index * part.size, seed: seed)
        whole = whole.map { $0.joined(more) } ?? more
      }
      return whole!
    }
  }

  private func ahead(
    _ indices: Range<Int>, _ make: @escaping @Sendable (Int) async throws -> Batch
  ) -> OrderedMap<Batch> {
    // A few batches ahead, at low priority: the processors are for the training.
    OrderedMap(indices, workers: workers, bound: max(4, workers), priority: .utility, work: make)
  }

  /// A full batch, whose first sample is the one at this place of the endless sequence.
  private func full(at first: Int, seed: UInt64) async throws -> Batch {
    guard count > 0 else { throw MirageError.badData("there is no sample to train on") }
    var whole: Batch?
    var next = first
    while next < first + size {
      let (epoch, place) = next.quotientAndRemainder(dividingBy: count)
      let order = shuffling(seed, epoch)
      let places = place..<min(count, place + first + size - next)
      let part = try await batch(places.map { order[$0] }, epoch)
      whole = whole.map { $0.joined(part) } ?? part
      next += places.count
    }
    return whole!
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
    return try Batch(samples, coding: coding, ignoresClasses: ignoresClasses)
  }
}

extension Batch {
  /// - Parameter coding: that of images like the first sample's, as bytes, if nil.
  /// - Throws: bad data naming the sample that has no class or another format.
  init(_ samples: [Sample], coding: (any SampleCoding)? = nil, ignoresClasses: Bool) throws {
    guard let first = samples.first else {
      self.init(images: .zeros([0, 1, 1, 1]), labels: [])
      return
    }
    let coding = coding ?? ImageCoding(like: first)
    var values: [Float] = []
    values.reserveCapacity(samples.count * coding.format.count)
    var labels: [Int] = []
    for sample in samples {
      guard sample.format.hasShape(of: coding.format) else {
        throw MirageError.badData(
          "sample \(sample.id) is \(sample.format), others are \(coding.format)", file: sample.origin.description,
          remedy: "Bring all to one size, with resize or a crop, and to one color mode.")
      }
      guard let label = ignoresClasses ? 0 : sample.label?.index else {
        throw MirageError.badData(
          "sample \(sample.id) has no class", file: sample.origin.description,
          remedy: "Use a dataset whose samples have classes.")
      }
      coding.append(sample, to: &values)
      labels.append(label)
    }
    self.init(images: Tensor(values, shape: [samples.count] + coding.shape), labels: labels)
  }

  /// The samples of both; one of them may have none.
  func joined(_ other: Batch) -> Batch {
    if labels.isEmpty { return other }
    if other.labels.isEmpty { return self }
    return Batch(images: concatenated([images, other.images], axis: 0), labels: labels + other.labels)
  }
}
