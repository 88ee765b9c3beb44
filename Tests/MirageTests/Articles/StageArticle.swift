import Mirage

/// The code of the article "A stage of your own".
enum StageArticle {
  static func fitted(_ directory: String) async throws -> FittedPipeline {
    let pipeline = Pipeline(
      seed: 7, source: MNIST(directory: directory),
      stages: [Thin(limit: 1000), EveryNth(n: 5), Darken(factor: 0.5...1)])
    let fitted = try await pipeline.fitted()
    for try await sample in fitted.flow { print(sample.id) }

    return fitted
  }

  private static func print(_: Any...) {}
}

/// Darkens images of bytes by a random factor.
struct Darken: Augmentation {
  static let declaration = Declaration(
    "darken", "Darkens images by a random factor", of: Darken(factor: 1...1),
    .required("factor", .numberRange(0...1), "Factor, 0 (black) to 1 (unchanged)"), .probability)

  /// Range of the factor, 0 (black) to 1 (unchanged).
  var factor: ClosedRange<Double>
  /// Probability that the augmentation is applied.
  var probability = 1.0

  struct Parameters: Sendable, Codable { var factor: Double }

  func draw(for sample: borrowing Sample, using random: inout Random) -> Parameters {
    Parameters(factor: random.uniform(in: factor))
  }

  func apply(_ parameters: Parameters, to sample: inout Sample) throws {
    try sample.withImage { image in
      for index in image.pixels.indices {
        image.pixels[index] = UInt8(Double(image.pixels[index]) * parameters.factor)
      }
    }
  }
}

/// Every nth sample, from the first one on.
struct EveryNth: StageComponent, Stage {
  static let declaration = Declaration(
    "every-nth", "Every nth sample, from the first one on", of: EveryNth(n: 1),
    .required("n", .integer(1...1_000_000), "Distance between two samples that are kept"))

  /// Distance between two samples that are kept, at least 1.
  var n: Int

  func apply(to upstream: Flow<Sample>, at path: StagePath) throws -> Flow<Sample> {
    let n = n
    return Flow(
      count: (upstream.count + n - 1) / n, run: upstream.run, about: upstream.about,
      locate: { position, run in try upstream.locate(position * n, run) },
      read: { positions, run in try await upstream.read(positions.map { $0 * n }, run) })
  }
}

/// Every second sample if there are more than a limit, all of them otherwise.
struct Thin: StageComponent, Estimator {
  static let declaration = Declaration(
    "thin", "Every second sample if there are more than a limit", of: Thin(limit: 0),
    .required("limit", .integer(0...Int.max), "Number of samples up to which all are kept"))

  /// Number of samples up to which all are kept.
  var limit: Int

  func fit(on upstream: Flow<Sample>, in context: Context) async throws -> Fitted<Sample, Sample> {
    var count = 0
    for try await _ in upstream { count += 1 }
    return Fitted(EveryNth(n: count > limit ? 2 : 1), measures: [.init("samples", Double(count))])
  }
}
