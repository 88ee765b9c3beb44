import MirageSupport

extension Flow {
  /// Returns a flow whose elements are computed from this flow's, a whole block of neighboring positions at a time. It
  /// serves networks, which take batches and whose rounding depends on the size of the batch.
  ///
  /// Block b holds positions b × `size` to (b + 1) × `size` - 1; the last one ends with the flow. To give any position,
  /// the flow reads its whole block from upstream and passes it to `transform`, so that a result does not depend on
  /// which positions are read together. Positions keep their ids and labels.
  ///
  /// A block is computed by the first task that requests it, and once for all that request it meanwhile. It is kept for
  /// later requests of the same seed and epoch, within `limit` bytes; the least recently used blocks are removed first.
  /// Errors are not kept.
  ///
  /// Blocks are not computed ahead, and a task computes one block at a time. An error that `transform` throws ends the
  /// flow whatever the error policy; the failure of one sample is returned as its slot.
  ///
  /// - Parameters:
  ///   - size: number of positions in a block, at least 1.
  ///   - limit: maximum size of the kept blocks in bytes. Defaults to 256 MiB.
  ///   - bytes: returns the size of an element in bytes, such as `\.byteCount` for samples.
  ///   - transform: returns one slot for each position of the block, in order. It runs in the task that reads, and gets
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

  /// Returns a flow without upstream, such as samples of a generator, whose elements are made a whole block of
  /// neighboring positions at a time.
  ///
  /// Blocks are arranged, computed and kept as those of `mapBlocks`.
  ///
  /// - Parameters:
  ///   - count: number of positions.
  ///   - size: number of positions in a block, at least 1.
  ///   - about: properties of the data as a whole.
  ///   - dependsOnEpoch: whether another epoch has other elements. If not, `generate` always gets epoch 0, and one
  ///     epoch's blocks serve all.
  ///   - limit: maximum size of the kept blocks in bytes. Defaults to 256 MiB.
  ///   - bytes: returns the size of an element in bytes, such as `\.byteCount` for samples.
  ///   - locate: returns the id and label of a position.
  ///   - generate: returns one slot for each of the given positions, which are a block.
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
        // Each block is requested once, in the order of its first position, since the cache may hold only one.
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
  /// Size of the content in bytes.
  public var byteCount: Int {
    switch content {
    case .image, .audio, .scaled: format.count * (format.numbers == .bytes ? 1 : 4)
    case .vacant: 0
    }
  }
}
