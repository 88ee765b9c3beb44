import MirageLearning
import MirageEvaluation
import MirageSupport
import MirageNetworks
import MirageStreams
import Synchronization
import MirageTensors
import StreamsTestSupport
import TestSupport
import Testing

private typealias Progress = ClassifierTraining.Progress

/// What a training told of itself.
private final class Record: Sendable {
  private let list = Mutex<[Progress]>([])
  var all: [Progress] { list.withLock { $0 } }
  func add(_ progress: Progress) { list.withLock { $0.append(progress) } }
}

private func training(epochs: Int = 1, learningRate: Float = 3e-3, seed: UInt64 = 0) -> ClassifierTraining {
  var training = ClassifierTraining()
  (training.epochs, training.learningRate, training.seed) = (epochs, learningRate, seed)
  return training
}

/// The classifier: what it learns, what it is, and what it refuses.
@Suite struct ClassifierTests {
  private let train = Batches(lights(96), size: 16)
  private let test = Batches(lights(40, from: 1000), size: 16)

  @Test func learnsInAFewSteps() async throws {
    let record = Record()
    let (checkpoint, accuracy) = try await training(epochs: 5).run(train: train, test: test) { record.add($0) }
    #expect(accuracy >= 0.95)
    let told = record.all
    #expect(told.allSatisfy { $0.epochs == 5 && $0.steps == 30 && $0.loss.isFinite })
    #expect(told.filter { $0.accuracy == nil }.map(\.step) == Array(1...30))
    #expect(told.filter { $0.accuracy != nil }.map(\.epoch) == Array(0..<5))
    #expect(told.last?.accuracy == accuracy && told.last?.step == 30)
    let (first, last) = (try #require(told.first), try #require(told.last))
    #expect(last.loss < first.loss)
    #expect(try checkpoint.step() == 30)
    #expect(checkpoint.metadata["metrics"] == JSONValue.object(["accuracy": .number(accuracy)]).text)
    #expect(checkpoint.metadata["architecture"] == ImageClassifier.architecture)
    // Measured again, from the checkpoint and from its file, it is the same; and so from PyTorch's files.
    #expect(try await ClassifierTraining.accuracy(of: checkpoint, on: test) == accuracy)
    let directory = TemporaryDirectory()
    var weights = checkpoint
    let texts: [String: [String: String]] = ["whole": checkpoint.metadata, "pt": ["format": "pt"], "bare": [:]]
    for (name, metadata) in texts {
      weights.metadata = metadata
      try weights.write(to: directory.file(name))
      let read = try Checkpoint(reading: directory.file(name))
      #expect(try await ClassifierTraining.accuracy(of: read, on: test) == accuracy, "\(name)")
    }
  }

  @Test func theSeedDecidesTheFile() async throws {
    let directory = TemporaryDirectory()
    var files: [[UInt8]] = []
    for (index, seed) in [7, 7, 8].enumerated() {
      let (checkpoint, _) = try await training(seed: UInt64(seed)).run(train: train, test: test)
      let path = directory.file("\(index).safetensors")
      try checkpoint.write(to: path)
      files.append(try InputFile.contents(of: path))
    }
    #expect(files[0] == files[1] && files[0] != files[2])
  }

  @Test func logitsAreLinearInTheFeatures() throws {
    var random = Random(key: Random.Key(seed: 1, path: "test"), sample: 0)
    let configuration = ImageClassifier.Configuration(height: 12, width: 12, channels: 1, classes: ["a", "b", "c"])
    let classifier = try ImageClassifier(configuration, using: &random)
    let images = Tensor.uniform([5, 12, 12, 1], in: -1...1, using: &random)
    let features = classifier.features(images)
    #expect(features.shape == [5, ImageClassifier.featureCount] && ImageClassifier.featureCount == 128)
    #expect(Set(features.values).count > 100)
    let (weight, bias) = (classifier.state["6.weight"], classifier.state["6.bias"])
    let expected = matmul(features, try #require(weight), transposeB: true) + (try #require(bias))
    let logits = classifier(images, .inference)
    #expect(logits.shape == [5, 3])
    #expect(zip(logits.values, expected.values).allSatisfy { abs($0 - $1) < 1e-4 })
    #expect(classifier.classes(of: images) == logits.argmax(axis: 1))
    for (height, width, channels) in [(4, 4, 1), (5, 9, 3), (28, 28, 1), (33, 20, 4), (256, 256, 3)] {
      let configuration = ImageClassifier.Configuration(
        height: height, width: width, channels: channels, classes: ["a", "b"])
      let other = try ImageClassifier(configuration, using: &random)
      let images = Tensor.uniform([2, height, width, channels], in: -1...1, using: &random)
      #expect(other.features(images).shape == [2, 128], "\(height) x \(width) x \(channels)")
      #expect(other(images, .inference).shape == [2, 2], "\(height) x \(width) x \(channels)")
    }
  }

  @Test func batchesWithoutSamplesAreLeftOut() async throws {
    let source = TestSource(count: 24, classes: ["a", "b"], height: 12, width: 12)
    let flow = try await Pipeline(source: source, stages: [Filter(classes: ["a"])]).fittedFlow()
    let (_, accuracy) = try await training().run(train: Batches(flow, size: 1), test: Batches(flow, size: 1))
    #expect((0...1).contains(accuracy))
  }

  // MARK: What cannot be trained on

  /// The error of a training on these samples, which must be bad data.
  private func refusal(
    _ train: Flow<Sample>, test: Flow<Sample>? = nil, size: Int = 16, learningRate: Float = 3e-3
  ) async throws -> String {
    let (train, test) = (Batches(train, size: size), Batches(test ?? train, size: size))
    let error = try await failure {
      _ = try await training(epochs: 3, learningRate: learningRate).run(train: train, test: test)
    }
    #expect(error.kind == .badData)
    return error.description
  }

  @Test func unfitSamplesAreRefused() async throws {
    #expect(try await refusal(lights(8, classes: ["only"])).contains("at least two classes"))
    #expect(try await refusal(lights(0)).contains("no sample"))
    #expect(try await refusal(lights(8), test: lights(0)).contains("no sample"))
    #expect(try await refusal(lights(8, height: 2, width: 2)).contains("too small"))
    #expect(try await refusal(lights(4, height: 300, width: 300)).contains("resize"))
    let filtered = Pipeline(source: TestSource(height: 12, width: 12), stages: [Filter(classes: [])])
    #expect(try await refusal(filtered.fittedFlow()).contains("no sample"))
    let none = Batches(lights(8), size: 4, positions: [])
    let error = try await failure { _ = try await training().run(train: none, test: test) }
    #expect(error.kind == .badData && error.message.contains("no sample"))
  }

  @Test func imagesOfOtherSizesAreRefused() async throws {
    func check(_ text: String) {
      #expect(text.contains("others are") && text.contains("Bring all to one size"), "\(text)")
    }
    let late = made(64) { $0 == 63 ? light($0, height: 10) : light($0) }
    check(try await refusal(late))
    // In a batch of its own.
    check(try await refusal(late, size: 1))
    check(try await refusal(made(32) { light($0, channels: $0 < 16 ? 1 : 3) }))
    // In the samples for testing.
    check(try await refusal(lights(32), test: lights(32, width: 10)))
    check(try await refusal(lights(32), test: late))
  }

  @Test func divergenceIsAnError() async throws {
    let text = try await refusal(lights(96), learningRate: 1e20)
    #expect(text.contains("diverged") && text.contains("lower learning rate"), "\(text)")
  }

  /// True if numbers overflow at such a rate depends on the data; the error is clear, or there is a result.
  @Test func aHighRateNeverTraps() async throws {
    do {
      let (_, accuracy) = try await training(epochs: 3, learningRate: 50).run(train: train, test: test)
      #expect((0...1).contains(accuracy))
    } catch let error as MirageError {
      #expect(error.kind == .badData && error.message.contains("diverged"))
    }
  }

  /// In the middle of an epoch, and of a test.
  @Test(arguments: [(1_000_000, 16), (16, 1_000_000)])
  func cancellationEndsAtOnce(trained: Int, tested: Int) async throws {
    let job = training(epochs: 1000)
    let (train, test) = (Batches(lights(trained), size: 16), Batches(lights(tested), size: 256))
    let work = Task { try await job.run(train: train, test: test).accuracy }
    try await Task.sleep(for: .milliseconds(300))
    let start = ContinuousClock.now
    work.cancel()
    await #expect(throws: CancellationError.self) { _ = try await work.value }
    #expect(start.duration(to: .now) < .seconds(1))
  }

  // MARK: What cannot be measured

  @Test func otherCheckpointsAreRefused() async throws {
    let (checkpoint, _) = try await training().run(train: train, test: test)
    func refusal(_ checkpoint: Checkpoint, _ flow: Flow<Sample>) async throws -> String {
      let batches = Batches(flow, size: 16)
      let error = try await failure { _ = try await ClassifierTraining.accuracy(of: checkpoint, on: batches) }
      #expect(error.kind == .badData && error.remedy != nil)
      return error.message
    }
    #expect(try await refusal(checkpoint, lights(8, classes: ["a", "b"])).contains("configuration.classes"))
    #expect(try await refusal(checkpoint, lights(8, classes: ["dark", "light", "c"])).contains(".classes is"))
    #expect(try await refusal(checkpoint, lights(8, height: 10)).contains("configuration.height is 12 in the"))
    #expect(try await refusal(checkpoint, lights(8, width: 16)).contains("configuration.width is 12 in the"))
    #expect(try await refusal(checkpoint, made(8) { light($0, channels: 3) }).contains("configuration.channels is 1"))
    var other = checkpoint
    other.metadata["architecture"] = "gan"
    #expect(try await refusal(other, lights(8)).contains("architecture is gan in the checkpoint"))
    // Weights that say nothing of themselves are told by their shapes.
    var weights = checkpoint
    weights.metadata = ["format": "pt"]
    #expect(try await refusal(weights, lights(8, height: 16)).contains("has shape"))
    var random = Random(key: Random.Key(seed: 1, path: "test"), sample: 0)
    weights.store(Linear(2, 3, using: &random))
    #expect(try await refusal(weights, lights(8)).contains("the weights lack 0."))
  }
}
