import MirageMedia
import MirageStreams
import MirageSupport
import MirageTensors

/// Rows and classes of some samples, as input of networks.
public struct Batch: Sendable {
  /// N rows in the shape of the coding: N × height × width × channels for images, with bytes as -1 ... 1.
  public var images: Tensor
  /// A class for each row; 0 for all if classes are ignored.
  public var labels: [Int]

  package init(images: Tensor, labels: [Int]) { (self.images, self.labels) = (images, labels) }
}

/// Batches of tensors from a flow of samples, prepared ahead of their use.
public struct Batches: Sendable {
  /// Flow that the samples come from.
  public let flow: Flow<Sample>
  /// Number of samples per batch. The last batch of an epoch, and batches with filtered samples, can be smaller.
  public let size: Int
  /// Number of batches prepared concurrently, ahead of their use. It does not change their content. Defaults to 1.
  public var workers = 1
  private let positions: [Int]?
  private let ignoresClasses: Bool
  /// Conversion of samples to rows; nil for images of any size, provided that those of a batch are alike.
  package private(set) var coding: (any SampleCoding)?

  /// Creates batches of a flow's samples.
  ///
  /// - Parameters:
  ///   - flow: flow that the samples come from.
  ///   - size: number of samples per batch; at least 1 is used.
  ///   - positions: positions of the samples in the flow; all by default.
  ///   - ignoresClasses: whether samples need no class.
  public init(_ flow: Flow<Sample>, size: Int, positions: [Int]? = nil, ignoresClasses: Bool = false) {
    (self.flow, self.size, self.positions) = (flow, max(1, size), positions)
    self.ignoresClasses = ignoresClasses
  }

  /// Returns the same batches with a coding; a sample of another format is an error.
  public func expecting(_ coding: any SampleCoding) -> Batches {
    var batches = self
    batches.coding = coding
    return batches
  }

  /// Returns the same batches of some of the samples.
  ///
  /// - Parameter places: indices among the samples of these batches.
  public func selecting(_ places: [Int]) -> Batches {
    var batches = Batches(
      flow, size: size, positions: places.map { positions?[$0] ?? $0 }, ignoresClasses: ignoresClasses)
    (batches.coding, batches.workers) = (coding, workers)
    return batches
  }

  /// Number of samples, including those that a filter removes.
  public var count: Int { positions?.count ?? flow.count }

  /// Number of batches in an epoch.
  public var batches: Int { (count + size - 1) / size }

  /// Returns the batches of one pass, which throw the first failure of a sample when they are iterated.
  ///
  /// - Parameters:
  ///   - epoch: index of the pass, which determines the draws of augmentations.
  ///   - isShuffled: whether samples are in a random order, which differs between epochs.
  ///   - seed: random seed of the order.
  /// - Throws: bad data if a sample has no class or the images differ in size, when the batches are iterated.
  package func epoch(_ epoch: Int, isShuffled: Bool, seed: UInt64) -> OrderedMap<Batch> {
    ahead(0..<batches) { index in
      let order = isShuffled ? shuffling(seed, epoch) : nil
      let places = index * size..<min(count, (index + 1) * size)
      return try await batch(places.map { order?[$0] ?? $0 }, epoch)
    }
  }

  /// Returns the batches with the given indices, counted from the beginning of the first of many shuffled passes.
  /// - Throws: as `epoch`.
  package func passes(_ steps: Range<Int>, seed: UInt64) -> OrderedMap<Batch> {
    ahead(steps) { step in
      let (epoch, index) = step.quotientAndRemainder(dividingBy: batches)
      let order = shuffling(seed, epoch)
      return try await batch((index * size..<min(count, (index + 1) * size)).map { order[$0] }, epoch)
    }
  }

  /// Returns full batches without end, epoch after epoch in different random orders; a batch may hold the end of one
  /// epoch and the beginning of the next. The first batch follows `first` samples that count as seen.
  /// - Throws: as `epoch`, and bad data if there are no samples.
  package func endless(fromSample first: Int, seed: UInt64) -> OrderedMap<Batch> {
    ahead(0..<(Int.max - first) / size) { try await full(at: first + $0 * size, seed: seed) }
  }

  /// Returns batches without end, each composed of a batch of every part. All parts have the same classes and formats.
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

  /// Returns batches without end that come from each part in turn, in an order of its own, or in one for all.
  ///
  /// - Parameters:
  ///   - parts: Batches of equal size; formats and classes may differ.
  ///   - first: Number of batches that count as taken.
  ///   - seed: Random seed of the orders.
  ///   - sharingOrder: Whether all parts have the same order, since their samples are pairs; the parts are then of equal
  ///     length.
  /// - Throws: The errors of `endless`.
  package static func alternating(
    _ parts: [Batches], fromBatch first: Int, seed: UInt64, sharingOrder: Bool = false
  ) -> OrderedMap<Batch> {
    parts[0].ahead(first..<Int.max / parts.map(\.size).max()!) { index in
      let (round, part) = index.quotientAndRemainder(dividingBy: parts.count)
      // With one order for all, a copy of the other part would come paired.
      return try await parts[part].full(at: round * parts[part].size, seed: seed &+ UInt64(sharingOrder ? 0 : part))
    }
  }

  private func ahead(
    _ indices: Range<Int>, _ make: @escaping @Sendable (Int) async throws -> Batch
  ) -> OrderedMap<Batch> {
    // Few batches at low priority, since the processors are for the training.
    OrderedMap(indices, workers: workers, bound: max(4, workers), priority: .utility, work: make)
  }

  /// Returns a full batch that begins with the sample at an index of the endless sequence.
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
  /// - Parameter coding: conversion to rows. Defaults to bytes of images like the first sample's.
  /// - Throws: bad data naming the sample that has no class or another format.
  package init(_ samples: [Sample], coding: (any SampleCoding)? = nil, ignoresClasses: Bool) throws {
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

  /// Returns the samples of both batches; either may be empty.
  func joined(_ other: Batch) -> Batch {
    if labels.isEmpty { return other }
    if other.labels.isEmpty { return self }
    return Batch(images: concatenated([images, other.images], axis: 0), labels: labels + other.labels)
  }
}
