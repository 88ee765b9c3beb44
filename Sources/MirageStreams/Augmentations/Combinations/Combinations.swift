import MirageSupport

/// Checks that there are parts, and that all are augmentations.
private func check(_ parts: [any StageComponent], of name: String) throws {
  if parts.isEmpty { throw MirageError(.badPipeline, "\(name) has nothing to choose from") }
  if let other = parts.first(where: { $0.augment == nil }) {
    throw MirageError(
      .badPipeline, "\(name) holds \(type(of: other).name), which is not an augmentation",
      remedy: "Put it beside \(name), as a stage of its own.")
  }
}

/// Applies exactly one of several augmentations, drawn again for each sample.
public struct OneOf: StageComponent {
  public static let declaration = Declaration(
    "one-of", "One of several augmentations", primary: "of", of: OneOf([]),
    .required("of", .components([.augmentation]), "Augmentations to choose from"),
    .optional(
      "weights", .numbers(0...Double.infinity, count: 1...1000), "Weight of each augmentation; equal if not given"),
    .probability)

  public static let kind = ComponentKind.augmentation
  /// Augmentations to choose from.
  @Nested public private(set) var of: [any StageComponent]
  /// One weight for each part; they need not sum to 1.
  package let weights: [Double]
  /// Probability that the combination is applied, 0 to 1.
  public let probability: Double

  public init(_ parts: [any StageComponent], weights: [Double]? = nil, probability: Double = 1) {
    (of, self.weights, self.probability) = (parts, weights ?? parts.map { _ in 1 }, probability)
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      try container.decode(Nested.self, forKey: .of).wrappedValue,
      weights: try container.decodeIfPresent([Double].self, forKey: .weights),
      probability: try container.decode(Double.self, forKey: .probability))
  }

  public var parts: [String: [any Component]] { ["of": of] }
  public var role: Role {
    .augment(.oneOf(of.compactMap(\.augment), weights: weights, probability: probability))
  }

  public func validate() throws {
    try check(of, of: Self.name)
    try checkSettings()
    guard weights.count == of.count, weights.contains(where: { $0 > 0 }) else {
      throw MirageError(.badPipeline, "one-of needs a weight of at least 0 for each of its parts, and one above 0")
    }
  }
}

/// Applies some of several augmentations, in random order, each at most once.
public struct SomeOf: StageComponent {
  public static let declaration = Declaration(
    "some-of", "Some of several augmentations, in random order", of: SomeOf([], count: 0...0),
    .required("of", .components([.augmentation]), "Augmentations to choose from"),
    .required("count", .integerRange(0...1000), "Number of augmentations that are applied"), .probability)

  public static let kind = ComponentKind.augmentation
  /// Augmentations to choose from.
  @Nested public private(set) var of: [any StageComponent]
  /// Number of parts that are applied.
  package let count: ClosedRange<Int>
  /// Probability that the combination is applied, 0 to 1.
  public let probability: Double

  public init(_ parts: [any StageComponent], count: ClosedRange<Int>, probability: Double = 1) {
    (of, self.count, self.probability) = (parts, count, probability)
  }

  public var parts: [String: [any Component]] { ["of": of] }
  public var role: Role { .augment(.someOf(of.compactMap(\.augment), count: count, probability: probability)) }

  public func validate() throws {
    try checkSettings()
    guard count.upperBound <= of.count else {
      throw MirageError(
        .badPipeline,
        "some-of is to apply \(count.lowerBound) to \(count.upperBound) augmentations, but has \(of.count)")
    }
    try check(of, of: Self.name)
  }
}

/// Applies all of its augmentations, in order, to some of the samples.
public struct Sometimes: StageComponent {
  public static let declaration = Declaration(
    "sometimes", "All of its augmentations, to some of the samples", primary: "apply", of: Sometimes([]),
    .required("apply", .components([.augmentation]), "Augmentations that are applied, in order"), .probability)

  public static let kind = ComponentKind.augmentation
  /// Augmentations that are applied, in order.
  @Nested public private(set) var apply: [any StageComponent]
  /// Probability that the combination is applied, 0 to 1.
  public let probability: Double

  public init(_ parts: [any StageComponent], probability: Double = 0.5) {
    (apply, self.probability) = (parts, probability)
  }

  public var parts: [String: [any Component]] { ["apply": apply] }
  public var role: Role { .augment(.sometimes(apply.compactMap(\.augment), probability: probability)) }

  public func validate() throws {
    try checkSettings()
    try check(apply, of: Self.name)
  }
}
