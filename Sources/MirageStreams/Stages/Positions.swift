import MirageSupport

/// A stage that chooses, repeats or reorders samples of a training set and leaves each as it is. Test samples do not pass
/// through it.
package protocol SelectingStage: StageComponent {}

/// Several variants of each sample, next to each other. Augmentations after this stage draw separately for each
/// variant; those before it do not.
public struct Copies: StageComponent, Stage, SelectingStage {
  public static let declaration = Declaration(
    "copies", "Several variants of each sample, side by side", primary: "count", of: Copies(1),
    .required("count", .integer(1...1_000_000), "Number of variants of each sample"))

  package var count: Int

  public init(_ count: Int) { self.count = count }

  public func apply(to upstream: Flow<Sample>, at path: StagePath) throws -> Flow<Sample> {
    let copies = count
    return upstream.reindexed(count: try product(upstream.count, copies, Self.name)) { position, run in
      Reference(
        position: position / copies, epoch: run.epoch, variant: .init(factor: copies, offset: position % copies))
    }
  }
}

/// Repeats the whole flow. Every pass is another epoch of the stages before it, which draw and shuffle again.
public struct Repeat: StageComponent, Stage, SelectingStage {
  public static let declaration = Declaration(
    "repeat", "The whole flow several times, drawn and shuffled differently each time", primary: "times", of: Repeat(1),
    .required("times", .integer(1...1_000_000_000), "Number of passes"))

  /// Number of passes, at least 1.
  package var times: Int

  public init(_ times: Int) { self.times = times }

  public func apply(to upstream: Flow<Sample>, at path: StagePath) throws -> Flow<Sample> {
    let (once, times) = (upstream.count, times)
    return upstream.reindexed(count: try product(once, times, Self.name)) { position, run in
      let pass = position / once
      return Reference(
        position: position % once, epoch: run.epoch * times + pass, pass: .init(factor: times, offset: pass))
    }
  }
}

/// Keeps the first positions. Positions that a filter emptied count too.
public struct Take: StageComponent, Stage, SelectingStage {
  public static let declaration = Declaration(
    "take", "The first positions; those that a filter emptied count too", primary: "count", of: Take(0),
    .required("count", .integer(0...Int.max), "Maximum number of positions"))

  package var count: Int

  public init(_ count: Int) { self.count = count }

  public func apply(to upstream: Flow<Sample>, at path: StagePath) throws -> Flow<Sample> {
    upstream.reindexed(count: min(count, upstream.count)) { Reference(position: $0, epoch: $1.epoch) }
  }
}

/// Leaves out the first positions. Positions that a filter emptied count too.
public struct Skip: StageComponent, Stage, SelectingStage {
  public static let declaration = Declaration(
    "skip", "All but the first positions", primary: "count", of: Skip(0),
    .required("count", .integer(0...Int.max), "Number of positions that are left out"))

  package var count: Int

  public init(_ count: Int) { self.count = count }

  public func apply(to upstream: Flow<Sample>, at path: StagePath) throws -> Flow<Sample> {
    let skipped = min(count, upstream.count)
    return upstream.reindexed(count: upstream.count - skipped) {
      Reference(position: $0 + skipped, epoch: $1.epoch)
    }
  }
}

/// All samples in random order: a keyed permutation of all positions, different in each epoch. The permutation is
/// computed, not stored, so it needs no memory or buffering, and any part can be read alone.
public struct Shuffle: StageComponent, Stage, SelectingStage {
  public static let declaration = Declaration("shuffle", "All samples in random order, another one in each epoch")

  public init() {}

  public func apply(to upstream: Flow<Sample>, at path: StagePath) throws -> Flow<Sample> {
    let (count, path) = (upstream.count, path.description)
    return upstream.reindexed(count: count, change: { $0.isReordered = true }) { position, run in
      let order = Permutation(count: count, key: Random.Key(seed: run.seed, path: path), epoch: run.epoch)
      return Reference(position: order[position], epoch: run.epoch)
    }
  }
}

private func product(_ a: Int, _ b: Int, _ name: String) throws -> Int {
  let (result, overflow) = a.multipliedReportingOverflow(by: b)
  if overflow { throw MirageError(.badPipeline, "\(name) makes more positions than can be counted") }
  return result
}
