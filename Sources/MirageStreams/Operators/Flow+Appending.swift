import MirageSupport

extension Flow<Sample> {
  /// Returns a flow of this flow's samples followed by another's.
  ///
  /// The other's ids get source numbers after this flow's, so that all ids and draws differ. Its own seed, epoch and
  /// shard are ignored: both flows are read with those of this one.
  ///
  /// Sizes are not compared, since they are known only after reading.
  ///
  /// - Throws: bad pipeline if the flows differ in kind of media, in numbers (bytes or floats) or in classes; a flow
  ///   without classes may follow any.
  public func appending(_ other: Flow<Sample>) throws -> Flow<Sample> {
    let (first, second) = (about, other.about)
    guard second.classes.isEmpty || second.classes == first.classes else {
      throw MirageError(
        .badPipeline, "samples of other classes cannot follow: \(named(second.classes)) after \(named(first.classes))",
        remedy: "Use interleave, which joins classes by name.")
    }
    guard (first.domain, first.numbers) == (second.domain, second.numbers) else {
      throw MirageError(
        .badPipeline,
        "\(second.domain.plural) of \(second.numbers) cannot follow \(first.domain.plural) of \(first.numbers)",
        remedy: "Give both the same stages that change numbers, such as scale.")
    }
    let joined = first.changed {
      $0.inputs += second.inputs
      $0.chunkSize = Swift.min($0.chunkSize, second.chunkSize)
      $0.hasSoftLabels = $0.hasSoftLabels || second.hasSoftLabels
      $0.isReordered = $0.isReordered || second.isReordered
      $0.sources += second.sources
    }
    let (count, locate, read, sources) = (count, locate, read, first.sources)
    return Flow(
      count: count + other.count, run: run, about: joined,
      locate: { position, run in
        if position < count { return try locate(position, run) }
        var place = try other.locate(position - count, run)
        place.id.source += sources
        return place
      },
      read: { positions, run in
        let (own, others) = (positions.filter { $0 < count }, positions.filter { $0 >= count }.map { $0 - count })
        var found = own.isEmpty ? [] : try await read(own, run)
        var added = others.isEmpty ? [] : try await other.read(others, run)
        for index in added.indices { added[index].renumber { $0.source += sources } }
        if own.isEmpty { return added }
        if others.isEmpty { return found }
        var (nextFound, nextAdded) = (0, 0)
        return positions.map { position in
          var slot = Slot<Sample>.absent
          if position < count {
            swap(&slot, &found[nextFound])
            nextFound += 1
          } else {
            swap(&slot, &added[nextAdded])
            nextAdded += 1
          }
          return slot
        }
      })
  }
}

private func named(_ classes: [String]) -> String {
  classes.isEmpty ? "none" : classes.prefix(5).joined(separator: ", ") + (classes.count > 5 ? ", ..." : "")
}

extension Slot<Sample> {
  /// Changes the id of the sample or failure in place.
  mutating func renumber(_ change: (inout SampleID) -> Void) {
    var slot = Slot<Sample>.absent
    swap(&slot, &self)
    switch consume slot {
    case .element(var sample):
      change(&sample.id)
      self = .element(sample)
    case .absent: break
    case .failed(var error):
      change(&error.id)
      self = .failed(error)
    }
  }
}
