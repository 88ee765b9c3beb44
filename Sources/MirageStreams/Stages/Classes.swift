import MirageSupport
import Synchronization

/// Returns the index of a class given by its name or number.
/// - Throws: bad pipeline, with the nearest name as remedy, if there is no such class.
package func classIndex(_ name: String, among classes: [String], stage: String) throws -> Int {
  if let index = classes.firstIndex(of: name) { return index }
  if let index = Int(name), classes.indices.contains(index) { return index }
  let nearest = nearest(to: name, among: classes).map { "Did you mean \($0)?" }
  throw MirageError(
    .badPipeline, "\(stage) names class \(name), which the data does not have",
    remedy: nearest ?? "Its classes are \(classes.prefix(20).joined(separator: ", ")).")
}

/// Keeps the samples of certain classes. The positions of other samples remain, empty, and are not read.
public struct Filter: StageComponent, Stage {
  public static let declaration = Declaration(
    "filter", "Keeps the samples of certain classes", primary: "classes", of: Filter(classes: []),
    .required("classes", .strings, "Classes by name or number"),
    Setting("invert", .boolean, "Whether all other classes are kept instead"))

  /// Classes by name or number.
  package var classes: [String]
  /// True if all other classes are kept instead.
  package var invert: Bool

  public init(classes: [String], invert: Bool = false) { (self.classes, self.invert) = (classes, invert) }

  public func apply(to upstream: Flow<Sample>, at path: StagePath) throws -> Flow<Sample> {
    if upstream.about.hasSoftLabels {
      throw MirageError(
        .badPipeline, "filter cannot tell classes after mixup or cutmix", remedy: "Put it before them.")
    }
    let named = Set(try classes.map { try classIndex($0, among: upstream.about.classes, stage: Self.name) })
    let (locate, read, invert) = (upstream.locate, upstream.read, invert)
    return Flow(count: upstream.count, run: upstream.run, about: upstream.about, locate: locate) {
      positions, run in
      let isKept = try positions.map { position in
        try locate(position, run).label.map { named.contains($0) != invert } ?? invert
      }
      var found = try await read(zip(positions, isKept).filter(\.1).map(\.0), run).makeIterator()
      return isKept.map { $0 ? found.next()! : .absent }
    }
  }
}

/// Gives every class the same number of samples. Samples of small classes repeat, in another order, as further passes.
public struct Balance: StageComponent, Stage, SelectingStage {
  public static let declaration = Declaration(
    "balance", "The same number of samples of every class; those of small classes repeat", primary: "per-class",
    of: Balance(),
    Setting("per-class", .integer(0...Int.max), "Number of samples per class; 0 for as many as the largest class has"))

  /// Number of samples per class; 0 for as many as the largest class has.
  package var perClass: Int

  public init(perClass: Int = 0) { self.perClass = perClass }

  public func apply(to upstream: Flow<Sample>, at path: StagePath) throws -> Flow<Sample> {
    if upstream.about.hasSoftLabels || upstream.about.classes.isEmpty {
      throw MirageError(
        .badPipeline, "balance needs classes", remedy: "Put it before mixup and cutmix, after a source with labels.")
    }
    let members = MemberIndex(upstream)
    let (classes, path) = (upstream.about.classes, path.description)
    let atFirst = try members.positions(in: upstream.run)
    if let empty = atFirst.firstIndex(where: \.isEmpty) {
      throw MirageError(
        .badPipeline, "balance finds no sample of class \(classes[empty])",
        remedy: "Filter the class out and leave it out of the source's classes, or add samples.")
    }
    let perClass = perClass > 0 ? perClass : atFirst.map(\.count).max()!
    let firstEpoch = upstream.run.epoch
    return upstream.reindexed(count: classes.count * perClass, change: { $0.isReordered = true }) { position, run in
      let label = position % classes.count
      // Labels were located above; later failures are reported by the sample itself. If this epoch's order has no
      // sample of the class, those of the first epoch are used.
      let now = (try? members.positions(in: run)[label]) ?? []
      let (positions, epoch) = now.isEmpty ? (atFirst[label], firstEpoch) : (now, run.epoch)
      let (pass, rank) = (position / classes.count).quotientAndRemainder(dividingBy: positions.count)
      let key = Random.Key(seed: run.seed, path: path).child(label).child(pass)
      let order = Permutation(count: positions.count, key: key, epoch: run.epoch)
      return Reference(
        position: Int(positions[order[rank]]), epoch: epoch, pass: .init(factor: 1 << 20, offset: pass))
    }
  }
}

/// A fixed number of samples of every class, or of some classes, drawn at random and the same in every epoch. It simulates
/// a small dataset, or rare classes.
public struct Subset: StageComponent, Stage, SelectingStage {
  public static let declaration = Declaration(
    "subset", "A few samples of every class, the same in every epoch", primary: "per-class", of: Subset(perClass: 1),
    .required("per-class", .integer(1...Int.max), "Number of samples per class"),
    Setting("classes", .strings, "Classes that are reduced, by name or number; all if not given"))

  /// Number of samples per class.
  package var perClass: Int
  /// Classes that are reduced, by name or number; all if empty.
  package var classes: [String]

  public init(perClass: Int, classes: [String] = []) { (self.perClass, self.classes) = (perClass, classes) }

  /// With all classes, samples come class by class in turn; else the rest stays in its order.
  public func apply(to upstream: Flow<Sample>, at path: StagePath) throws -> Flow<Sample> {
    if upstream.about.hasSoftLabels || upstream.about.classes.isEmpty || upstream.about.isReordered {
      throw MirageError(
        .badPipeline, "subset needs classes, and samples that stay in their places",
        remedy: "Put it directly after a source with labels, before shuffle, balance, mixup and cutmix.")
    }
    let names = upstream.about.classes
    let reduced = try classes.map { try classIndex($0, among: names, stage: Self.name) }
    let members = MemberIndex(upstream)
    let (path, perClass) = (path.description, perClass)
    let found = try members.positions(in: upstream.run)
    let chosen = classes.isEmpty ? Array(names.indices) : reduced
    if let short = chosen.first(where: { found[$0].count < perClass }) {
      throw MirageError(
        .badPipeline, "subset wants \(perClass) samples of class \(names[short]), which has \(found[short].count)",
        remedy: "Ask for fewer.")
    }
    @Sendable func place(_ rank: Int, of label: Int, _ run: Run) -> Int {
      let key = Random.Key(seed: run.seed, path: path).child(label)
      return Int(found[label][Permutation(count: found[label].count, key: key, epoch: 0)[rank]])
    }
    guard !classes.isEmpty else {
      return upstream.reindexed(count: names.count * perClass) { position, run in
        let (rank, label) = position.quotientAndRemainder(dividingBy: names.count)
        return Reference(position: place(rank, of: label, run), epoch: run.epoch)
      }
    }
    // Which samples stay depends on the seed, so the rest is found for the flow's own run.
    let run = upstream.run
    var isKept = [Bool](repeating: true, count: upstream.count)
    for label in Set(reduced) {
      for position in found[label] { isKept[Int(position)] = false }
      for rank in 0..<perClass { isKept[place(rank, of: label, run)] = true }
    }
    let kept = isKept.indices.filter { isKept[$0] }
    return upstream.reindexed(count: kept.count) { Reference(position: kept[$0], epoch: $1.epoch) }
  }
}

/// The positions of each class, at four bytes per position. They are found once if every epoch has the same samples at
/// the same positions, otherwise once per seed and epoch, of which the last eight are kept.
private final class MemberIndex: Sendable {
  private let upstream: Flow<Sample>
  private let known = Mutex<[(run: Run, positions: [[UInt32]])]>([])

  init(_ upstream: Flow<Sample>) { self.upstream = upstream }

  func positions(in run: Run) throws -> [[UInt32]] {
    let isReordered = upstream.about.isReordered
    let match = known.withLock { known in
      known.first { !isReordered || $0.run.seed == run.seed && $0.run.epoch == run.epoch }
    }
    if let match { return match.positions }
    guard upstream.count <= UInt32.max else { throw MirageError(.badPipeline, "balance holds at most 2^32 positions") }
    var positions = [[UInt32]](repeating: [], count: upstream.about.classes.count)
    for position in 0..<upstream.count {
      try checkCancellation(at: position)
      if let label = try upstream.locate(position, run).label, positions.indices.contains(label) {
        positions[label].append(UInt32(position))
      }
    }
    let found = positions
    known.withLock { $0 = [(run, found)] + $0.prefix(7) }
    return found
  }
}
