import MirageSupport
import MirageMedia

/// An augmentation, or a choice among several, as a pipeline applies it: with its probability, its own random numbers,
/// and a record of the parameters that it drew.
public final class Augment: Sendable {
  package let name: String
  private let probability: Double
  private let body: Body
  /// The augmentation if it always applies and conforms to the protocol; otherwise nil.
  private let warping: (any Warping)?
  private let windowing: (any Windowing)?

  private indirect enum Body: Sendable {
    case one(any Augmentation, name: String)
    case sequence([Augment])
    case choice([Augment], weights: [Double])
    case several([Augment], count: ClosedRange<Int>)
  }

  /// Wraps an augmentation, under the name that messages and records of draws show.
  public convenience init(_ augmentation: some Augmentation, name: String) {
    self.init(name: name, probability: augmentation.probability, body: .one(augmentation, name: name))
  }

  private init(name: String, probability: Double, body: Body) {
    (self.name, self.probability, self.body) = (name, probability, body)
    if case .one(let augmentation, _) = body, probability >= 1 {
      warping = augmentation as? any Warping
      windowing = augmentation as? any Windowing
    } else {
      (warping, windowing) = (nil, nil)
    }
  }

  /// Returns an augmentation that applies all of the parts, in order, with one probability for all.
  static func sometimes(_ parts: [Augment], probability: Double) -> Augment {
    Augment(name: "sometimes", probability: probability, body: .sequence(parts))
  }

  /// Returns an augmentation that applies one of the parts, drawn by its weight.
  static func oneOf(_ parts: [Augment], weights: [Double], probability: Double) -> Augment {
    Augment(name: "one-of", probability: probability, body: .choice(parts, weights: weights))
  }

  /// Returns an augmentation that applies a number of different parts, in random order.
  static func someOf(_ parts: [Augment], count: ClosedRange<Int>, probability: Double) -> Augment {
    Augment(name: "some-of", probability: probability, body: .several(parts, count: count))
  }

  /// True if chance decides whether or which parts are applied, apart from their own draws.
  private var isChosen: Bool {
    switch body {
    case .one: false
    case .sequence: probability < 1
    case .choice(let parts, _): probability < 1 || parts.count > 1
    case .several(let parts, let count): probability < 1 || count.upperBound > 0 && parts.count > 1
    }
  }

  /// Draws and applies. The random numbers depend on `key` (that of the stage's path), the sample's id and the epoch.
  func apply(to sample: inout Sample, key: Random.Key, path: String, run: Run) throws {
    var random = Random(key: key, sample: sample.id.digest, epoch: run.epoch)
    guard probability >= 1 || random.chance(probability) else {
      if run.recordsDraws { sample.history.append(Draw(path: path, name: name, parameters: .null)) }
      return
    }
    if isChosen && sample.kind == .real { sample.kind = .augmented }
    func applyPart(_ part: Augment, _ index: Int) throws {
      try part.apply(to: &sample, key: key.child(index), path: "\(path)/\(name)/\(index)", run: run)
    }
    switch body {
    case .one(let augmentation, let name):
      try Augment.apply(augmentation, name: name, path: path, run: run, random: &random, to: &sample)
    case .sequence(let parts):
      for (index, part) in parts.enumerated() { try applyPart(part, index) }
    case .choice(let parts, let weights):
      var rest = random.uniform() * weights.reduce(0, +)
      let index = weights.firstIndex { weight in
        rest -= weight
        return rest < 0
      }
      let chosen = index ?? weights.lastIndex { $0 > 0 }!
      try applyPart(parts[chosen], chosen)
    case .several(let parts, let count):
      var left = Array(parts.indices)
      for _ in 0..<random.integer(in: count) {
        let chosen = left.remove(at: random.integer(in: 0...left.count - 1))
        try applyPart(parts[chosen], chosen)
      }
    }
  }

  private static func apply<A: Augmentation>(
    _ augmentation: A, name: String, path: String, run: Run, random: inout Random, to sample: inout Sample
  ) throws {
    let parameters = try draw(augmentation, name: name, path: path, run: run, random: &random, for: &sample)
    try augmentation.apply(parameters, to: &sample)
  }

  private static func draw<A: Augmentation>(
    _ augmentation: A, name: String, path: String, run: Run, random: inout Random, for sample: inout Sample
  ) throws -> A.Parameters {
    let parameters = augmentation.draw(for: sample, using: &random)
    if run.recordsDraws {
      sample.history.append(Draw(path: path, name: name, parameters: try JSONValue(encoding: parameters)))
    }
    // A change that is the same for every sample is preparation; a drawn one makes the sample an augmented one.
    if augmentation.isDrawn || augmentation.probability < 1, sample.kind == .real { sample.kind = .augmented }
    return parameters
  }

  /// Applies this augmentation and the next at once if this one warps the image and the next cuts a window out of the
  /// result: only the window's pixels are computed, and they are the same.
  /// - Returns: false if that is not possible; nothing was done then.
  func applyShowingWindow(
    of next: Augment, to sample: inout Sample, keys: (Random.Key, Random.Key), paths: (String, String), run: Run
  ) throws -> Bool {
    guard let warping, let windowing = next.windowing, case .image = sample.content else { return false }
    func fused<Warp: Warping, Cut: Windowing>(_ warping: Warp, _ cut: Cut) throws -> Bool {
      let (height, width, _) = sample.size
      guard warping.isPlain else { return false }
      let digest = sample.id.digest
      var random = Random(key: keys.1, sample: digest, epoch: run.epoch)
      // A window over the limits is left to the stage that cuts it, which fails.
      guard let window = cut.window(cut.draw(for: sample, using: &random), height: height, width: width),
        (try? checkLimits(height: window.height, width: window.width)) != nil
      else { return false }
      random = Random(key: keys.0, sample: digest, epoch: run.epoch)
      let parameters = try Augment.draw(
        warping, name: name, path: paths.0, run: run, random: &random, for: &sample)
      random = Random(key: keys.1, sample: digest, epoch: run.epoch)
      _ = try Augment.draw(cut, name: next.name, path: paths.1, run: run, random: &random, for: &sample)
      let inverse = warping.inverse(parameters, height: height, width: width)
      try sample.withImage { $0 = $0.warped(by: inverse, border: warping.fill, showing: window) }
      let forward = inverse.inverse
      sample.moveAnnotations(height: height, width: width) { forward?($0, $1) ?? ($0, $1) }
      sample.moveAnnotations(height: window.height, width: window.width) {
        ($0 - Double(window.x), $1 - Double(window.y))
      }
      return true
    }
    return try fused(warping, windowing)
  }
}

extension Augmentation {
  fileprivate var isDrawn: Bool { Parameters.self != NoParameters.self }
}

extension Augment: Stage {
  public func apply(to upstream: Flow<Sample>, at path: StagePath) throws -> Flow<Sample> {
    try AugmentChain([self], at: [path]).apply(to: upstream)
  }
}
