import MirageMedia
import MirageReports
import MirageStreams
import MirageSupport
import MirageSynthesis
import StreamsTestSupport
import TestSupport
import Testing

/// Images in the colors of their classes, which are not equally frequent: 15, 10 and 5 of 30.
struct PaintedSource: SourceComponent {
  static let declaration = Declaration("painted", "Images in the colors of their classes")

  static let labels = [0, 0, 0, 1, 1, 2]
  var count = 30

  func flow(in context: Context) -> Flow<Sample> {
    made(count, classes: PaintedModel.classes) { index in
      let label = Self.labels[index % 6]
      return Sample(
        id: SampleID(index: index), origin: Origin("painted", member: index),
        content: .image(PaintedModel.image(label)), label: .index(label))
    }
  }
}

/// What a training measures of its samples, and which state it keeps and uses.
@Suite struct MonitoringTests {
  let directory = TemporaryDirectory()

  /// Trains for a few steps, each of them evaluated, with a classifier that is there already.
  private func train(
    _ name: String, _ metric: GANWatching.Metric, seed: UInt64 = 3, always label: Int? = nil
  ) async throws -> (samples: [Sample], history: TrainingHistory) {
    let folder = directory.file("\(name)-training")
    try makeDirectories(folder)
    try PaintedModel.writeClassifier(to: folder + "/classifier.safetensors", always: label)
    let stage = try SmallStage.gan(directory.file("\(name).safetensors"), steps: 12) {
      $0.watch.metric = metric
      ($0.watch.evaluateEvery, $0.watch.evaluateCount) = (1, 30)
      ($0.train.learningRate, $0.emit) = (5e-3, Emission(perClass: 20, syntheticOnly: true))
    }
    let pipeline = Pipeline(seed: seed, source: PaintedSource(), stages: [stage])
    let samples = try await SmallStage.fitted(pipeline, Run(seed: seed)).samples()
    return (samples, try TrainingHistory(readingFrom: folder))
  }

  /// A classifier that says one class of everything agrees with as many samples as the data has of that class.
  @Test(arguments: [0, 1, 2]) func classesAreMeasuredAsOftenAsTheyCome(_ label: Int) async throws {
    let (_, history) = try await train("always-\(label)", .fid, always: label)
    let agreement = history["metric/label-agreement"]
    let expected = Double(PaintedSource.labels.count { $0 == label }) / 6
    #expect(agreement.count == 13 && agreement.allSatisfy { abs($0.value - expected) < 1e-6 })
  }

  /// The best state is the first with the lowest distance, or with the highest agreement; samples are made with it.
  @Test(arguments: [GANWatching.Metric.fid, .labelAgreement])
  func theBestStateIsKeptAndUsed(_ metric: GANWatching.Metric) async throws {
    var hasDiffered = false
    for seed in 1...6 as ClosedRange<UInt64> {
      let name = "\(metric.rawValue)-\(seed)"
      let (samples, history) = try await train(name, metric, seed: seed)
      let values = history["metric/\(metric.rawValue)"].map { metric == .fid ? $0.value : -$0.value }
      let best = directory.file("\(name).best.safetensors")
      let step = try ModelFile(reading: best).saved.step
      #expect(step == history["metric/fid"][values.firstIndex(of: values.min()!)!].step, "seed \(seed)")
      func made(_ checkpoint: String) async throws -> [Image] {
        let emit = GANEmit(checkpoint: checkpoint, emit: Emission(perClass: 20, syntheticOnly: true))
        let pipeline = Pipeline(seed: seed, source: PaintedSource(), stages: [emit])
        return try await SmallStage.fitted(pipeline, Run(seed: seed)).samples().map { $0.bytes() }
      }
      let (withBest, withLast) = (try await made(best), try await made(directory.file("\(name).safetensors")))
      #expect(samples.map { $0.bytes() } == withBest, "seed \(seed)")
      hasDiffered = hasDiffered || withBest != withLast
      if hasDiffered { break }
    }
    #expect(hasDiffered, "the best state is the last one with every seed")
  }
}
