import MirageSupport

/// Several sources in one flow, mixed by weights.
///
/// The source of a position is computed from the weights: within a period of positions, the turns of a source are
/// proportional to its weight and evenly spread. Classes are joined by their names.
public struct Interleave: SourceComponent {
  public static let declaration = Declaration(
    "interleave", "Several sources mixed by weights", primary: "sources", of: Interleave([]),
    .required("sources", .components([.source]), "Sources that are mixed"),
    .optional("weights", .numbers(0...Double.infinity, count: 1...1000), "Weight of each source; equal if not given"),
    Setting(
      "until", .choice(End.self),
      "End of the flow: with the first source that runs out, or the last, shorter ones starting over"))

  /// Sources that are mixed.
  @Nested public private(set) var sources: [any SourceComponent]
  package let weights: [Double]
  package let until: End

  /// End of the flow.
  public enum End: String, Sendable, Codable, CaseIterable {
    /// Ends with the first source that runs out, so that no sample repeats.
    case shortest
    /// Ends with the last source; shorter ones start over.
    case longest
  }

  public init(_ sources: [any SourceComponent], weights: [Double]? = nil, until: End = .shortest) {
    (self.sources, self.weights, self.until) = (sources, weights ?? sources.map { _ in 1 }, until)
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      try container.decode(Nested.self, forKey: .sources).wrappedValue,
      weights: try container.decodeIfPresent([Double].self, forKey: .weights),
      until: try container.decode(End.self, forKey: .until))
  }

  public var parts: [String: [any Component]] { ["sources": sources] }

  public func validate() throws {
    guard !sources.isEmpty, weights.count == sources.count, weights.allSatisfy({ $0 > 0 }) else {
      throw MirageError(.badPipeline, "interleave needs sources, and a weight above 0 for each")
    }
    try checkSettings()
    if let other = sources.first(where: { $0.domain != domain }) {
      throw MirageError(
        .badPipeline, "interleave mixes \(domain.plural) and \(other.domain.plural)",
        remedy: "Interleave sources of one kind of media.")
    }
  }

  public var domain: Format.Domain { sources.first?.domain ?? .image }

  public func flow(in context: Context) async throws -> Flow<Sample> {
    try validate()
    var flows: [Flow<Sample>] = []
    for (index, source) in sources.enumerated() {
      flows.append(try await source.flow(in: context.at(context.path.child("sources").child(String(index)))))
    }
    return try interleaved(flows)
  }

  private func interleaved(_ flows: [Flow<Sample>]) throws -> Flow<Sample> {
    if let empty = flows.firstIndex(where: { $0.count == 0 }) {
      throw MirageError(.badData, "source \(empty) of interleave is empty")
    }
    let schedule = Schedule(weights: weights)
    let ends = flows.indices.map { schedule.position(ofTurn: flows[$0].count, of: $0) }
    let classes = flows.flatMap(\.about.classes).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
    let numbers = flows.map { flow in flow.about.classes.map { classes.firstIndex(of: $0)! } }
    var about = DatasetInfo(
      classes: classes, inputs: flows.flatMap(\.about.inputs), chunkSize: flows.map(\.about.chunkSize).min()!)
    about.domain = domain
    about.sources = flows.count * flows.map(\.about.sources).max()!
    return Flow(
      count: until == .shortest ? ends.min()! : ends.max()!, about: about,
      locate: { position, run in
        let turn = schedule.turn(at: position)
        let (pass, index) = turn.number.quotientAndRemainder(dividingBy: flows[turn.source].count)
        var place = try flows[turn.source].locate(index, run)
        place.id.rename(source: turn.source, of: flows.count, pass: pass)
        place.label = place.label.map { numbers[turn.source][$0] }
        return place
      },
      read: { positions, run in
        let turns = positions.map { schedule.turn(at: $0) }
        var slots = [Slot<Sample>](repeating: .absent, count: positions.count)
        for source in flows.indices {
          let places = turns.indices.filter { turns[$0].source == source }
          let (count, sources) = (flows[source].count, flows.count)
          let found = try await flows[source].read(places.map { turns[$0].number % count }, run)
          for (place, slot) in zip(places, found) {
            let pass = turns[place].number / count
            switch slot {
            case .element(var sample):
              sample.id.rename(source: source, of: sources, pass: pass)
              if case .index(let label) = sample.label { sample.label = .index(numbers[source][label]) }
              slots[place] = .element(sample)
            case .absent: break
            case .failed(var error):
              error.id.rename(source: source, of: sources, pass: pass)
              slots[place] = .failed(error)
            }
          }
        }
        return slots
      })
  }
}

extension SampleID {
  fileprivate mutating func rename(source: Int, of sources: Int, pass: Int) {
    self.source = self.source * sources + source
    self.pass = self.pass << 20 | pass
  }
}

/// The source of each position, and how many turns it has had before: a table of one period with evenly spread turns.
private struct Schedule: Sendable {
  private let sources: [Int]
  private let ranks: [Int]
  private let shares: [Int]

  struct Turn { let source, number: Int }

  init(weights: [Double]) {
    // The shortest period that meets the weights, or 1,000 positions, which approximate them.
    let total = weights.reduce(0, +)
    let period =
      (weights.count...1000).first { period in
        weights.allSatisfy { abs(($0 / total * Double(period)).rounded() - $0 / total * Double(period)) < 1e-6 }
      } ?? 1000
    let shares = weights.map { max(1, Int(($0 / total * Double(period)).rounded())) }
    var credit = [Double](repeating: 0, count: weights.count)
    var given = [Int](repeating: 0, count: weights.count)
    var sources: [Int] = []
    var ranks: [Int] = []
    let length = shares.reduce(0, +)
    for _ in 0..<length {
      for source in shares.indices { credit[source] += Double(shares[source]) / Double(length) }
      // The next source is the one with the most credit among those with turns left.
      let next = shares.indices.filter { given[$0] < shares[$0] }.max { credit[$0] < credit[$1] }!
      credit[next] -= 1
      sources.append(next)
      ranks.append(given[next])
      given[next] += 1
    }
    (self.sources, self.ranks, self.shares) = (sources, ranks, shares)
  }

  func turn(at position: Int) -> Turn {
    let (period, place) = position.quotientAndRemainder(dividingBy: sources.count)
    let source = sources[place]
    return Turn(source: source, number: period * shares[source] + ranks[place])
  }

  /// Returns the position at which a source has its turn of this number.
  func position(ofTurn number: Int, of source: Int) -> Int {
    let (period, rank) = number.quotientAndRemainder(dividingBy: shares[source])
    let place = sources.indices.first { sources[$0] == source && ranks[$0] == rank }!
    return period * sources.count + place
  }
}
