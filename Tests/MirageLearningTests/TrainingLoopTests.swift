import MirageLearning
import MirageMedia
import MirageNetworks
import MirageReports
import MirageStreams
import MirageSupport
import MirageTensors
import StreamsTestSupport
import Synchronization
import TestSupport
import Testing

/// Remembers what it was shown: its weight is the sum of the labels it saw, times the number of the step.
private final class Rememberer: Trainee {
  private(set) var steps = 0
  private(set) var seen: [[Int]] = []
  private var sum: Float = 0
  var loss: (Int) -> Double = { _ in 1 }
  var variation: Double? = 1

  func step(on batches: [Batch], isRecorded: Bool) -> [TrainingMeasure] {
    steps += 1
    seen += batches.map(\.labels)
    for label in batches.flatMap(\.labels) { sum += Float(label * steps) }
    return [TrainingMeasure("loss/model", loss(steps), label: "loss")]
  }

  func exhibits() -> TrainingExhibits {
    var exhibits = TrainingExhibits()
    exhibits.variation = variation
    exhibits.grids = [
      .init(ImageGrid([Image(height: 2, width: 2, channels: 1, fill: [9])], columns: 1), caption: "nine")
    ]
    return exhibits
  }

  func store(in checkpoint: inout Checkpoint) {
    checkpoint.tensors["sum"] = Tensor([sum], shape: [1])
    checkpoint.store(step: steps)
  }

  func restore(from checkpoint: Checkpoint) throws {
    sum = checkpoint.tensors["sum"]!.values[0]
    steps = try checkpoint.step()
  }

  var remedies: TrainingRemedies { TrainingRemedies(divergence: "Go slower.", collapse: "Vary.") }
}

/// Scores that fall and rise again: the best is at step 4.
private struct Scores: TrainingEvaluator {
  func evaluate(_ subject: Rememberer) -> TrainingEvaluation {
    let score = Double(abs(subject.steps - 4))
    return TrainingEvaluation([("fid", score)], score: score, summary: "score \(score)")
  }
}

@TensorActor @Suite struct TrainingLoopTests {
  private let directory = TemporaryDirectory()
  private let labels = (0..<10).map(String.init)

  private func batches(workers: Int = 1) -> Batches {
    var batches = Batches(TestSource(count: 10, classes: labels).flow(in: Context()), size: 4)
    batches.workers = workers
    return batches
  }

  private func files(_ name: String = "model") -> TrainingFiles {
    TrainingFiles(checkpoint: directory.file("\(name).safetensors"))
  }

  @discardableResult
  private func train(
    _ trainee: Rememberer, steps: Int = 8, files: TrainingFiles, workers: Int = 1,
    answer: @escaping @Sendable (FittingProgress) -> TrainingAnswer = { _ in .proceed }
  ) async throws -> TrainingLoop<Rememberer> {
    var schedule = TrainingLoop<Rememberer>.Schedule(steps: steps, samplesPerBatch: 4)
    (schedule.evaluateEvery, schedule.exhibitEvery, schedule.checkpointEvery) = (2, 2, 2)
    let saved = FileKind(files.last) == .file ? try Checkpoint(reading: files.last) : nil
    let loop = try TrainingLoop(
      trainee, schedule, stage: "test", files: files, header: ["architecture": "none"], resuming: saved,
      evaluator: { Scores() }, progress: answer)
    try await loop.run(on: batches(workers: workers).endless(fromSample: loop.samplesSeen, seed: 3))
    return loop
  }

  /// The error of a training, which must be a `MirageError`.
  private func failure(_ trainee: Rememberer, steps: Int = 8) async throws -> MirageError {
    do {
      try await train(trainee, steps: steps, files: files())
    } catch let error as MirageError {
      return error
    }
    throw MirageError.badData("no error was thrown")
  }

  private func state(_ files: TrainingFiles) throws -> Checkpoint { try Checkpoint(reading: files.last) }

  @Test func stoppedAndGoneOnEqualsUninterrupted() async throws {
    let whole = Rememberer()
    try await train(whole, files: files("whole"))
    let (first, second) = (Rememberer(), Rememberer())
    try await train(first, files: files()) { $0.done == 5 ? .stop : .proceed }
    #expect(first.steps == 5)
    #expect(try state(files()).metadata["samples"] == "20")
    let loop = try await train(second, files: files(), workers: 3)
    #expect(first.seen + second.seen == whole.seen, "no sample twice, none left out")
    #expect(loop.samplesSeen == 32)
    #expect(try state(files()).tensors["sum"]?.values == state(files("whole")).tensors["sum"]?.values)
    #expect(try state(files()).metadata["best"] == state(files("whole")).metadata["best"])
    let history = try TrainingHistory(readingFrom: files().folder)
    #expect(history["metric/fid"].map(\.step) == [0, 2, 4, 6, 8])
  }

  @Test func theLastStepIsEvaluatedAndKept() async throws {
    try await train(Rememberer(), steps: 7, files: files())
    let history = try TrainingHistory(readingFrom: files().folder)
    #expect(history["metric/fid"].map(\.step) == [0, 2, 4, 6, 7])
    #expect(try SavedModel(reading: files().last).step == 7)
  }

  @Test func theBestIsTheBest() async throws {
    try await train(Rememberer(), files: files())
    #expect(try SavedModel(reading: files().best).step == 4)
    #expect(try SavedModel(reading: files().last).step == 8)
    #expect(try state(files()).json("best")?["step"] == .integer(4))
  }

  @Test(arguments: [Double.nan, .infinity]) func divergenceKeepsTheLastGoodState(_ loss: Double) async throws {
    let trainee = Rememberer()
    trainee.loss = { $0 == 5 ? loss : 1 }
    let error = try await failure(trainee)
    #expect(error.message.contains("training diverged at step 5: the model's loss is not a number"))
    #expect(error.message.contains("the checkpoint of step 4 is kept in") && error.remedy == "Go slower.")
    #expect(try SavedModel(reading: files().last).step == 4)
  }

  @Test func collapseIsNoticedAndNotSaved() async throws {
    let trainee = Rememberer()
    trainee.variation = 0
    let error = try await failure(trainee, steps: 200)
    #expect(error.message.contains("training collapsed by step 102") && error.remedy == "Vary.")
    #expect(try SavedModel(reading: files().last).step == 98)
  }

  @Test func progressTellsLossesAndEvents() async throws {
    let told = Mutex<[String]>([])
    try await train(Rememberer(), steps: 2, files: files()) { progress in
      told.withLock { $0.append(progress.event ?? "\(progress.done) \(progress.measures.map(\.name))") }
      return .proceed
    }
    #expect(
      told.withLock { $0 } == [
        "step 0: score 4.0 (the best so far)", "1 [\"loss\", \"samples/s\"]", "2 [\"loss\", \"samples/s\"]",
        "step 2: score 2.0 (the best so far)",
      ])
  }
}

@Suite struct SavedModelTests {
  @Test func anotherKindSaysWhatItIs() throws {
    let directory = TemporaryDirectory()
    func file(_ architecture: String?) throws -> SavedModel {
      var checkpoint = Checkpoint()
      checkpoint.metadata["architecture"] = architecture
      checkpoint.tensors["a"] = Tensor([1], shape: [1])
      try checkpoint.write(to: directory.file("m.safetensors"))
      return try SavedModel(reading: directory.file("m.safetensors"))
    }
    try file("mirage-gan-1").expect(.gan)
    for (architecture, words) in [
      ("mirage-classifier-1", "is not a GAN's checkpoint: it is an image classifier's"),
      ("resnet", "is not a GAN's checkpoint: it names the architecture resnet"),
      (nil, "is not a GAN's checkpoint: it names no architecture"),
    ] as [(String?, String)] {
      let model = try file(architecture)
      let error = #expect(throws: MirageError.self) { try model.expect(.gan) }
      #expect(error?.message == words && error?.remedy?.contains("mirage train") == true)
    }
  }
}

@Suite struct ExperimentLogTests {
  private struct Outcome: Codable, Equatable { var size: Int }

  @Test func goesOnAndRefusesOthers() throws {
    let directory = TemporaryDirectory()
    let path = directory.file("log.jsonl")
    let identity = Fingerprint(["gan": ["steps": 4], "seed": "1"])
    try ExperimentLog<Outcome>(path, identity: identity).append(Outcome(size: 3))
    // A line that a crash tore.
    try directory.write("log.jsonl", InputFile.contents(of: path) + Array("{\"si".utf8))
    let again = try ExperimentLog<Outcome>(path, identity: identity)
    #expect(again.outcomes == [Outcome(size: 3)])
    try again.append(Outcome(size: 5))
    #expect(try ExperimentLog<Outcome>(path, identity: identity).outcomes == [Outcome(size: 3), Outcome(size: 5)])
    var other = identity
    other["gan"] = ["steps": 5]
    let error = #expect(throws: MirageError.self) { try ExperimentLog<Outcome>(path, identity: other) }
    #expect(error?.message.contains("gan.steps was 4, and is 5 now") == true)
  }
}
