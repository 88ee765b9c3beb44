import MirageEvaluation
import MirageLearning
import MirageMedia
import MirageStreams
import MirageSupport
import MirageTensors
import StreamsTestSupport
import Testing

/// A network whose features of an image are its first two pixels, so that a sample is a point in a plane.
private struct PlaneNetwork: FeatureNetwork {
  let name = "a plane"

  func predictions(of images: Tensor) -> (features: Tensor, logits: Tensor) {
    let pixels = images.reshaped([images.shape[0], -1])
    return (pixels.sliced(axis: 1, 0..<2), pixels.sliced(axis: 1, 0..<2))
  }
}

/// Points of bytes, with classes by turns.
private struct Points {
  var bytes: [(UInt8, UInt8)]

  /// So many at random places between the bounds.
  init(_ name: String, _ count: Int, x: ClosedRange<Int> = 0...255, y: ClosedRange<Int> = 0...255) {
    var random = Random(key: Random.Key(seed: 1, path: name), sample: 0)
    bytes = (0..<count).map { _ in (UInt8(random.integer(in: x)), UInt8(random.integer(in: y))) }
  }

  init(_ bytes: [(UInt8, UInt8)]) { self.bytes = bytes }

  /// The same points, with numbers that are even, or odd.
  func moved(to parity: UInt8) -> Points { Points(bytes.map { ($0 & ~1 | parity, $1 & ~1 | parity) }) }

  static func + (a: Points, b: Points) -> Points { Points(a.bytes + b.bytes) }

  /// Images of 4 × 4 pixels, of which the first two are the point.
  var batches: Batches {
    let samples = bytes.enumerated().map { index, point in
      var sample = light(index, height: 4, width: 4)
      sample.content = .image(
        Image(height: 4, width: 4, channels: 1, pixels: [point.0, point.1] + [UInt8](repeating: 0, count: 14)))
      return sample
    }
    return Batches(made(samples.count) { samples[$0] }, size: 16)
  }

  /// What the network makes of them.
  var features: Features {
    get throws {
      try Features(bytes.flatMap { [$0.0, $0.1] }.map { Float($0) * (2 / 255) - 1 }, dimensions: 2)
    }
  }
}

/// Which set is held against which, and which number has which name.
@Suite struct DatasetEvaluationTests {
  // Even and odd, so that no two points are equal.
  private let train = Points("train", 60).moved(to: 0)
  private let test = Points("test", 60).moved(to: 1)

  @TensorActor
  private func report(
    _ generated: Points, _ metrics: [DatasetEvaluation.Metric], count: Int = 10_000
  ) async throws -> EvaluationReport {
    var evaluation = DatasetEvaluation()
    (evaluation.metrics, evaluation.count) = (metrics, count)
    return try await evaluation.run(
      on: .init(train: train.batches, test: test.batches, generated: generated.batches), network: PlaneNetwork(),
      classifier: nil)
  }

  private func expect(_ report: EvaluationReport, _ name: String, _ value: Double) {
    let found = report[name]
    #expect(
      found.map { $0 == value || abs($0 - value) < 1e-6 * max(1, abs(value)) } == true, "\(name): \(found ?? .nan)")
  }

  /// Each row is its metric of the test part and the generated samples.
  @Test func rowsAreTheMetricsOfTheirSets() async throws {
    let generated = Points("generated", 60, x: 100...255, y: 0...120)
    let found = try await report(
      generated, [.fid, .kid, .precisionRecall, .densityCoverage, .memorization])
    let (real, made) = (try test.features, try generated.features)
    expect(found, "FID", try FrechetDistance.between(real, made))
    expect(found, "KID", try KernelDistance(made, real).mean)
    let neighborhoods = try Neighborhoods(real: real, generated: made)
    expect(found, "precision", neighborhoods.precision)
    expect(found, "recall", neighborhoods.recall)
    expect(found, "density", neighborhoods.density)
    expect(found, "coverage", neighborhoods.coverage)
    #expect(
      Set(["precision", "recall", "density", "coverage"].map { found[$0]! }).count == 4, "they can be told apart")
    let memorization = try Memorization(generated: made, training: train.features, heldOut: real)
    expect(found, "memorization ratio (median)", memorization.medianRatio)
    expect(found, "nearer to training than test", memorization.fractionNearerTraining)
    #expect(memorization.medianRatio != memorization.fractionNearerTraining)
  }

  /// Copies of a few real samples are precise and not varied; real samples among noise are the other way round.
  @Test func precisionIsOfGeneratedSamplesAndRecallOfRealOnes() async throws {
    let few = Points(Array(test.bytes[..<3].flatMap { [($0.0, $0.1)] + Array(repeating: $0, count: 19) }))
    let narrow = try await report(few, [.precisionRecall])
    #expect(narrow["precision"]! == 1 && narrow["recall"]! < 0.3)
    let narrower = Points("corner", 60, x: 0...40, y: 0...40)
    var evaluation = DatasetEvaluation()
    evaluation.metrics = [.precisionRecall]
    let wide = try await evaluation.runOnPlane(train: narrower, test: narrower, generated: narrower + test)
    #expect(wide["recall"]! == 1 && wide["precision"]! < 0.8)
  }

  @Test func distancesAreToTheTestPart() async throws {
    let (same, other) = (try await report(test, [.fid, .kid]), try await report(train, [.fid, .kid]))
    #expect(abs(same["FID"]!) < 1e-6 && other["FID"]! > 1e-4)
  }

  @Test func copiesOfTheTrainingPartAreMemorized() async throws {
    let copies = try await report(train, [.memorization])
    #expect(copies["memorization ratio (median)"] == 0)
    #expect(copies["nearer to training than test"] == 1)
    let heldOut = try await report(test, [.memorization])
    #expect(heldOut["memorization ratio (median)"] == .infinity)
    #expect(heldOut["nearer to training than test"] == 0)
  }

  @Test(arguments: [1, 16, 17, 48, 60, 61]) func asManyAreMeasuredAsAskedFor(_ count: Int) async throws {
    let found = try await report(Points("generated", 60), [.inceptionScore], count: count)
    #expect(found.rows[0].samples.map(\.count) == [min(count, 60)])
  }

  /// Label agreement is the part of the generated samples whose class the classifier says.
  @Test @TensorActor func labelAgreementIsTheClassifiersOwn() async throws {
    var random = Random(key: Random.Key(seed: 3, path: "classifier"), sample: 0)
    let classifier = try ImageClassifier(
      .init(height: 4, width: 4, channels: 1, classes: ["dark", "light"]), using: &random)
    let generated = Batches(lights(50, from: 7, height: 4, width: 4), size: 16)
    var (right, total) = (0, 0)
    for try await batch in generated.epoch(0, isShuffled: false, seed: 0) {
      right += zip(classifier.classes(of: batch.images), batch.labels).count { $0 == $1 }
      total += batch.labels.count
    }
    #expect(right != total && right != 0, "a classifier that is right sometimes")
    var evaluation = DatasetEvaluation()
    evaluation.metrics = [.labelAgreement]
    for network in [PlaneNetwork(), classifier] as [any FeatureNetwork] {
      let found = try await evaluation.run(
        on: .init(train: generated, test: generated, generated: generated), network: network, classifier: classifier)
      #expect(found["label agreement"] == Double(right) / 50)
    }
  }

  /// Generated samples are all said to be dark, and a quarter of them are light. What is trained on them says dark of
  /// everything, and is right on half of the real ones; what is trained on real ones is right on three quarters of them.
  @Test @TensorActor func trainingAndTestingTakeTheirSets() async throws {
    func flow(_ count: Int, _ index: @escaping (Int) -> Int, label: Int? = nil) -> Flow<Sample> {
      let samples = (0..<count).map { place in
        var sample = light(index(place), height: 4, width: 4)
        sample.id = SampleID(index: place)
        if let label { sample.label = .index(label) }
        return sample
      }
      return made(count) { samples[$0] }
    }
    let real = Batches(flow(2000) { $0 }, size: 2000)
    let test = Batches(flow(100) { $0 + 5000 }, size: 100)
    let generated = Batches(flow(2000, { $0 % 4 == 0 ? 2 * $0 + 1 : 2 * $0 }, label: 0), size: 2000)
    var evaluation = DatasetEvaluation()
    evaluation.metrics = [.cas, .ganTest]
    let found = try await evaluation.run(
      on: .init(train: real, test: test, generated: generated), network: PlaneNetwork(), classifier: nil)
    #expect(found["CAS (trained on generated, tested on real)"] == 0.5)
    #expect(found["GAN-test (trained on real, tested on generated)"] == 0.75)
    #expect(found["trained and tested on real"] == 1)
  }
}

extension DatasetEvaluation {
  @TensorActor
  fileprivate func runOnPlane(train: Points, test: Points, generated: Points) async throws -> EvaluationReport {
    try await run(
      on: .init(train: train.batches, test: test.batches, generated: generated.batches), network: PlaneNetwork(),
      classifier: nil)
  }
}

/// Training on several flows at once.
@Suite struct MixedTrainingTests {
  /// One part has only dark samples, the other only light ones: who sees one of them knows one class.
  @Test func everyPartOfABatchIsLearned() async throws {
    let parts = (0..<2).map { part in
      Batches(made(200) { light(2 * $0 + part, height: 4, width: 4) }, size: 32)
    }
    let test = Batches(lights(100, from: 5000, height: 4, width: 4), size: 100)
    var training = ClassifierTraining()
    training.learningRate = 3e-3
    #expect(try await training.confusion(afterSteps: 60, mixing: parts, test: test).accuracy == 1)
    #expect(try await training.confusion(afterSteps: 60, mixing: parts.reversed(), test: test).accuracy == 1)
    #expect(try await training.confusion(afterSteps: 60, mixing: [parts[0]], test: test).accuracy == 0.5)
  }
}
