import MirageSupport

extension Flow {
  /// Returns a flow of the results of `transform`, at the same positions, under the same ids.
  ///
  /// `transform` runs in the workers that read, in no particular order, and again each time a position is read. It
  /// should depend on the element alone, so that the flow remains the same for any number of workers and any range of
  /// positions. An error that it throws fails only that sample; `CancellationError` ends the flow.
  ///
  /// Results are not kept, and there are no random numbers for `transform`, as there are for an `Augmentation`. An
  /// asynchronous closure selects the standard library's `map` instead, which computes one element at a time in the
  /// task that iterates; for asynchronous work in parallel, use `mapBlocks`.
  public func map<Output: Sendable>(_ transform: @escaping @Sendable (Element) throws -> Output) -> Flow<Output> {
    mapElements(stage: "map") { .element(try transform($0)) }
  }

  /// Returns a flow whose slots are each made from one element. Messages show `stage`, the stage's path and name.
  func mapElements<Output: Sendable>(
    stage: String, _ transform: @escaping @Sendable (Element) throws -> Slot<Output>
  ) -> Flow<Output> {
    let (read, locate, isCostly) = (read, locate, about.isCostly)
    return Flow<Output>(
      count: count, run: run, about: about, locate: locate,
      read: { positions, run in
        var slots = try await read(positions, run)
        var results: [Slot<Output>] = []
        results.reserveCapacity(slots.count)
        for index in slots.indices {
          // The element is moved out, so that it is freed at once and not after the last one.
          var slot = Slot<Element>.absent
          swap(&slot, &slots[index])
          switch consume slot {
          case .element(let element):
            if isCostly { try Task.checkCancellation() }
            do {
              results.append(try transform(element))
            } catch let error as CancellationError {
              throw error
            } catch let error as SampleError {
              results.append(.failed(error))
            } catch {
              let id = try locate(positions[index], run).id
              let reason = error as? MirageError ?? .badData("\(error)")
              results.append(.failed(SampleError(id: id, origin: nil, stage: stage, error: reason)))
            }
          case .absent: results.append(.absent)
          case .failed(let error): results.append(.failed(error))
          }
        }
        return results
      })
  }
}
