import MirageLearning
import MirageSupport
import MirageNetworks
import MirageStreams
import MirageTensors

/// Measures how good generated samples are, against real ones.
public struct DatasetEvaluation: Sendable {
  /// What can be measured.
  public enum Metric: String, Sendable, CaseIterable {
    case fid, kid
    case inceptionScore = "inception-score"
    case precisionRecall = "precision-recall"
    case densityCoverage = "density-coverage"
    case memorization
    case labelAgreement = "label-agreement"
    /// Classification accuracy score: a classifier trained on generated samples, tested on real ones.
    case cas
    /// A classifier trained on real samples, tested on generated ones.
    case ganTest = "gan-test"

    /// Whether it looks at the generated samples' classes.
    public var needsClasses: Bool { [.labelAgreement, .cas, .ganTest].contains(self) }
  }

  /// What is measured.
  public var metrics: [Metric] = Metric.allCases
  /// At most so many generated samples, as many real test samples, and as many training samples are compared; classifiers
  /// are trained on more.
  public var count = 10_000
  /// What samples are drawn by, and classifiers begin with.
  public var seed: UInt64 = 0

  /// All metrics, of 10,000 samples.
  public init() {}

  /// The three sets.
  public struct Sets: Sendable {
    /// What the generator was trained on, or could have been.
    public var train: Batches
    /// Real samples that it was not trained on.
    public var test: Batches
    /// What is measured.
    public var generated: Batches

    public init(train: Batches, test: Batches, generated: Batches) {
      (self.train, self.test, self.generated) = (train, test, generated)
    }
  }

  /// - Parameters:
  ///   - network: whose features and classes are compared.
  ///   - classifier: of the data's classes; label agreement needs it.
  ///   - progress: told what is being done.
  /// - Throws: what reading throws; bad data where there are too few samples for a metric, or a sample lacks its class;
  ///   usage where label agreement has no classifier; `CancellationError`.
  @TensorActor
  public func run(
    on sets: Sets, network: any FeatureNetwork, classifier: ImageClassifier?,
    progress: @escaping @Sendable (String) -> Void = { _ in }
  ) async throws -> EvaluationReport {
    var sets = sets
    if let known = (network as? ImageClassifier ?? classifier)?.configuration {
      // A classifier knows images of one size.
      sets = Sets(
        train: sets.train.expecting(known), test: sets.test.expecting(known), generated: sets.generated.expecting(known)
      )
    }
    var report = EvaluationReport(features: network.name)
    progress("generated samples")
    let generated = try await Predictions(sets.generated, count: count, by: network, seed: seed)
    guard !generated.labels.isEmpty else { throw MirageError.badData("there is no generated sample to measure") }
    progress("real samples")
    let test = try await Predictions(sets.test, count: generated.labels.count, by: network, seed: seed)
    let compared = [("generated", generated.labels.count), ("real test", test.labels.count)]
    for metric in metrics {
      try Task.checkCancellation()
      progress(metric.rawValue)
      switch metric {
      case .fid:
        report.add("FID", try FrechetDistance.between(generated.vectors(), test.vectors()), of: compared)
      case .kid:
        let kid = try KernelDistance(generated.vectors(), test.vectors(), seed: seed)
        report.add("KID", kid.mean, kid.standardDeviation, of: compared)
      case .inceptionScore:
        let score = try InceptionScore(
          probabilities: Features(generated.probabilities, dimensions: generated.classes))
        report.add("inception score", score.mean, score.standardDeviation, of: [compared[0]])
      case .precisionRecall, .densityCoverage:
        // Both come from the same distances.
        if metric == .densityCoverage && metrics.contains(.precisionRecall) { continue }
        let found = try Neighborhoods(real: test.vectors(), generated: generated.vectors())
        if metrics.contains(.precisionRecall) {
          report.add("precision", found.precision, of: compared)
          report.add("recall", found.recall, of: compared)
        }
        if metrics.contains(.densityCoverage) {
          report.add("density", found.density, of: compared)
          report.add("coverage", found.coverage, of: compared)
        }
      case .memorization:
        let train = try await Predictions(sets.train, count: generated.labels.count, by: network, seed: seed)
        let found = try Memorization(
          generated: generated.vectors(), training: train.vectors(), heldOut: test.vectors(), seed: seed)
        let samples = compared + [("real training", train.labels.count)]
        report.add("memorization ratio (median)", found.medianRatio, of: samples)
        report.add("nearer to training than test", found.fractionNearerTraining, of: samples)
      case .labelAgreement:
        guard let classifier else {
          throw MirageError(.usage, "label agreement needs a classifier of the data's classes")
        }
        // Where the features are the classifier's, it has predictions of these samples already.
        let predictions =
          network as AnyObject === classifier
          ? generated : try await Predictions(sets.generated, count: count, by: classifier, seed: seed)
        let right = zip(predictions.predictedLabels, predictions.labels).count { $0 == $1 }
        report.add("label agreement", Double(right) / Double(predictions.labels.count), of: [compared[0]])
      case .cas: try await addTrained(to: &report, sets, isTrainedOnReal: false, progress)
      case .ganTest: try await addTrained(to: &report, sets, isTrainedOnReal: true, progress)
      }
    }
    return report
  }

  /// Trains a classifier on one kind of samples, as many and for as many steps as on the other.
  @TensorActor
  private func addTrained(
    to report: inout EvaluationReport, _ sets: Sets, isTrainedOnReal: Bool,
    _ progress: @escaping @Sendable (String) -> Void
  ) async throws {
    let source = isTrainedOnReal ? sets.train : sets.generated
    let number = min(sets.train.count, sets.generated.count)
    let key = Random.Key(seed: seed, path: isTrainedOnReal ? "gan-test" : "cas")
    let order = Permutation(count: source.count, key: key, epoch: 0)
    let chosen = source.selecting((0..<number).map { order[$0] })
    var training = ClassifierTraining()
    // Few samples still give about a thousand steps.
    training.epochs = max(8, 128_000 / max(1, number))
    training.seed = seed &+ 1
    let trained = try await training.run(train: chosen, test: sets.test) { step in
      if step.step % 50 == 0 { progress("\(isTrainedOnReal ? "gan-test" : "cas"), step \(step.step) of \(step.steps)") }
    }
    let trainedOn = (isTrainedOnReal ? "real training" : "generated", number)
    let tested = ("real test", sets.test.count)
    guard isTrainedOnReal else {
      report.add("CAS (trained on generated, tested on real)", trained.accuracy, of: [trainedOn, tested])
      return
    }
    let accuracy = try await ClassifierTraining.accuracy(of: trained.checkpoint, on: sets.generated)
    report.add(
      "GAN-test (trained on real, tested on generated)", accuracy, of: [trainedOn, ("generated", sets.generated.count)])
    report.add("trained and tested on real", trained.accuracy, of: [trainedOn, tested])
  }
}
