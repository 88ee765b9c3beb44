import MirageSupport
import MirageStreams

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

  /// - Throws: bad pipeline where a setting speaks of classes, which a model without conditioning does not have.
  func checkWithoutClasses() throws {
    let settings = [("per-class", perClass != nil), ("balance", balance), ("classes", !classes.isEmpty)]
    guard let (name, _) = settings.first(where: \.1) else { return }
    throw MirageError(
      .badPipeline, "emit.\(name) needs a model with classes", place: "emit.\(name)",
      remedy: "Use emit.count or emit.ratio, or another model.conditioning.")
  }

  /// Which samples are added to those of a flow.
  ///
  /// - Parameter names: the classes' names; empty for a model without classes.
  /// - Throws: bad pipeline where there are no such classes, or real ones have to be counted and cannot be.
  func order(behind upstream: Flow<Sample>, names: [String]) throws -> EmissionOrder {
    guard !names.isEmpty else {
      try checkWithoutClasses()
      return EmissionOrder([count ?? Int((Double(upstream.count) * (ratio ?? 1)).rounded())])
    }
    let chosen = try Set(classes.map { try classIndex($0, among: names, stage: "emit.classes") })
    let labels = names.indices
    let members = labels.filter { chosen.isEmpty || chosen.contains($0) }
    var counts = [Int](repeating: 0, count: names.count)
    if let perClass {
      for label in members { counts[label] = perClass }
    } else if let count {
      for (rank, label) in members.enumerated() {
        counts[label] = count / members.count + (rank < count % members.count ? 1 : 0)
      }
    } else {
      let real = try realCounts(of: upstream, labels)
      let largest = real.max() ?? 0
      for label in members {
        counts[label] = balance ? largest - real[label] : Int((Double(real[label]) * (ratio ?? 1)).rounded())
      }
    }
    return EmissionOrder(counts)
  }

  /// Real samples of each class.
  private func realCounts(of upstream: Flow<Sample>, _ labels: Range<Int>) throws -> [Int] {
    var counts = [Int](repeating: 0, count: labels.count)
    for position in 0..<upstream.count {
      if position & 0xFFF == 0 { try Task.checkCancellation() }
      guard let label = try upstream.locate(position, upstream.run).label, labels.contains(label) else {
        let setting = "emit." + (balance ? "balance" : "ratio")
        throw MirageError(
          .badPipeline, "\(setting) needs samples whose classes are known without reading them", place: setting,
          remedy: "Use emit.count or emit.per-class.")
      }
      counts[label] += 1
    }
    return counts
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
