import MirageSupport
import MirageMedia

extension Setting {
  fileprivate static let mixing = Setting("probability", .number(0...1), "Probability that a sample is mixed at all")
}

/// Blends each sample with a partner, and their labels in the same ratio (Zhang et al., "mixup", 2018):
/// λ x + (1 - λ) x', λ from Beta(α, α). The partner is drawn by the sample's id from all positions.
public struct Mixup: StageComponent, Stage {
  public static let declaration = Declaration(
    "mixup", "Blends samples and their labels", primary: "alpha", of: Mixup(),
    Setting("alpha", .number(0.01...100), "Parameter of the Beta(α, α) distribution that mixing ratios are drawn from"),
    .mixing)

  public static var domains: Set<Format.Domain> { [.image] }
  package var alpha: Double
  /// Probability that a sample is mixed, 0 to 1.
  public var probability: Double

  public init(alpha: Double = 0.2, probability: Double = 1) { (self.alpha, self.probability) = (alpha, probability) }

  public func apply(to upstream: Flow<Sample>, at path: StagePath) throws -> Flow<Sample> {
    try mixed(upstream, at: path, stage: Self.name, probability: probability) { image, partner, random in
      let share = Int((random.beta(alpha) * 65536).rounded())
      for index in image.pixels.indices {
        let sum = Int(image.pixels[index]) * share + Int(partner.pixels[index]) * (65536 - share)
        image.pixels[index] = UInt8((sum + 32768) >> 16)
      }
      return Double(share) / 65536
    }
  }
}

/// Pastes a rectangle of a partner into each sample; the labels mix by area (Yun et al., "CutMix", 2019). The
/// rectangle's sides are √(1 - λ) of the image's, λ from Beta(α, α), and its center is uniform; only its area inside
/// the image counts.
public struct CutMix: StageComponent, Stage {
  public static let declaration = Declaration(
    "cutmix", "Pastes rectangles of other samples; labels mix by area", primary: "alpha", of: CutMix(),
    Setting("alpha", .number(0.01...100), "Parameter of the Beta(α, α) distribution that mixing ratios are drawn from"),
    .mixing)

  public static var domains: Set<Format.Domain> { [.image] }
  package var alpha: Double
  /// Probability that a sample is mixed, 0 to 1.
  public var probability: Double

  public init(alpha: Double = 1, probability: Double = 1) { (self.alpha, self.probability) = (alpha, probability) }

  public func apply(to upstream: Flow<Sample>, at path: StagePath) throws -> Flow<Sample> {
    try mixed(upstream, at: path, stage: Self.name, probability: probability) { image, partner, random in
      let side = (1 - random.beta(alpha)).squareRoot()
      func span(_ length: Int) -> Range<Int> {
        let center = random.integer(in: 0...length - 1)
        let half = Int(side * Double(length)) / 2
        return max(0, center - half)..<min(length, center + half)
      }
      let (rows, columns) = (span(image.height), span(image.width))
      for y in rows {
        let row = (y * image.width + columns.lowerBound) * image.channels
        let bytes = row..<row + columns.count * image.channels
        image.pixels.replaceSubrange(bytes, with: partner.pixels[bytes])
      }
      return 1 - Double(rows.count * columns.count) / Double(image.height * image.width)
    }
  }
}

/// Returns a flow that mixes each sample with a partner. `mix` changes the image and returns the fraction of the sample
/// that remains.
private func mixed(
  _ upstream: Flow<Sample>, at path: StagePath, stage: String, probability: Double,
  mix: @escaping @Sendable (inout Image, Image, inout Random) -> Double
) throws -> Flow<Sample> {
  let about = upstream.about
  if about.numbers == .floats {
    throw MirageError(.badPipeline, "\(stage) comes after scale or normalize", remedy: "Put \(stage) before them.")
  }
  if about.classes.isEmpty {
    throw MirageError(.badPipeline, "\(stage) needs labels to mix", remedy: "Use a source with classes.")
  }
  let (path, classes, count) = (path.description, about.classes.count, upstream.count)
  return Flow(
    count: count, run: upstream.run,
    about: about.changed { $0.hasSoftLabels = true },
    locate: { position, run in SampleHeader(id: try upstream.locate(position, run).id, label: nil) },
    read: { positions, run in
      let key = Random.Key(seed: run.seed, path: path)
      var slots = try await upstream.read(positions, run)
      var generators: [(index: Int, random: Random)] = []
      var partners: [Int] = []
      for index in slots.indices {
        guard case .element(let sample) = slots[index] else { continue }
        var random = Random(key: key, sample: sample.id.digest, epoch: run.epoch)
        guard random.chance(probability) else { continue }
        partners.append(random.integer(in: 0...count - 1))
        generators.append((index, random))
      }
      let found = try await upstream.read(partners, run)
      for (partner, generator) in zip(found, generators) {
        let index = generator.index
        var random = generator.random
        // A partner that was filtered out, or that fails at its own position, leaves the sample as it is.
        // The sample is also unchanged if either has no label, since the blend could not be labeled.
        guard case .element(let other) = partner, case .element(var sample) = slots[index], let own = sample.label,
          let others = other.label
        else { continue }
        slots[index] = .absent
        let otherImage = other.bytes()
        guard sample.size == other.size else {
          slots[index] = .failed(
            SampleError(
              id: sample.id, origin: sample.origin.description, stage: "\(path) (\(stage))",
              error: .badData(
                "\(stage) needs images of one size, but this and \(other.origin) differ",
                remedy: "Put a resize or a crop before it.")))
          continue
        }
        let share = Float(try sample.withImage { mix(&$0, otherImage, &random) })
        sample.label = .distribution(
          zip(own.probabilities(of: classes), others.probabilities(of: classes)).map {
            $0 * share + $1 * (1 - share)
          })
        sample.kind = .augmented
        if run.recordsDraws {
          sample.history.append(
            Draw(
              path: path, name: stage, parameters: ["partner": .string("\(other.id)"), "share": .number(Double(share))])
          )
        }
        slots[index] = .element(sample)
      }
      return slots
    })
}

extension Random {
  /// Draws a number from Beta(α, α): the first of two Gamma(α) numbers, divided by their sum.
  mutating func beta(_ alpha: Double) -> Double {
    let (a, b) = (gamma(alpha), gamma(alpha))
    return a + b > 0 ? a / (a + b) : (chance(0.5) ? 1 : 0)
  }

  /// Draws a number from Gamma(α) with scale 1 (Marsaglia and Tsang, "A simple method for generating gamma variables",
  /// 2000).
  private mutating func gamma(_ alpha: Double) -> Double {
    if alpha < 1 { return gamma(alpha + 1) * PortableMath.pow(1 - uniform(), 1 / alpha) }
    let d = alpha - 1 / 3
    let c = 1 / (9 * d).squareRoot()
    while true {
      let x = normal()
      let v = (1 + c * x) * (1 + c * x) * (1 + c * x)
      if v <= 0 { continue }
      if PortableMath.log(1 - uniform()) < 0.5 * x * x + d - d * v + d * PortableMath.log(v) { return d * v }
    }
  }
}
