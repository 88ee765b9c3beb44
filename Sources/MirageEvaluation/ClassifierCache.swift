import MirageLearning
import MirageSupport
import Glibc
import MirageNetworks
import MirageStreams
import MirageTensors

/// Classifiers that were trained to measure a dataset, kept for the next time.
public struct ClassifierCache: Sendable {
  /// Where they are.
  public let directory: String

  /// - Parameter directory: `mirage` in `XDG_CACHE_HOME` or `~/.cache` where left out.
  public init(directory: String? = nil) {
    func variable(_ name: String) -> String? {
      getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
    }
    let cache = variable("XDG_CACHE_HOME") ?? variable("HOME").map { $0 + "/.cache" } ?? "/tmp"
    self.directory = directory ?? cache + "/mirage"
  }

  /// The classifier of a dataset, from the cache or trained now.
  ///
  /// - Parameters:
  ///   - identity: what tells the samples from others of the same files, such as a pipeline's description.
  ///   - seed: another one is another classifier.
  ///   - progress: of the training.
  /// - Returns: it, and its accuracy on the test samples.
  /// - Throws: as `ClassifierTraining.run`. That the cache cannot be written is no error.
  @TensorActor
  public func classifier(
    train: Batches, test: Batches, identity: JSONValue = .null, seed: UInt64 = 0,
    progress: @escaping @Sendable (ClassifierTraining.Progress) -> Void = { _ in }
  ) async throws -> (classifier: ImageClassifier, accuracy: Double) {
    let configuration = try await train.classifierConfiguration()
    var training = ClassifierTraining()
    training.seed = seed
    // The spelling of the parts' names is that of the caches there are.
    let key = Fingerprint([
      "data": try train.flow.about.inputsDigest(), "count": .integer(train.count), "version": .string(mirageVersion),
      "configuration": try JSONValue(encoding: configuration), "epochs": .integer(training.epochs),
      "seed": .string(String(seed)), "run": .string(String(train.flow.run.seed)), "size": .integer(train.size),
      "identity": identity,
    ])
    let path = directory + "/classifier-\(key.digest.prefix(16)).safetensors"
    if FileKind(path) == .file, let known = try? Checkpoint(reading: path),
      let classifier = try? ImageClassifier(configuration, from: known),
      let accuracy = known.json("metrics")?["accuracy"]?.double
    {
      return (classifier, accuracy)
    }
    let trained = try await training.run(train: train, test: test, progress: progress)
    do {
      try makeDirectories(directory)
      try trained.checkpoint.write(to: path)
    } catch is MirageError {
      // It is trained again next time.
    }
    return (try ImageClassifier(configuration, from: trained.checkpoint), trained.accuracy)
  }
}
