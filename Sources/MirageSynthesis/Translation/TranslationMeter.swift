import MirageAdversarial
import MirageEvaluation
import MirageLearning
import MirageNetworks
import MirageStreams
import MirageSupport
import MirageTensors

/// Measures a translation while it is trained, on images that it is not trained on.
@TensorActor
package final class TranslationMeter: TrainingEvaluator {
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
  private let metric: CycleTranslation.Watching.Metric

  /// - Parameters:
  ///   - domains: A and B.
  ///   - classifier: Network that recognizes the classes of both domains; nil if they have none.
  package init(
    _ domains: [Domain], classifier: (any FeatureNetwork)?, metric: CycleTranslation.Watching.Metric
  ) throws {
    (self.domains, self.metric) = (domains, metric)
    recognition = try classifier.map { network in
      (network, try domains.map { try Self.statistics($0.images.map { network.predictions(of: $0).features }) })
    }
  }

  /// Distances of one direction.
  private struct Distances {
    /// Mean absolute difference of images and their translation there and back, in -1 ... 1.
    var cycle = 0.0
    /// Correlation of the pixels of images and translations: near 1 if nothing changes, below 0 if brightness is inverted.
    var correlation: Double?
    /// Fraction of the translations that the classifier takes for the other domain.
    var agreement: Double?
    /// Fréchet distance of the classifier's features between translations and real images.
    var fid: Double?
  }

  package func evaluate(_ subject: CycleGANTrainee) throws -> TrainingEvaluation {
    // The same noise each time, so that evaluations differ by the weights alone.
    var noise = Random(key: Random.Key(seed: 0, path: "translation-meter"), sample: 0)
    let gan = subject.gan
    let (toB, toA) = ({ gan.translatedToB($0, using: &noise) }, gan.translatedToA)
    let found = [try measure(0, toB, toA), try measure(1, toA, toB)]
    var measures: [(name: String, value: Double)] = []
    for (direction, distances) in zip(["ab", "ba"], found) {
      measures.append(("cycle-error-\(direction)", distances.cycle))
      if let value = distances.correlation { measures.append(("input-correlation-\(direction)", value)) }
      if let value = distances.agreement { measures.append(("label-agreement-\(direction)", value)) }
      if let value = distances.fid { measures.append(("fid-\(direction)", value)) }
    }
    let cycle = found.map(\.cycle).reduce(0, +) / 2
    var summary = "cycle error \(NumberText.fixed(cycle, decimals: 3))"
    if recognition != nil {
      let agreements = found.map { NumberText.fixed(100 * ($0.agreement ?? 0), decimals: 1) + " %" }
      summary += ", label agreement \(agreements.joined(separator: " and "))"
    }
    for (direction, distances) in zip(["A to B", "B to A"], found) {
      if distances.correlation ?? 0 < -0.3 { summary += "; \(direction) inverts brightness" }
      if distances.correlation ?? 0 > 0.98 { summary += "; \(direction) changes nearly nothing" }
    }
    let score: Double? =
      switch metric {
      case .last: nil
      case .cycleError: cycle
      case .fid: found.compactMap(\.fid).reduce(0, +)
      }
    return TrainingEvaluation(measures, score: score, summary: summary)
  }

  private func measure(
    _ domain: Int, _ there: (Tensor) -> Tensor, _ back: (Tensor) -> Tensor
  ) throws -> Distances {
    let (from, to) = (domains[domain], domains[1 - domain])
    var (distances, count, recognized) = (Distances(), 0, 0)
    var (inputs, outputs): ([Float], [Float]) = ([], [])
    var features: [Tensor] = []
    for images in from.images {
      let translated = there(images)
      let returned = back(translated)
      distances.cycle += Double((returned - images).abs().mean().scalar) * Double(images.shape[0])
      count += images.shape[0]
      if images.shape == translated.shape {
        inputs += images.values
        outputs += translated.values
      }
      guard let recognition else { continue }
      let predictions = recognition.network.predictions(of: to.coding.quantized(translated))
      features.append(predictions.features)
      recognized += predictions.logits.argmax(axis: 1).count { to.classes.contains($0) }
    }
    distances.cycle /= Double(max(1, count))
    distances.correlation = inputs.isEmpty ? nil : Self.correlation(inputs, outputs)
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

  private static func correlation(_ x: [Float], _ y: [Float]) -> Double {
    let count = Double(x.count)
    let (meanX, meanY) = (x.reduce(0) { $0 + Double($1) } / count, y.reduce(0) { $0 + Double($1) } / count)
    var (xx, yy, xy) = (0.0, 0.0, 0.0)
    for (x, y) in zip(x, y) {
      let (dx, dy) = (Double(x) - meanX, Double(y) - meanY)
      (xx, yy, xy) = (xx + dx * dx, yy + dy * dy, xy + dx * dy)
    }
    return xx > 0 && yy > 0 ? xy / (xx * yy).squareRoot() : 0
  }
}
