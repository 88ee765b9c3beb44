import ArgumentParser
import Foundation
import Mirage

struct EvaluateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate", abstract: "Measure how good generated samples are, against real ones.",
    discussion: """
      REAL and GENERATED are directories with MNIST, CIFAR, image folders or WebDataset shards, CIFAR archives, or pipeline
      files; GENERATED may also be a GAN's checkpoint, which then makes as many samples as REAL has for training. Samples
      are compared with REAL's test part; where it has none, a tenth is kept for that.

      Translations are compared with their ORIGINALS too: overlap of silhouettes, correlation of edges, and the error of
      the way back. GENERATED is then the checkpoint of a translation, or the translations in the order of their
      originals; REAL is the domain that is translated to. With --pairs it holds the true translation of each original, in
      their order, and L1, PSNR and SSIM are measured.

      Features are those of a classifier that is trained on REAL once and kept in the cache, or of the Inception network of
      2015 whose weights --inception names (pytorch-fid's pt_inception-2015-12-05-6726825d.pth): only those give values
      that compare with published ones.

      EXAMPLES
        mirage evaluate /usr/share/datasets/fashion-mnist out/made
        mirage evaluate /usr/share/datasets/fashion-mnist fashion.safetensors --metric fid --metric label-agreement
        mirage evaluate boots.yaml sneaker-boot.safetensors --originals sneakers.yaml --label "Ankle boot"
        mirage evaluate data/celeba-64 out/made --inception pt_inception-2015-12-05-6726825d.pth --json
      """)

  @Argument(help: "The real dataset.", completion: .directory)
  var real: String

  @Argument(help: "The generated dataset, or a GAN's checkpoint.", completion: .directory)
  var generated: String

  @Option(
    name: .customLong("metric"),
    help: ArgumentHelp(
      "Measure only this: \(DatasetEvaluation.Metric.allCases.map(\.rawValue).joined(separator: ", ")); may be given "
        + "several times."))
  var metrics: [DatasetEvaluation.Metric] = []

  @Option(help: "Maximum number of samples of each kind that are compared.")
  var count = 10_000

  @Option(help: "Random seed.")
  var seed: UInt64 = 0

  @Option(help: "A classifier of REAL's classes, instead of one from the cache.", completion: .file())
  var classifier: String?

  @Option(help: "The weights of the Inception network of 2015.", completion: .file())
  var inception: String?

  @Option(help: "Samples that the translations are made of: a dataset or a pipeline file.", completion: .file())
  var originals: String?

  @Option(help: ArgumentHelp("Direction of a translation.", valueName: "forward|backward"))
  var direction = TranslationDirection.forward

  @Option(help: "Class of the translations, by name or number; that of their originals if not given.")
  var label: String?

  @Flag(help: "REAL holds the true translations, in the order of the originals.")
  var pairs = false

  @OptionGroup var threads: ThreadOptions

  @Flag(help: "Print the result as JSON.")
  var json = false

  @Flag(help: "Print the result only.")
  var quiet = false

  func validate() throws {
    if !(2...10_000_000).contains(count) { throw ValidationError("--count must be at least 2.") }
    if pairs && originals == nil { throw ValidationError("--pairs needs --originals.") }
  }

  func run() async throws {
    threads.prepare()
    var evaluation = DatasetEvaluation()
    (evaluation.count, evaluation.seed) = (count, seed)
    if !metrics.isEmpty { evaluation.metrics = metrics }
    let location = try DatasetLocation(real)
    // The tenth does not depend on --seed: the classifier in the cache was trained on the rest.
    let parts = try await location.parts()
    let (train, test) = (parts.train, parts.test)
    let originals: Flow<Sample>? =
      if let path = originals { try await DatasetLocation(path).samplesToTest() } else { nil }
    let (made, hasClasses) = try await generatedFlow(train, of: originals)
    let needed = evaluation.metrics.filter { !hasClasses && $0.needsClasses }
    evaluation.metrics.removeAll(where: needed.contains)
    let line = ProgressLine(isQuiet: quiet || json)
    defer { line.end() }
    let hasFeatures = train.flow.about.classes.count > 1 || inception != nil
    guard hasFeatures || originals != nil else {
      throw MirageError(
        .usage, "the real dataset has no classes that a classifier could learn", file: real,
        remedy: "Give the weights of the Inception network with --inception.")
    }
    var report = EvaluationReport()
    if hasFeatures {
      let comparable = try await inColors(of: train.flow, made)
      let sets = DatasetEvaluation.Sets(
        train: train, test: test, generated: Batches(comparable, size: 125, ignoresClasses: !hasClasses))
      let judges = Judges(
        classifier: classifier, inception: inception, needsClassifier: evaluation.metrics.contains(.labelAgreement),
        identity: try location.identity)
      if inception != nil { try await checkChannels(train, comparable) }
      report = try await Self.report(evaluation, sets, judges, line)
      if !needed.isEmpty {
        let names = needed.map(\.rawValue).joined(separator: ", ")
        report.remarks.append("left out: \(names), since the generated samples do not have the real ones' classes")
      }
    }
    if let originals {
      line.show("originals")
      let truths = pairs ? try await inColors(of: made, location.samplesToTest()) : nil
      let translations = TranslationEvaluation(
        originals: originals, translations: made, truths: truths,
        model: isCheckpoint ? (generated, direction) : nil, count: count)
      try await translations.add(to: &report)
    }
    line.end()
    print(json ? report.json.text : report.text)
  }

  private struct Judges: Sendable {
    var classifier, inception: String?
    var needsClassifier: Bool
    var identity: JSONValue
  }

  @TensorActor
  private static func report(
    _ evaluation: DatasetEvaluation, _ sets: DatasetEvaluation.Sets, _ judges: Judges, _ line: ProgressLine
  ) async throws -> EvaluationReport {
    var (known, remark): (ImageClassifier?, String?)
    if judges.inception == nil || judges.needsClassifier {
      if let path = judges.classifier {
        known = try await ImageClassifier(for: sets.train, from: Checkpoint(reading: path))
      } else {
        let found = try await ClassifierCache().classifier(
          train: sets.train, test: sets.test, identity: judges.identity
        ) { line.show("training the classifier", done: $0.step, of: $0.steps, unit: "steps/s") }
        known = found.classifier
        remark = "the classifier is right on \(NumberText.percent(found.accuracy)) % of the real test samples"
      }
    }
    let network: any FeatureNetwork =
      if let path = judges.inception { try InceptionNetwork(reading: path) } else { known! }
    var report = try await evaluation.run(on: sets, network: network, classifier: known) { line.show($0) }
    if let remark { report.remarks.append(remark) }
    return report
  }

  private func checkChannels(_ train: Batches, _ made: Flow<Sample>) async throws {
    for (flow, path) in [(train.flow, real), (made, generated)] {
      if let channels = try await flow.example()?.size.channels, ![1, 3].contains(channels) {
        throw MirageError.badData(
          "images of \(channels) channels, and the Inception network takes gray or RGB", file: path,
          remedy: "Read them through a pipeline file whose source has channels: rgb.")
      }
    }
  }

  /// Converts images to gray or RGB as others are, since image folders are always read as RGB.
  private func inColors(of model: Flow<Sample>, _ flow: Flow<Sample>) async throws -> Flow<Sample> {
    switch (try await model.example()?.size.channels, try await flow.example()?.size.channels) {
    case (1, 3): flow.converted(to: .gray)
    case (3, 1): flow.converted(to: .rgb)
    default: flow
    }
  }

  private var isCheckpoint: Bool { generated.hasSuffix(".safetensors") }

  /// Returns the generated samples, and whether they have the real samples' classes; if so, with their class indices.
  private func generatedFlow(
    _ train: Batches, of originals: Flow<Sample>?
  ) async throws -> (flow: Flow<Sample>, hasClasses: Bool) {
    let flow: Flow<Sample>
    if isCheckpoint, let originals {
      let stage = Translate(checkpoint: generated, direction: direction, originals: .drop, label: label)
      let context = Context().at(StagePath.root.stage(0))
      flow = try await stage.fit(on: originals, in: context).stage.apply(to: originals, at: context.path)
    } else if isCheckpoint {
      if let kind = try SavedModel(reading: generated).kind, kind.isTranslation {
        throw MirageError(
          .usage, "the checkpoint is \(kind.title)'s, which translates", file: generated,
          remedy: "Name the samples to translate with --originals.")
      }
      let source = GANSource(checkpoint: generated, emit: Emission(count: train.count))
      flow = try await source.flow().running(Run(seed: seed))
    } else {
      guard let found = try await DatasetLocation(generated).flow(.train, fitting: .requireTrained) else {
        throw MirageError(.missingInput, "has no samples", file: generated)
      }
      flow = found
    }
    let numbered = flow.numberingClasses(as: train.flow.about.classes)
    return (numbered ?? flow, numbered != nil)
  }
}

extension DatasetEvaluation.Metric: ExpressibleByArgument {
  public init?(argument: String) { self.init(rawValue: americanSpelling(argument)) }
}

extension TranslationDirection: ExpressibleByArgument {}
