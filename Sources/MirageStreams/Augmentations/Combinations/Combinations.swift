import MirageSupport

/// The parts of a choice as pipeline files write them.
private func describe(_ parts: [any StageComponent]) throws -> [JSONValue] { try parts.map { try $0.description } }

private func augments(_ parts: [any StageComponent], of name: String) throws -> [Augment] {
  if parts.isEmpty { throw MirageError(.badPipeline, "\(name) has nothing to choose from") }
  return try parts.map { part in
    guard let augment = part.augment else {
      throw MirageError(
        .badPipeline, "\(name) holds \(type(of: part).name), which is not an augmentation",
        remedy: "Put it beside \(name), as a stage of its own.")
    }
    return augment
  }
}

/// Applies exactly one of several augmentations, drawn anew for each sample.
public struct OneOf: StageComponent {
  public static let name = "one-of"
  public let of: [any StageComponent]
  /// One weight for each part; they need not sum to 1.
  public let weights: [Double]
  public let probability: Double
  private let augment: Augment

  /// - Throws: bad pipeline where a part is not an augmentation, or the weights do not fit.
  public init(_ parts: [any StageComponent], weights: [Double]? = nil, probability: Double = 1) throws {
    of = parts
    self.weights = weights ?? parts.map { _ in 1 }
    self.probability = probability
    let choices = try augments(parts, of: Self.name)
    guard self.weights.count == parts.count, self.weights.allSatisfy({ $0 >= 0 && $0.isFinite }),
      self.weights.contains(where: { $0 > 0 })
    else {
      throw MirageError(.badPipeline, "one-of needs a weight of at least 0 for each of its parts, and one above 0")
    }
    augment = .oneOf(choices, weights: self.weights, probability: probability)
  }

  public var role: Role { .augment(augment) }

  private enum Keys: String, CodingKey { case of, weights, probability }
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Keys.self)
    try container.encode(describe(of), forKey: .of)
    try container.encode(weights, forKey: .weights)
    try container.encode(probability, forKey: .probability)
  }
}

/// Applies some of several augmentations, in random order, each at most once.
public struct SomeOf: StageComponent {
  public static let name = "some-of"
  public let of: [any StageComponent]
  /// How many are applied.
  public let count: ClosedRange<Int>
  public let probability: Double
  private let augment: Augment

  /// - Throws: bad pipeline where a part is not an augmentation, or there are fewer parts than the count.
  public init(_ parts: [any StageComponent], count: ClosedRange<Int>, probability: Double = 1) throws {
    of = parts
    self.count = count
    self.probability = probability
    guard count.lowerBound >= 0, count.upperBound <= parts.count else {
      throw MirageError(
        .badPipeline,
        "some-of is to apply \(count.lowerBound) to \(count.upperBound) augmentations, but has \(parts.count)")
    }
    augment = .someOf(try augments(parts, of: Self.name), count: count, probability: probability)
  }

  public var role: Role { .augment(augment) }

  private enum Keys: String, CodingKey { case of, count, probability }
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Keys.self)
    try container.encode(describe(of), forKey: .of)
    try container.encode(count, forKey: .count)
    try container.encode(probability, forKey: .probability)
  }
}

/// Applies all of its augmentations, in order, to some of the samples.
public struct Sometimes: StageComponent {
  public static let name = "sometimes"
  public let apply: [any StageComponent]
  public let probability: Double
  private let augment: Augment

  /// - Throws: bad pipeline where a part is not an augmentation.
  public init(_ parts: [any StageComponent], probability: Double = 0.5) throws {
    apply = parts
    self.probability = probability
    augment = .sometimes(try augments(parts, of: Self.name), probability: probability)
  }

  public var role: Role { .augment(augment) }

  private enum Keys: String, CodingKey { case apply, probability }
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Keys.self)
    try container.encode(describe(apply), forKey: .apply)
    try container.encode(probability, forKey: .probability)
  }
}
