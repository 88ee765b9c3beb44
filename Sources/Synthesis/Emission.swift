import Foundations
import Streams

/// Which synthetic samples are added to the real ones.
public struct Emission: Sendable, Codable, Equatable {
  /// So many of each class.
  public var perClass: Int?
  /// So many for each real one, of classes as frequent as theirs.
  public var ratio: Double?
  /// As many of each class as bring it up to the largest one.
  public var balance: Bool
  /// So many in all, of classes equally often.
  public var count: Int?
  /// Only these classes, by name or number; all where left out.
  public var classes: [String]
  /// Whether the real samples are left out.
  public var syntheticOnly: Bool
  /// The deviation of normal latents, or the bound of uniform ones: below 1 for samples nearer to the usual.
  public var truncation: Double
  /// What the classifier that rejects samples has to be sure of at least: the probability of the sample's class. 0 rejects
  /// none.
  public var threshold: Double
  /// The classifier that rejects samples; the one the GAN was watched with where left out.
  public var classifier: String?
  /// How often a sample is drawn anew before it counts as failed.
  public var attempts: Int

  /// One of `perClass`, `ratio`, `balance` and `count`; as many as there are real ones where all are left out.
  public init(
    perClass: Int? = nil, ratio: Double? = nil, balance: Bool = false, count: Int? = nil, classes: [String] = [],
    syntheticOnly: Bool = false, truncation: Double = 1, threshold: Double = 0, classifier: String? = nil,
    attempts: Int = 20
  ) {
    (self.perClass, self.ratio, self.balance, self.count) = (perClass, ratio, balance, count)
    (self.classes, self.syntheticOnly, self.truncation) = (classes, syntheticOnly, truncation)
    (self.threshold, self.classifier, self.attempts) = (threshold, classifier, attempts)
  }

  /// - Throws: bad pipeline where settings exclude each other.
  public func check() throws {
    let numbers = [
      ("per-class", perClass != nil), ("ratio", ratio != nil), ("balance", balance), ("count", count != nil),
    ]
    let given = numbers.filter(\.1).map(\.0)
    guard given.count <= 1 else {
      throw MirageError(
        .badPipeline, "emit has both \(given[0]) and \(given[1])", place: "emit.\(given[1])",
        remedy: "Each says how many synthetic samples there are: keep one.")
    }
    if classifier != nil && threshold == 0 {
      throw MirageError(
        .badPipeline, "a classifier that rejects nothing, since the threshold is 0", place: "emit.classifier",
        remedy: "Set threshold to the probability that a sample's class must have, such as 0.5.")
    }
  }

  /// How many synthetic samples of each class there are; of a model without classes one number.
  ///
  /// - Parameters:
  ///   - real: how many real samples of each class there are; nil where there is no upstream.
  ///   - total: how many real ones in all.
  ///   - names: the classes' names; empty for a model without classes.
  func counts(real: [Int]?, total: Int, names: [String]) throws -> [Int] {
    let chosen = try Set(classes.map { try classIndex($0, among: names, stage: "emit.classes") })
    func isChosen(_ label: Int) -> Bool { chosen.isEmpty || chosen.contains(label) }
    func refuse(_ setting: String, _ why: String) -> MirageError {
      MirageError(.badPipeline, "emit.\(setting) \(why)", remedy: "Use emit.count or emit.per-class.")
    }
    if names.isEmpty {
      if perClass != nil || balance { throw refuse(balance ? "balance" : "per-class", "needs a model with classes") }
      return [count ?? Int((Double(total) * (ratio ?? 1)).rounded())]
    }
    let labels = names.indices
    if let perClass { return labels.map { isChosen($0) ? perClass : 0 } }
    if let count {
      let members = labels.filter(isChosen)
      return labels.map { label in
        members.firstIndex(of: label).map { count / members.count + ($0 < count % members.count ? 1 : 0) } ?? 0
      }
    }
    guard let real else {
      throw refuse(balance ? "balance" : "ratio", "needs real samples whose classes are known without reading them")
    }
    let largest = real.max() ?? 0
    return labels.map { label in
      if !isChosen(label) { return 0 }
      return balance ? largest - real[label] : Int((Double(real[label]) * (ratio ?? 1)).rounded())
    }
  }
}

/// The order of synthetic samples: the classes by turns, each until it has as many as it should.
struct EmissionOrder: Sendable {
  let count: Int
  /// In each stretch the same classes take turns; stretches begin where one has enough.
  private let stretches: [(start: Int, labels: [Int])]

  /// - Parameter counts: how many samples each class has.
  init(_ counts: [Int]) {
    count = counts.reduce(0, +)
    var (stretches, rank, start): ([(start: Int, labels: [Int])], Int, Int) = ([], 0, 0)
    for bound in Set(counts).sorted() where bound > 0 {
      let labels = counts.indices.filter { counts[$0] >= bound }
      stretches.append((start, labels))
      start += (bound - rank) * labels.count
      rank = bound
    }
    self.stretches = stretches
  }

  /// The class of a synthetic sample.
  func label(of ordinal: Int) -> Int {
    var (low, high) = (0, stretches.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if stretches[middle].start <= ordinal { low = middle } else { high = middle }
    }
    let stretch = stretches[low]
    return stretch.labels[(ordinal - stretch.start) % stretch.labels.count]
  }
}
