import MirageSupport
import MirageMedia

/// Building blocks of stages. All use only arithmetic on positions.
extension Flow {
  /// Returns a flow whose elements each come from one position of this flow.
  ///
  /// - Parameters:
  ///   - reference: returns the upstream position and epoch for a position, and the change of the id.
  ///   - relabel: writes the changed id into the element.
  func reindexed(
    count: Int, about: DatasetInfo, relabel: @escaping @Sendable (inout Element, SampleID) -> Void,
    reference: @escaping @Sendable (Int, Run) -> Reference
  ) -> Flow {
    let (upstreamLocate, upstreamRead) = (locate, read)
    return Flow(
      count: count, run: run, about: about,
      locate: { position, run in
        let reference = reference(position, run)
        var place = try upstreamLocate(reference.position, run.inEpoch(reference.epoch))
        reference.rename(&place.id)
        return place
      },
      read: { positions, run in
        let references = positions.map { reference($0, run) }
        var slots: [Slot<Element>] = []
        slots.reserveCapacity(positions.count)
        var start = 0
        while start < references.count {
          // References in a row of one epoch share an upstream read, and those to one position share its element.
          let epoch = references[start].epoch
          let end = references[start...].firstIndex { $0.epoch != epoch } ?? references.count
          var wanted: [Int] = []
          for reference in references[start..<end] where reference.position != wanted.last {
            wanted.append(reference.position)
          }
          var found = try await upstreamRead(wanted, run.inEpoch(epoch))
          var place = 0
          for index in start..<end {
            if references[index].position != wanted[place] { place += 1 }
            // The last reference to an element takes it; those before get copies.
            var slot = Slot<Element>.absent
            if index + 1 < end, references[index + 1].position == wanted[place] {
              slot = found[place]
            } else {
              swap(&slot, &found[place])
            }
            switch consume slot {
            case .element(var element):
              var id = try upstreamLocate(wanted[place], run.inEpoch(epoch)).id
              references[index].rename(&id)
              relabel(&element, id)
              slots.append(.element(element))
            case .absent: slots.append(.absent)
            case .failed(var error):
              references[index].rename(&error.id)
              slots.append(.failed(error))
            }
          }
          start = end
        }
        return slots
      })
  }

  /// Returns a flow whose elements are changed one by one, in place. A thrown `MirageError` fails only that sample, and
  /// so does a `SampleError`, which names its stage itself.
  ///
  /// - Parameters:
  ///   - stage: the stage's path and name for messages, such as `stages/2 (rotate)`.
  ///   - prepare: returns the change; called once per read.
  func transformed(
    about: DatasetInfo, stage: String, identify: @escaping @Sendable (borrowing Element) -> (SampleID, String?),
    prepare: @escaping @Sendable (Run) -> (inout Element) throws -> Void
  ) -> Flow {
    let upstreamRead = read
    return Flow(
      count: count, run: run, about: about, locate: locate,
      read: { positions, run in
        var slots = try await upstreamRead(positions, run)
        let change = prepare(run)
        let isCostly = about.isCostly
        for index in slots.indices {
          try Task.checkCancellation()
          // The element is moved out and back: a copy would cost more than many changes do.
          var slot = Slot<Element>.absent
          swap(&slot, &slots[index])
          switch consume slot {
          case .element(var element):
            do {
              if isCostly { try Task.checkCancellation() }
              try change(&element)
            } catch let error as MirageError {
              let (id, origin) = identify(element)
              slots[index] = .failed(SampleError(id: id, origin: origin, stage: stage, error: error))
              continue
            } catch let error as SampleError {
              slots[index] = .failed(error)
              continue
            }
            slots[index] = .element(consume element)
          case .absent: break
          case .failed(let error): slots[index] = .failed(error)
          }
        }
        return slots
      })
  }
}

/// Upstream position and epoch of an element.
struct Reference: Sendable {
  var position: Int
  var epoch: Int
  /// Changes of the id's pass and variant.
  var pass = Renumbering()
  var variant = Renumbering()

  /// The mapping number × factor + offset.
  struct Renumbering: Sendable {
    var factor = 1
    var offset = 0
  }

  func rename(_ id: inout SampleID) {
    id.pass = id.pass &* pass.factor &+ pass.offset
    id.variant = id.variant &* variant.factor &+ variant.offset
  }
}

extension Run {
  func inEpoch(_ epoch: Int) -> Run {
    var run = self
    run.epoch = epoch
    return run
  }
}

extension Flow where Element == Sample {
  func reindexed(
    count: Int, change: (inout DatasetInfo) -> Void = { _ in },
    reference: @escaping @Sendable (Int, Run) -> Reference
  ) -> Flow {
    reindexed(count: count, about: about.changed(change), relabel: { $0.id = $1 }, reference: reference)
  }

  func transformed(
    stage: String, info: (inout DatasetInfo) -> Void = { _ in },
    change: @escaping @Sendable (inout Sample) throws -> Void
  ) -> Flow {
    transformed(
      about: about.changed(info), stage: stage, identify: { ($0.id, $0.origin.description) }, prepare: { _ in change }
    )
  }
}

extension Flow<Sample> {
  /// Returns the first sample, as an example of all; nil if there is none.
  /// - Throws: errors of reading; `CancellationError`.
  public func example() async throws -> Sample? {
    for start in stride(from: 0, to: count, by: about.chunkSize) {
      try Task.checkCancellation()
      for case .element(let sample) in try await read(Array(start..<Swift.min(count, start + about.chunkSize)), run) {
        return sample
      }
    }
    return nil
  }

  /// Returns the same samples with classes numbered as in `names`; nil if one of the classes is not in it.
  public func numberingClasses(as names: [String]) -> Flow<Sample>? {
    let numbers = about.classes.map { names.firstIndex(of: $0) }
    guard !numbers.isEmpty, numbers.allSatisfy({ $0 != nil }), !about.hasSoftLabels else { return nil }
    if about.classes == names { return self }
    var renamed = about
    renamed.classes = names
    let (upstreamLocate, upstreamRead) = (locate, read)
    return Flow(
      count: count, run: run, about: renamed,
      locate: { position, run in
        var place = try upstreamLocate(position, run)
        place.label = place.label.flatMap { numbers.indices.contains($0) ? numbers[$0] : nil }
        return place
      },
      read: { positions, run in
        try await upstreamRead(positions, run).map { slot in
          guard case .element(var sample) = slot, let label = sample.label?.index else { return slot }
          sample.label = (numbers.indices.contains(label) ? numbers[label] : nil).map { .index($0) }
          return .element(sample)
        }
      })
  }

  /// Returns the same samples in another color mode, with unchanged classes and ids.
  public func converted(to mode: ColorMode) -> Flow<Sample> {
    transformed(
      about: about, stage: "color mode", identify: { ($0.id, $0.origin.description) },
      prepare: { _ in
        { sample in try sample.withImage { image in image = image.converted(to: mode) } }
      })
  }
}
