import MirageSupport

extension Flow {
  /// A flow whose elements are computed from this flow's, a whole block of neighboring positions at a time: for
  /// networks, which take batches and whose last digits depend on how many samples are computed together.
  ///
  /// Block b holds positions b × `size` to (b + 1) × `size` - 1; the last one ends with the flow. Asked for any
  /// position, the flow reads the block's positions from upstream and passes all of them to `transform`, so that a
  /// result does not depend on which positions are read together. Positions keep their ids and labels.
  ///
  /// A block is computed by the first task that asks for it, and once for all that ask meanwhile. It is kept for later
  /// requests of the same seed and epoch, within `limit` bytes; the least recently used blocks go first. Errors are not
  /// kept.
  ///
  /// Not done: blocks are not computed ahead, and not more than one at a time in the same task. An error that
  /// `transform` throws ends the flow whatever the error policy; the failure of one sample is a slot.
  ///
  /// - Parameters:
  ///   - size: positions in a block, at least 1.
  ///   - limit: bytes of the blocks that are kept. Defaults to 256 MiB.
  ///   - bytes: size of an element in bytes, such as `\.byteCount` for samples.
  ///   - transform: one slot for each position of the block, in their order. It runs in the task that reads, and sees
  ///     the run without its shard.
  public func mapBlocks<Output: Sendable>(
    of size: Int, keeping limit: Int = 256 << 20, bytes: @escaping @Sendable (Output) -> Int,
    transform: @escaping @Sendable (Chunk<Element>, Run) async throws -> [Slot<Output>]
  ) -> Flow<Output> {
    let read = read
    var blocks = Flow<Output>.generated(
      count: count, inBlocksOf: size, about: about, keeping: limit, bytes: bytes, locate: locate
    ) { positions, run in
      let slots = try await read(Array(positions), run)
      try Task.checkCancellation()
      return try await transform(Chunk(positions: positions, slots: slots), run)
    }
    blocks.run = run
    return blocks
  }

  /// A flow without upstream, whose elements are made a whole block of neighboring positions at a time: samples of a
  /// generator.
  ///
  /// Blocks lie, are computed and are kept as those of `mapBlocks`.
  ///
  /// - Parameters:
  ///   - count: number of positions.
  ///   - size: positions in a block, at least 1.
  ///   - dependsOnEpoch: whether another epoch has other elements. If not, `generate` always sees epoch 0, and one
  ///     epoch's blocks serve all.
  ///   - limit: bytes of the blocks that are kept. Defaults to 256 MiB.
  ///   - bytes: size of an element in bytes, such as `\.byteCount` for samples.
  ///   - locate: the id and label of a position.
  ///   - generate: one slot for each of the given positions, which are a block.
  public static func generated(
    count: Int, inBlocksOf size: Int, about: DatasetInfo, dependsOnEpoch: Bool = true, keeping limit: Int = 256 << 20,
    bytes: @escaping @Sendable (Element) -> Int, locate: @escaping @Sendable (Int, Run) throws -> SampleHeader,
    generate: @escaping @Sendable (Range<Int>, Run) async throws -> [Slot<Element>]
  ) -> Flow {
    let size = Swift.max(1, size)
    let cache = BlockCache<[Slot<Element>]>(limit: limit) { slots in
      slots.reduce(slots.count * MemoryLayout<Slot<Element>>.stride) { sum, slot in
        if case .element(let element) = slot { sum + bytes(element) } else { sum }
      }
    }
    return Flow(
      count: count, about: about.changed { $0.chunkSize = Swift.min($0.chunkSize, size) }, locate: locate,
      read: { positions, run in
        var (run, slots) = (run, [Slot<Element>](repeating: .absent, count: positions.count))
        run.shard = .whole
        if !dependsOnEpoch { run.epoch = 0 }
        // Each block once, in the order of its first position: the cache may hold no more than one of them.
        var wanted: [(block: Int, places: [Int])] = []
        var ranks: [Int: Int] = [:]
        for (place, position) in positions.enumerated() {
          let block = position / size
          if let rank = ranks[block] {
            wanted[rank].places.append(place)
          } else {
            ranks[block] = wanted.count
            wanted.append((block, [place]))
          }
        }
        for (block, places) in wanted {
          let range = block * size..<Swift.min(count, (block + 1) * size)
          let key = BlockCache<[Slot<Element>]>.Key(
            seed: run.seed, epoch: run.epoch, recordsDraws: run.recordsDraws, index: block)
          let found = try await cache.value(key) { [run] in
            let made = try await generate(range, run)
            guard made.count == range.count else {
              throw MirageError(.badPipeline, "a block of \(range.count) positions was given \(made.count) slots")
            }
            return made
          }
          for place in places { slots[place] = found[positions[place] - range.lowerBound] }
        }
        return slots
      })
  }
}

extension Sample {
  /// Memory that the content takes, in bytes.
  public var byteCount: Int {
    switch content {
    case .image, .audio, .scaled: format.count * (format.numbers == .bytes ? 1 : 4)
    case .vacant: 0
    }
  }
}
