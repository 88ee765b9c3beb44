import MirageSupport

/// A recipe for an asynchronous sequence of samples. Position p of a flow depends on p and the run alone, so any part of
/// it can be computed anywhere, in any order, again.
///
/// Iterating it gives the elements of the run's shard in order, computed by as many workers as there are processors; the
/// first failure of a sample is thrown.
public struct Flow<Element: Sendable>: AsyncSequence, Sendable {
  /// How many positions there are.
  public let count: Int
  public internal(set) var run: Run
  public let about: DatasetInfo
  /// The id and label of a position, known without reading it.
  public let locate: @Sendable (Int, Run) throws -> Place
  /// One slot for each of the given positions, in their order; they may repeat and need not be sorted.
  public let read: @Sendable ([Int], Run) async throws -> [Slot<Element>]

  public init(
    count: Int, run: Run = Run(), about: DatasetInfo, locate: @escaping @Sendable (Int, Run) throws -> Place,
    read: @escaping @Sendable ([Int], Run) async throws -> [Slot<Element>]
  ) {
    (self.count, self.run, self.about, self.locate, self.read) = (count, run, about, locate, read)
  }

  /// The same recipe in another epoch, shard or seed.
  public func running(_ run: Run) -> Flow {
    Flow(count: count, run: run, about: about, locate: locate, read: read)
  }

  /// Computes every element of `range` through `transform`, chunk by chunk, in parallel, in order.
  package func processed<Output: Sendable>(
    _ range: Range<Int>, in context: Context, transform: @escaping @Sendable (Element) throws -> Output
  ) -> OrderedMap<Chunk<Output>> {
    let (run, grain) = (run, about.grain)
    let read = mapElements(stage: "the output") { .element(try transform($0)) }.read
    return OrderedMap(
      0..<(range.count + grain - 1) / grain, workers: context.workers, bound: 2 * context.workers
    ) { index in
      let start = range.lowerBound + index * grain
      let positions = start..<Swift.min(start + grain, range.upperBound)
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

/// A position yields an element, or nothing (filtered out), or the failure of one sample, for the policy to decide.
public enum Slot<Element: Sendable>: Sendable {
  case element(Element), absent, failed(SampleError)
}

/// Slots of neighboring positions.
public struct Chunk<Element: Sendable>: Sendable {
  public let positions: Range<Int>
  public let slots: [Slot<Element>]
}

/// What is known of a position without reading it.
public struct Place: Sendable, Equatable {
  public var id: SampleID
  /// The class; nil where the sample has none, or one that only reading tells (after mixup).
  public var label: Int?

  public init(id: SampleID, label: Int?) { (self.id, self.label) = (id, label) }
}

/// What a source and the stages behind it say of the data as a whole.
public struct DatasetInfo: Sendable {
  /// The classes' names, in the order of their indices; empty where samples have no class.
  public var classes: [String] { didSet { folders = folderNames(classes) } }
  /// The names of folders for the classes: found once, since there can be thousands.
  private(set) var folders: [String]
  /// The files the data comes from, or the directories that hold them.
  public var inputs: [String]
  /// How many positions make a good chunk of work: about a millisecond.
  public var grain: Int
  /// Kind of media that flows.
  public var domain = Format.Domain.image
  /// Whether contents are bytes or, after scale or normalize, floats.
  public var numbers = Format.Numbers.bytes
  /// Whether labels may be distributions.
  public var hasSoftLabels = false
  /// Whether another epoch puts other samples at the positions.
  public var isReordered = false
  /// How many sources the ids tell apart.
  public var sources = 1

  public init(classes: [String], inputs: [String], grain: Int) {
    self.classes = classes
    folders = folderNames(classes)
    (self.inputs, self.grain) = (inputs, grain)
  }

  /// Whether a sample is worth asking, before each, if the work was cancelled; else the chunk is soon done.
  var isCostly: Bool { grain < 64 }

  /// The same with a change.
  public func changed(_ change: (inout DatasetInfo) -> Void) -> DatasetInfo {
    var info = self
    change(&info)
    return info
  }
}
