import MirageSupport
import MirageStreams

/// Settings of the synthetic samples that are added to real ones: their number, classes and selection.
public struct Emission: Sendable, Codable, Equatable {
  /// Number of samples per class.
  public var perClass: Int?
  /// Number of samples per real one, with classes as frequent as among those.
  public var ratio: Double?
  /// True if each class is brought up to the number of samples of the largest one.
  public var balance: Bool
  /// Number of samples in all, with all classes equally frequent.
  public var count: Int?
  /// Classes of the samples, by name or index; all if empty.
  public var classes: [String]
  /// True if the real samples are left out.
  public var syntheticOnly: Bool
  /// Standard deviation of normal latents, or bound of uniform ones, 0.01 to 10; samples are more typical below 1.
  public var truncation: Double
  /// Minimum probability that the classifier must give a sample's class, 0 (no sample is rejected) to 1.
  public var threshold: Double
  /// File of the classifier that rejects samples. Defaults to the one that the GAN was evaluated with.
  public var classifier: String?
  /// Maximum number of draws before a sample counts as failed, at least 1.
  public var attempts: Int

  public static let settings = Setting.list(
    of: Emission(), Setting("per-class", .integer(0...1_000_000_000), "Number of samples per class"),
    Setting(
      "ratio", .number(0...1_000_000), "Number of samples per real one, of classes as frequent; 1 if no number is given"
    ),
    Setting("balance", .boolean, "Whether every class is brought up to the largest"),
    Setting("count", .integer(0...1_000_000_000), "Number of samples in all, of classes equally often"),
    Setting("classes", .strings, "Classes of the samples, by name or number; all if not given"),
    Setting("synthetic-only", .boolean, "Whether the real samples are left out"),
    Setting("truncation", .number(0.01...10), "Spread of the latents: below 1 for usual samples with less variety"),
    Setting(
      "threshold", .number(0...1), "Smallest probability that the classifier must give a sample's class; 0 rejects none"
    ),
    Setting("classifier", .path, "Classifier that rejects samples; the one the GAN was evaluated with if not given"),
    Setting("attempts", .integer(1...10_000), "Maximum number of draws before a sample counts as failed"))

  /// Creates settings with one of `perClass`, `ratio`, `balance` and `count`; without any, `ratio` is 1.
  public init(
    perClass: Int? = nil, ratio: Double? = nil, balance: Bool = false, count: Int? = nil, classes: [String] = [],
    syntheticOnly: Bool = false, truncation: Double = 1, threshold: Double = 0, classifier: String? = nil,
    attempts: Int = 20
  ) {
    (self.perClass, self.ratio, self.balance, self.count) = (perClass, ratio, balance, count)
    (self.classes, self.syntheticOnly, self.truncation) = (classes, syntheticOnly, truncation)
    (self.threshold, self.classifier, self.attempts) = (threshold, classifier, attempts)
  }

  /// Checks the settings.
  /// - Throws: bad pipeline with the setting as `place` if it is out of range or excludes another.
  public func check() throws {
    try Self.settings.check(JSONValue(encoding: self, nonFiniteAsText: true), at: "emit")
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

  /// - Throws: bad pipeline if a setting refers to classes, since a model without conditioning has none.
  func checkWithoutClasses() throws {
    let settings = [("per-class", perClass != nil), ("balance", balance), ("classes", !classes.isEmpty)]
    guard let (name, _) = settings.first(where: \.1) else { return }
    throw MirageError(
      .badPipeline, "emit.\(name) needs a model with classes", place: "emit.\(name)",
      remedy: "Use emit.count or emit.ratio, or another model.conditioning.")
  }

  /// - Throws: bad pipeline if samples are to be rejected and there is no classifier for it.
  func check(classifier: String?) throws {
    guard threshold > 0, classifier == nil else { return }
    throw MirageError(
      .badPipeline, "emit.threshold needs a classifier, and the GAN is trained without one", place: "emit.threshold",
      remedy: "Name one that mirage train-classifier wrote, with emit.classifier.")
  }

  /// Returns the order of the samples that are added to a flow. `names` are the model's classes; empty without classes.
  /// - Throws: bad pipeline if a class is unknown, or if real samples must be counted by class and cannot be.
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

  /// Returns the number of real samples of each class.
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

/// Order of the synthetic samples' classes: they take turns, each until it has its number of samples.
struct EmissionOrder: Sendable {
  let count: Int
  /// Stretches in which the same classes take turns; a new one begins when a class has its number of samples.
  private let stretches: [(start: Int, labels: [Int])]

  /// - Parameter counts: number of samples of each class.
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

  /// Returns the class of the synthetic sample with an index.
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
