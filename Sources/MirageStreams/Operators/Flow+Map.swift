import MirageSupport

extension Flow {
  /// Returns a flow of the results of `transform`, at the same positions, under the same ids.
  ///
  /// `transform` runs in the workers that read, in no particular order, and again each time a position is read. It
  /// should depend on the element alone, so that the flow remains the same for any number of workers and any range of
  /// positions. An error that it throws is the failure of that one sample, which it names; `CancellationError` ends the
  /// flow.
  ///
  /// Not done: nothing is kept, and random numbers are not handed out (an `Augmentation` has them). A closure that
  /// awaits is the standard library's `map` instead, one element after the other in the task that iterates; for
  /// asynchronous work in parallel there is `mapBlocks`.
  public func map<Output: Sendable>(_ transform: @escaping @Sendable (Element) throws -> Output) -> Flow<Output> {
    mapElements(stage: "map") { .element(try transform($0)) }
  }

  /// A flow whose slots are made of each element alone.
  ///
  /// - Parameter stage: the stage's path and name for messages.
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
          // Moved out, so that it is freed now and not when all are done.
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
