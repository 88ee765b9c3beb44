import MirageSupport
import MirageStreams

/// A dataset that is given to a command as a path: a pipeline file, or data whose format is recognized by its files.
public struct DatasetLocation: Sendable {
  /// Path of the dataset, as it was given.
  public let path: String
  private let pipeline: Pipeline?
  private let format: (any RecognizedSource.Type)?

  /// Recognizes the dataset.
  /// - Throws: missing input if there is no dataset at the path; bad pipeline if a pipeline file is invalid.
  public init(_ path: String) throws {
    self.path = path
    if path.hasSuffix(".yaml") || path.hasSuffix(".yml") {
      (pipeline, format) = (try PipelineFile.load(path), nil)
    } else {
      let place = try DatasetPlace(path)
      let formats = Registry.standard.types.compactMap { $0 as? any RecognizedSource.Type }
      guard let format = formats.first(where: { $0.recognizes(place) }) else {
        throw MirageError(
          .missingInput, "is neither a pipeline file nor a dataset", file: path,
          remedy: "Give a directory with a dataset, a CIFAR archive, or a pipeline file that ends in .yaml.")
      }
      (pipeline, self.format) = (nil, format)
    }
  }

  /// Opens a part of the dataset; nil if it has no such part.
  ///
  /// Pipeline files and single folders have only a training part, with all samples. `fitting` is the treatment of a
  /// pipeline's stages that must be fitted first.
  /// - Throws: the errors of opening the data.
  public func flow(_ split: Split, fitting: Context.Fitting = .leaveOut) async throws -> Flow<Sample>? {
    if let pipeline {
      return split == .train ? try await pipeline.fitted(in: Context(fitting: fitting)).flow : nil
    }
    do {
      return try await format?.source(at: path, split: split)?.flow()
    } catch let error as MirageError where split == .test && error.kind == .missingInput {
      // An incomplete test part is an error; a missing one is not.
      guard error.file == path || error.file == joined(path, "test.bin") else { throw error }
      return nil
    }
  }

  /// Training and test samples of a dataset.
  public struct Parts: Sendable {
    /// Training and test samples, in batches.
    public var train, test: Batches
    /// True if the test samples are a tenth of the training part, since the dataset has no test part.
    public var isSplit: Bool
  }

  /// Opens the training and test parts; without a test part, a tenth of the samples is held out.
  ///
  /// - Parameters:
  ///   - batch: number of samples in a training batch.
  ///   - seed: random seed of the choice of the tenth.
  /// - Throws: the errors of opening the data; missing input if there are no training samples; bad data if the parts'
  ///   classes differ.
  public func parts(batch: Int = 128, seed: UInt64 = 0) async throws -> Parts {
    guard let all = try await flow(.train, fitting: .requireTrained) else {
      throw MirageError(.missingInput, "has no training samples", file: path)
    }
    let ignoresClasses = all.about.classes.count < 2
    func batches(_ flow: Flow<Sample>, _ size: Int, _ positions: [Int]? = nil) -> Batches {
      Batches(flow, size: size, positions: positions, ignoresClasses: ignoresClasses)
    }
    if let test = try await flow(.test) {
      guard test.about.classes == all.about.classes else {
        throw MirageError.badData(
          "the test part's classes are \(test.about.classes), the training part's \(all.about.classes)", file: path,
          remedy: "Use test data of the same classes.")
      }
      return Parts(train: batches(all, batch), test: batches(test, 256), isSplit: false)
    }
    let (training, tested) = try all.splitForTesting(seed: seed)
    return Parts(train: batches(all, batch, training), test: batches(all, 256, tested), isSplit: true)
  }

  /// Opens the test part, or all samples if there is no test part.
  ///
  /// - Throws: the errors of opening the data; missing input if there are no samples.
  public func samplesToTest() async throws -> Flow<Sample> {
    if let test = try await flow(.test) { return test }
    guard let all = try await flow(.train) else { throw MirageError(.missingInput, "has no samples", file: path) }
    return all
  }

  /// Settings that change samples of the same files: stages and seed of a pipeline file, null for other datasets.
  public var identity: JSONValue {
    get throws {
      guard let pipeline else { return .null }
      return [
        "source": try pipeline.source.description, "seed": .string(String(pipeline.seed)),
        "stages": .array(try pipeline.stages.map { try $0.description }),
      ]
    }
  }
}
