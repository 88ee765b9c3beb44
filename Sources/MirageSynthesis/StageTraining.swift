import MirageLearning
import MirageNetworks
import MirageStreams
import MirageSupport

/// The training of a stage, kept in a checkpoint: a second run uses it, an interrupted training continues, and a checkpoint
/// of anything else is an error that names the first difference.
struct StageTraining {
  /// Name of the stage, for messages.
  let stage: String
  let files: TrainingFiles
  /// Kind of model that the checkpoint holds.
  let kind: SavedModel.Kind
  /// Number of steps of a finished training.
  let steps: Int
  /// Settings by the part of the identity that holds them. One that an older checkpoint does not name has its default.
  let settings: [String: [Setting]]

  init(
    _ stage: String, checkpoint: String, kind: SavedModel.Kind, steps: Int, settings: [String: [Setting]] = [:]
  ) {
    (self.stage, files, self.kind, self.steps) = (stage, TrainingFiles(checkpoint: checkpoint), kind, steps)
    self.settings = settings
  }

  /// Trains, unless the checkpoint is that of a finished training, under a lock on the checkpoint.
  ///
  /// - Parameters:
  ///   - identity: everything that determines the weights: settings, upstream and data.
  ///   - train: continues from the given checkpoint; nil for a new training.
  /// - Throws: cannot-create if the checkpoint belongs to another training, or another process trains it; errors of
  ///   training.
  func run(
    as identity: Fingerprint, in context: Context, _ train: (Checkpoint?) async throws -> Void
  ) async throws {
    let lock = try files.lock()
    defer { withExtendedLifetime(lock) {} }
    // Set aside unread: it may be damaged, which is a reason to train again.
    if context.retrains, let previous = try files.keepPrevious() {
      tell(context, "kept the previous checkpoint as \(previous)")
    }
    let saved = try saved()
    if let saved {
      try expect(saved, identity)
      if try saved.step() == steps { return }
    }
    try await train(saved)
  }

  /// Returns whether the checkpoint is that of a finished training.
  ///
  /// - Throws: cannot-create if it is that of another training.
  func isFinished(as identity: @autoclosure () throws -> Fingerprint) throws -> Bool {
    guard let saved = try saved(), try saved.step() == steps else { return false }
    try expect(saved, identity())
    return true
  }

  /// Metadata of the checkpoints of a training.
  ///
  /// - Parameter model: header of the model.
  func header(_ model: [String: String], as identity: Fingerprint) -> [String: String] {
    var header = identity.parts.mapValues(\.text).merging(model) { $1 }
    header["pipeline-digest"] = identity.digest
    return header
  }

  /// Makes sure that a training can continue from a checkpoint, and says so.
  ///
  /// - Throws: cannot-create if the checkpoint is of other networks.
  func resume(_ saved: Checkpoint, configuration: String?, in context: Context) throws {
    if let configuration { try saved.expect(["configuration": configuration]) }
    tell(context, "goes on from step \(try saved.step()) of \(steps)")
  }

  private func saved() throws -> Checkpoint? {
    FileKind(files.last) == .missing ? nil : try Checkpoint(reading: files.last)
  }

  private func expect(_ saved: Checkpoint, _ identity: Fingerprint) throws {
    guard saved.metadata["architecture"] == kind.architecture else {
      throw MirageError(
        .cannotCreate, "is there already and is not \(kind.title)'s checkpoint", file: files.last,
        remedy: "Name another file as the stage's checkpoint.")
    }
    do {
      var saved = saved
      saved.metadata["recipe"] = saved.metadata["recipe"].map(americanSpelling)
      for (part, settings) in settings {
        guard case .object(var values)? = saved.json(part) else { continue }
        for setting in settings where values[setting.key] == nil && setting.standard != .null {
          values[setting.key] = setting.standard
        }
        saved.metadata[part] = JSONValue.object(values).text
      }
      try saved.expect(identity.parts.mapValues(\.text))
    } catch var error as MirageError {
      error.remedy =
        "It was trained for something else. Name another checkpoint, or train again with --retrain, which keeps this one."
      throw error
    }
  }

  private func tell(_ context: Context, _ event: String) {
    var progress = FittingProgress(stage: stage, activity: "training", done: 0, total: steps)
    progress.event = event
    context.report(progress)
  }
}

extension TrainingFiles {
  /// Classifier that the metric of a training is measured with.
  var classifier: String { folder + "/classifier.safetensors" }
}
