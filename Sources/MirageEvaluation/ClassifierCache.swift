import MirageLearning
import MirageSupport
import Glibc
import MirageNetworks
import MirageStreams
import MirageTensors

/// Directory of trained classifiers, so that evaluating against the same dataset again does not train one again.
package struct ClassifierCache: Sendable {
  /// Directory of the checkpoints, created on the first write.
  package let directory: String

  /// - Parameter directory: Defaults to `mirage` in `XDG_CACHE_HOME` or `~/.cache`.
  package init(directory: String? = nil) {
    func variable(_ name: String) -> String? {
      getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
    }
    let cache = variable("XDG_CACHE_HOME") ?? variable("HOME").map { $0 + "/.cache" } ?? "/tmp"
    self.directory = directory ?? cache + "/mirage"
  }

  /// Returns the classifier of a dataset: from the cache, or trained with the default `ClassifierTraining`.
  ///
  /// - Parameters:
  ///   - train: Training samples; their number, files and run are part of the cache key.
  ///   - test: Samples that the accuracy is measured on.
  ///   - identity: Part of the cache key that tells apart different samples of the same files, such as a pipeline's
  ///     description.
  ///   - seed: Random seed of the training, and part of the cache key.
  ///   - progress: Called after each step of a training.
  /// - Returns: The classifier, and the fraction of the test samples that it classifies correctly.
  /// - Throws: As `ClassifierTraining.run`. A cache that cannot be written is not an error.
  @TensorActor
  package func classifier(
    train: Batches, test: Batches, identity: JSONValue = .null, seed: UInt64 = 0,
    progress: @escaping @Sendable (ClassifierTraining.Progress) -> Void = { _ in }
  ) async throws -> (classifier: ImageClassifier, accuracy: Double) {
    let configuration = try await train.classifierConfiguration()
    var training = ClassifierTraining()
    training.seed = seed
    // Names and spelling are fixed: a change would make existing cache files unreachable.
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
      // Without the file, the next call trains again.
    }
    return (try ImageClassifier(configuration, from: trained.checkpoint), trained.accuracy)
  }
}
