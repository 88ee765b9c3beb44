import MirageAdversarial
import MirageEvaluation
import MirageLearning
import MirageStreams
import MirageSupport
import MirageTensors

/// Evaluation of translations against what they were made of and, for pairs, against their true partners.
package struct TranslationEvaluation: Sendable {
  /// Samples that are translated.
  package var originals: Flow<Sample>
  /// Translations, at the positions of their originals.
  package var translations: Flow<Sample>
  /// True partners at the same positions; nil without pairs.
  package var truths: Flow<Sample>?
  /// Checkpoint of the model and the direction, for the way back; nil without.
  package var model: (path: String, direction: TranslationDirection)?
  /// Maximum number of samples that are compared.
  package var count: Int

  /// Creates an evaluation of translations.
  package init(
    originals: Flow<Sample>, translations: Flow<Sample>, truths: Flow<Sample>? = nil,
    model: (path: String, direction: TranslationDirection)? = nil, count: Int = 10_000
  ) {
    (self.originals, self.translations, self.truths) = (originals, translations, truths)
    (self.model, self.count) = (model, count)
  }

  /// Adds the scores to a report: silhouette overlap and edge correlation with the originals; mean absolute cycle error if
  /// the model translates back; mean absolute difference, PSNR and SSIM against partners.
  ///
  /// - Throws: bad data if translations and originals, or partners, differ in number or size; errors of reading.
  @TensorActor package func add(to report: inout EvaluationReport) async throws {
    for (name, flow) in [("originals", originals), ("partners", truths)] {
      if let flow, flow.count != translations.count {
        throw MirageError.badData(
          "there are \(translations.count) translations and \(flow.count) \(name), which are compared one by one",
          remedy: "Give the samples that the translations were made of, in their order.")
      }
    }
    let back = try model.flatMap { try wayBack(of: $0.path, $0.direction) }
    var (sums, compared): ([(name: String, sum: Double)], Int) = ([], 0)
    for start in stride(from: 0, to: min(count, translations.count), by: 64) {
      try Task.checkCancellation()
      let images = try await images(at: Array(start..<min(start + 64, count, translations.count)))
      guard let images else { continue }
      let number = images.made.shape[0]
      for (place, score) in try scores(of: images, back).enumerated() {
        if place == sums.count { sums.append((score.name, 0)) }
        sums[place].sum += score.value * Double(number)
      }
      compared += number
    }
    guard compared > 0 else { throw MirageError.badData("there is no translation to measure") }
    for (name, sum) in sums { report.add(name, sum / Double(compared), of: [("translated", compared)]) }
  }

  /// Translations with their originals and partners.
  private typealias Images = (own: Tensor, made: Tensor, truth: Tensor?)

  private func scores(of images: Images, _ back: ((Tensor) -> Tensor)?) throws -> [(name: String, value: Double)] {
    var found: [(name: String, value: Double)] = []
    let (own, made) = (PairedScores.gray(images.own), PairedScores.gray(images.made))
    if own.shape == made.shape {
      found.append(("silhouette overlap", PairedScores.silhouetteOverlap(own, made)))
      found.append(("edge correlation", PairedScores.edgeCorrelation(own, made)))
    }
    if let back { found.append(("cycle error", PairedScores.l1(back(images.made), images.own))) }
    guard let truth = images.truth else { return found }
    guard images.made.shape == truth.shape else {
      throw MirageError.badData(
        "translations are \(images.made.shape.dropFirst()) and their partners \(truth.shape.dropFirst())",
        remedy: "Bring the partners to the size and color mode of the translations.")
    }
    return found + [
      ("L1", PairedScores.l1(images.made, truth)), ("PSNR", PairedScores.psnr(images.made, truth)),
      ("SSIM", PairedScores.ssim(images.made, truth)),
    ]
  }

  /// Returns the images at positions where nothing is missing; nil if there are none.
  private func images(at positions: [Int]) async throws -> Images? {
    func samples(_ flow: Flow<Sample>) async throws -> [Sample?] {
      try await flow.read(positions, flow.run).map { slot in
        switch slot {
        case .element(let sample): return sample
        case .absent: return nil
        case .failed(let error): throw error
        }
      }
    }
    let (own, made) = (try await samples(originals), try await samples(translations))
    let truth: [Sample?]? = if let truths { try await samples(truths) } else { nil }
    let kept = positions.indices.filter { own[$0] != nil && made[$0] != nil && (truth == nil || truth?[$0] != nil) }
    guard !kept.isEmpty else { return nil }
    func rows(_ samples: [Sample?]) throws -> Tensor {
      try Batch(kept.compactMap { samples[$0] }, ignoresClasses: true).images
    }
    return (try rows(own), try rows(made), try truth.map(rows))
  }

  /// Returns the generator of the other direction; nil if the model has none.
  @TensorActor private func wayBack(
    of path: String, _ direction: TranslationDirection
  ) throws -> ((Tensor) -> Tensor)? {
    let model = try TranslationModel(reading: path)
    let other: TranslationDirection = direction == .forward ? .backward : .forward
    guard type(of: model.configuration).directions.contains(other) else { return nil }
    let (network, configuration) = (try model.generator(other), model.configuration)
    return { images in
      let randoms = (0..<images.shape[0]).map {
        Random(key: Random.Key(seed: 0, path: "cycle"), sample: UInt64($0))
      }
      let input = other == .forward ? configuration.withNoise(images, from: randoms) : images
      return network(input, .inference)
    }
  }
}
