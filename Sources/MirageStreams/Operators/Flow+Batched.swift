extension Flow {
  /// Returns a flow of batches, each of the elements at `size` neighboring positions, in order.
  ///
  /// Batch b holds positions b × `size` to (b + 1) × `size` - 1; the last one ends with the flow. A batch has the id of
  /// its first position and no label. It is smaller if positions are empty, and is itself empty (no element) if all
  /// are. If a sample fails, its batch fails with that sample's error.
  ///
  /// Batches are not filled up with elements of the next one, since a position would then depend on all before it.
  ///
  /// - Parameter size: number of positions in a batch, at least 1.
  public func batched(of size: Int) -> Flow<[Element]> {
    let (read, locate, count, size) = (read, locate, count, Swift.max(1, size))
    return Flow<[Element]>(
      count: count / size + (count % size == 0 ? 0 : 1), run: run,
      about: about.changed { $0.chunkSize = Swift.max(1, $0.chunkSize / size) },
      locate: { position, run in SampleHeader(id: try locate(position * size, run).id, label: nil) },
      read: { positions, run in
        let ranges = positions.map { $0 * size..<Swift.min(count, ($0 + 1) * size) }
        var rest = try await read(ranges.flatMap { $0 }, run)[...]
        return ranges.map { range in
          defer { rest = rest.dropFirst(range.count) }
          return Self.batch(rest.prefix(range.count))
        }
      })
  }

  private static func batch(_ slots: ArraySlice<Slot<Element>>) -> Slot<[Element]> {
    var elements: [Element] = []
    for slot in slots {
      switch slot {
      case .element(let element): elements.append(element)
      case .absent: break
      case .failed(let error): return .failed(error)
      }
    }
    return elements.isEmpty ? .absent : .element(elements)
  }
}
