import MirageSupport

/// A recipe for an asynchronous sequence of samples. Position p of a flow depends on p and the run alone, so any part
/// of it can be computed anywhere, in any order, any number of times.
///
/// Iterating it gives the elements of the run's shard in order, computed by as many workers as there are processors;
/// the first failure of a sample is thrown.
public struct Flow<Element: Sendable>: AsyncSequence, Sendable {
  /// Number of positions, including those that a filter emptied.
  public let count: Int
  /// Seed, epoch and shard that iteration uses. Defaults to seed 0, epoch 0 and the whole flow.
  public internal(set) var run: Run
  /// Properties of the data as a whole.
  public let about: DatasetInfo
  /// Returns the id and label of a position without reading it.
  public let locate: @Sendable (Int, Run) throws -> SampleHeader
  /// Returns one slot for each of the given positions, in their order. Positions may repeat and need not be sorted.
  public let read: @Sendable ([Int], Run) async throws -> [Slot<Element>]

  public init(
    count: Int, run: Run = Run(), about: DatasetInfo, locate: @escaping @Sendable (Int, Run) throws -> SampleHeader,
    read: @escaping @Sendable ([Int], Run) async throws -> [Slot<Element>]
  ) {
    (self.count, self.run, self.about, self.locate, self.read) = (count, run, about, locate, read)
  }

  /// Returns the same flow for another seed, epoch or shard.
  public func running(_ run: Run) -> Flow {
    Flow(count: count, run: run, about: about, locate: locate, read: read)
  }

  /// Computes every element of `range` through `transform`, chunk by chunk, in parallel, in order.
  package func processed<Output: Sendable>(
    _ range: Range<Int>, in context: Context, transform: @escaping @Sendable (Element) throws -> Output
  ) -> OrderedMap<Chunk<Output>> {
    let (run, chunkSize) = (run, about.chunkSize)
    let read = mapElements(stage: "the output") { .element(try transform($0)) }.read
    return OrderedMap(
      0..<(range.count + chunkSize - 1) / chunkSize, workers: context.workers, bound: 2 * context.workers
    ) { index in
      let start = range.lowerBound + index * chunkSize
      let positions = start..<Swift.min(start + chunkSize, range.upperBound)
      try Task.checkCancellation()
      return Chunk(positions: positions, slots: try await read(Array(positions), run))
    }
  }

  public func makeAsyncIterator() -> Iterator {
    Iterator(chunks: processed(run.shard.range(of: count), in: Context()) { $0 }.makeAsyncIterator())
  }

  public struct Iterator: AsyncIteratorProtocol {
    fileprivate var chunks: OrderedMap<Chunk<Element>>.Iterator
    private var slots: [Slot<Element>] = []
    private var offset = 0
    private var hasFailed = false

    fileprivate init(chunks: OrderedMap<Chunk<Element>>.Iterator) { self.chunks = chunks }

    public mutating func next() async throws -> Element? {
      while true {
        while offset < slots.count, !hasFailed {
          offset += 1
          switch slots[offset - 1] {
          case .element(let element): return element
          case .absent: continue
          case .failed(let error):
            hasFailed = true
            throw error
          }
        }
        if hasFailed { return nil }
        guard let chunk = try await chunks.next() else { return nil }
        slots = chunk.slots
        offset = 0
      }
    }
  }
}

/// The result of reading a position: an element, nothing (filtered out), or the failure of one sample, which the error
/// policy handles.
public enum Slot<Element: Sendable>: Sendable {
  case element(Element), absent, failed(SampleError)
}

/// Slots of neighboring positions.
public struct Chunk<Element: Sendable>: Sendable {
  /// Positions in the flow.
  public let positions: Range<Int>
  /// One slot for each position, in order.
  public let slots: [Slot<Element>]
}

/// The id and label of a position, known without reading it.
public struct SampleHeader: Sendable, Equatable {
  /// Identifier of the sample.
  public var id: SampleID
  /// Index of the class; nil if the sample has none, or if it is known only after reading (after mixup).
  public var label: Int?

  public init(id: SampleID, label: Int?) { (self.id, self.label) = (id, label) }
}

/// Properties of the data as a whole, as determined by a source and the stages after it.
public struct DatasetInfo: Sendable {
  /// Names of the classes, in the order of their indices; empty if samples have no class.
  public var classes: [String] { didSet { folders = folderNames(classes) } }
  /// Names of the classes' folders, computed once because there can be thousands.
  private(set) var folders: [String]
  /// Files that the data comes from, or the directories that hold them.
  public var inputs: [String]
  /// Number of positions per chunk of work, chosen so that a chunk takes about a millisecond.
  public var chunkSize: Int
  /// Kind of media. Defaults to images.
  public var domain = Format.Domain.image
  /// Storage type of the numbers: bytes, or floats after scale or normalize. Defaults to bytes.
  public var numbers = Format.Numbers.bytes
  /// True if labels may be distributions. Defaults to false.
  public var hasSoftLabels = false
  /// True if the samples at the positions change with the epoch. Defaults to false.
  public var isReordered = false
  /// Number of sources that the ids distinguish. Defaults to 1.
  public var sources = 1

  public init(classes: [String], inputs: [String], chunkSize: Int) {
    self.classes = classes
    folders = folderNames(classes)
    (self.inputs, self.chunkSize) = (inputs, chunkSize)
  }

  /// True if cancellation is checked before each sample. If not, chunks are short enough to be finished.
  var isCostly: Bool { chunkSize < 64 }

  /// Returns a copy to which `change` was applied.
  public func changed(_ change: (inout DatasetInfo) -> Void) -> DatasetInfo {
    var info = self
    change(&info)
    return info
  }
}
