import MirageLearning
import MirageSupport
import MirageNetworks
import MirageStreams
import MirageTensors

/// Evaluation of generated samples against real ones.
public struct DatasetEvaluation: Sendable {
  /// A metric; the raw value is its name on the command line.
  public enum Metric: String, Sendable, CaseIterable {
    /// Fréchet distance between features of generated and real test samples (Heusel et al. 2017); see `FrechetDistance`.
    case fid
    /// Kernel distance: squared maximum mean discrepancy between features of generated and real test samples (Bińkowski
    /// et al. 2018, "Demystifying MMD GANs"), on 100 random subsets of up to 1000 samples.
    case kid
    /// Confidence and variety of the predicted classes of generated samples (Salimans et al. 2016, "Improved techniques
    /// for training GANs"), on 10 splits; 1 to the number of classes.
    case inceptionScore = "inception-score"
    /// Fractions of generated samples near real ones, and of real samples near generated ones (Kynkäänniemi et al. 2019,
    /// "Improved precision and recall metric for assessing generative models"), with 3 neighbors.
    case precisionRecall = "precision-recall"
    /// Density and coverage of real neighborhoods by generated samples (Naeem et al. 2020, "Reliable fidelity and
    /// diversity metrics for generative models"), with 5 neighbors.
    case densityCoverage = "density-coverage"
    /// Ratio of the distances of generated samples to training and to test samples: near 1 for no memorization, near 0
    /// for copies.
    case memorization
    /// Fraction of the generated samples whose predicted class is the one that they were generated for.
    case labelAgreement = "label-agreement"
    /// Classification accuracy score (Ravuri and Vinyals 2019, "Classification accuracy score for conditional generative
    /// models"): accuracy on real samples of a classifier that was trained on generated ones.
    case cas
    /// GAN-test (Shmelkov et al. 2018, "How good is my GAN?"): accuracy on generated samples of a classifier that was
    /// trained on real ones.
    case ganTest = "gan-test"

    /// True if the metric uses the classes of the generated samples.
    package var needsClasses: Bool { [.labelAgreement, .cas, .ganTest].contains(self) }
  }

  /// Metrics to compute, in the order of the report. Defaults to all.
  public var metrics: [Metric] = Metric.allCases
  /// Maximum number of samples per set whose features are compared. Defaults to 10,000. Classifiers are trained and tested
  /// on whole sets.
  public var count = 10_000
  /// Random seed of the choice of samples, of subsets, and of the classifiers that are trained. Defaults to 0.
  public var seed: UInt64 = 0

  /// Creates an evaluation with the default settings.
  public init() {}

  /// Sets of samples to compare.
  public struct Sets: Sendable {
    /// Samples that the generator was trained on, or of the same part of the dataset.
    public var train: Batches
    /// Real samples that the generator was not trained on.
    public var test: Batches
    /// Generated samples, which are measured.
    public var generated: Batches

    /// Creates the sets to compare.
    public init(train: Batches, test: Batches, generated: Batches) {
      (self.train, self.test, self.generated) = (train, test, generated)
    }
  }

  /// Computes the metrics.
  ///
  /// - Parameters:
  ///   - sets: Samples to compare. If a classifier takes part, all images must have the size that it was made for.
  ///   - network: Network whose features and class probabilities are compared.
  ///   - classifier: Classifier of the data's classes; needed for label agreement only.
  ///   - progress: Called with the name of each part of the work before it begins.
  /// - Throws: `MirageError` of kind `badData` if there are too few samples for a metric, or a sample lacks a class
  ///   that a metric needs; `MirageError` of kind `usage` if label agreement has no classifier; errors of reading
  ///   samples; `CancellationError`.
  @TensorActor
  public func run(
    on sets: Sets, network: any FeatureNetwork, classifier: ImageClassifier?,
    progress: @escaping @Sendable (String) -> Void = { _ in }
  ) async throws -> EvaluationReport {
    var sets = sets
    if let known = (network as? ImageClassifier ?? classifier)?.configuration {
      // A classifier takes images of one size.
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
        // Both metrics are computed from the same distances.
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
        // If the features are those of the classifier, its predictions for these samples are known already.
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

  /// Adds the accuracy of a classifier that is trained on real or on generated samples. The number of samples and of
  /// steps is the same for both, so that the accuracies can be compared.
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
    // With few samples there are more epochs, so that training takes at least about a thousand steps.
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
