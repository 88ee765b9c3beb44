import MirageAdversarial
import MirageEvaluation
import MirageLearning
import MirageNetworks
import MirageStreams
import MirageSupport
import MirageTensors

/// Measures a translation while it is trained, on images that it is not trained on.
@TensorActor
package final class TranslationMeter<Subject: TranslationTrainee>: TrainingEvaluator {
  /// One of the two domains.
  package struct Domain {
    let coding: any SampleCoding
    /// Images that are translated, as batches of rows.
    let images: [Tensor]
    /// Indices of the domain's classes.
    let classes: Set<Int>

    package init(coding: any SampleCoding, images: [Tensor], classes: Set<Int>) {
      (self.coding, self.images, self.classes) = (coding, images, classes)
    }
  }

  /// A network that recognizes the classes, and the statistics of its features on real images of both domains.
  private typealias Recognition = (network: any FeatureNetwork, real: [FrechetDistance.Statistics])

  private let domains: [Domain]
  private let recognition: Recognition?
  private let metric: TranslationWatching.Metric

  /// - Parameters:
  ///   - domains: A and B.
  ///   - classifier: Network that recognizes the classes of both domains; nil if they have none.
  package init(
    _ domains: [Domain], classifier: (any FeatureNetwork)?, metric: TranslationWatching.Metric
  ) throws {
    (self.domains, self.metric) = (domains, metric)
    recognition = try classifier.map { network in
      (network, try domains.map { try Self.statistics($0.images.map { network.predictions(of: $0).features }) })
    }
  }

  /// Distances of one direction.
  private struct Distances {
    /// Mean absolute difference of images and their translation there and back, in -1 ... 1; nil without a way back.
    var cycle: Double?
    /// Mean absolute difference of translations and their partners, in -1 ... 1; nil without pairs.
    var paired: Double?
    /// Correlation of the pixels of images and translations: near 1 if nothing changes, below 0 if brightness is inverted.
    var correlation: Double?
    /// Fraction of the translations that the classifier takes for the other domain.
    var agreement: Double?
    /// Fréchet distance of the classifier's features between translations and real images.
    var fid: Double?
  }

  package func evaluate(_ subject: Subject) throws -> TrainingEvaluation {
    // The same noise each time, so that evaluations differ by the weights alone.
    var noise = Random(key: Random.Key(seed: 0, path: "translation-meter"), sample: 0)
    func translated(_ direction: TranslationDirection) -> ((Tensor) -> Tensor)? {
      guard Subject.Configuration.directions.contains(direction) else { return nil }
      return { subject.translated($0, direction, using: &noise) }
    }
    let (toB, toA) = (translated(.forward), translated(.backward))
    var found: [(name: String, title: String, distances: Distances)] = []
    if let toB { found.append(("ab", "A to B", try measure(0, toB, toA))) }
    if let toA { found.append(("ba", "B to A", try measure(1, toA, toB))) }
    var measures: [(name: String, value: Double)] = []
    for (name, _, distances) in found {
      for (measure, value) in [
        ("cycle-error", distances.cycle), ("paired-error", distances.paired),
        ("input-correlation", distances.correlation), ("label-agreement", distances.agreement), ("fid", distances.fid),
      ] {
        if let value { measures.append(("\(measure)-\(name)", value)) }
      }
    }
    func mean(_ values: [Double]) -> Double? { values.isEmpty ? nil : values.reduce(0, +) / Double(values.count) }
    let cycle = mean(found.compactMap(\.distances.cycle))
    let paired = mean(found.compactMap(\.distances.paired))
    let agreements = found.compactMap(\.distances.agreement).map { NumberText.fixed(100 * $0, decimals: 1) + " %" }
    var summary: [String] = []
    if let cycle { summary.append("cycle error \(NumberText.fixed(cycle, decimals: 3))") }
    if let paired { summary.append("difference from the partners \(NumberText.fixed(paired, decimals: 3))") }
    if !agreements.isEmpty { summary.append("label agreement \(agreements.joined(separator: " and "))") }
    var remarks: [String] = []
    for (_, title, distances) in found where !Subject.isPaired {
      if distances.correlation ?? 0 < -0.3 { remarks.append("\(title) inverts brightness") }
      if distances.correlation ?? 0 > 0.98 { remarks.append("\(title) changes nearly nothing") }
    }
    let score: Double? =
      switch metric {
      case .last: nil
      case .cycleError: cycle
      case .pairedError: paired
      case .fid: found.compactMap(\.distances.fid).reduce(0, +)
      }
    let text = ([summary.joined(separator: ", ")] + remarks).filter { !$0.isEmpty }.joined(separator: "; ")
    return TrainingEvaluation(measures, score: score, summary: text)
  }

  private func measure(
    _ domain: Int, _ there: (Tensor) -> Tensor, _ back: ((Tensor) -> Tensor)?
  ) throws -> Distances {
    let (from, to) = (domains[domain], domains[1 - domain])
    var (distances, count, recognized) = (Distances(), 0, 0)
    var (inputs, outputs): ([Double], [Double]) = ([], [])
    var features: [Tensor] = []
    var (cycle, paired) = (0.0, 0.0)
    for (index, images) in from.images.enumerated() {
      let translated = there(images)
      func difference(_ x: Tensor, _ y: Tensor) -> Double {
        Double((x - y).abs().mean().scalar) * Double(images.shape[0])
      }
      if let back { cycle += difference(back(translated), images) }
      if Subject.isPaired { paired += difference(translated, to.images[index]) }
      count += images.shape[0]
      if images.shape == translated.shape {
        inputs += images.values.map(Double.init)
        outputs += translated.values.map(Double.init)
      }
      guard let recognition else { continue }
      let predictions = recognition.network.predictions(of: to.coding.quantized(translated))
      features.append(predictions.features)
      recognized += predictions.logits.argmax(axis: 1).count { to.classes.contains($0) }
    }
    if back != nil { distances.cycle = cycle / Double(max(1, count)) }
    if Subject.isPaired { distances.paired = paired / Double(max(1, count)) }
    distances.correlation = inputs.isEmpty ? nil : PairedScores.correlation(inputs, outputs)
    if let recognition {
      distances.agreement = Double(recognized) / Double(max(1, count))
      distances.fid = try FrechetDistance.between(recognition.real[1 - domain], Self.statistics(features))
    }
    return distances
  }

  private static func statistics(_ features: [Tensor]) throws -> FrechetDistance.Statistics {
    try FrechetDistance.Statistics(
      Features(features.flatMap(\.values), dimensions: features.first?.shape[1] ?? 1))
  }
}
