import MirageSupport
import MirageStreams

/// A dataset that a command is given by its path: a pipeline file, or data in any readable format, recognized by what is
/// there.
public struct DatasetLocation: Sendable {
  public let path: String
  private let pipeline: Pipeline?
  private let format: (any RecognizedSource.Type)?

  /// - Throws: missing input if nothing is there, or nothing that can be read; what is wrong with a pipeline file.
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

  /// The samples of a part of the dataset; nil if it has no such part.
  ///
  /// Pipeline files and single folders have a training part only: all they hold.
  ///
  /// - Parameter fitting: what to do about a pipeline's stages that must be fitted first.
  /// - Throws: what opening the data throws.
  public func flow(_ split: Split, fitting: Context.Fitting = .leaveOut) async throws -> Flow<Sample>? {
    if let pipeline {
      return split == .train ? try await pipeline.fitted(in: Context(fitting: fitting)).flow : nil
    }
    do {
      return try await format?.source(at: path, split: split)?.flow()
    } catch let error as MirageError where split == .test && error.kind == .missingInput {
      // Files of a test part that are incomplete are an error; that there are none is not.
      guard error.file == path || error.file == joined(path, "test.bin") else { throw error }
      return nil
    }
  }

  /// A dataset's samples for training, and those for testing.
  public struct Parts: Sendable {
    public var train, test: Batches
    /// Whether the dataset has no test part, and a tenth of its samples was kept instead.
    public var isSplit: Bool
  }

  /// The training part and the test part; where there is no test part, a tenth of the samples is one.
  ///
  /// - Parameters:
  ///   - batch: samples a batch of training.
  ///   - seed: what the tenth is chosen by.
  /// - Throws: what opening the data throws; missing input if there are no training samples; bad data where the parts
  ///   have different classes.
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

  /// The samples to test on: the test part, or all where there is none.
  ///
  /// - Throws: what opening the data throws; missing input if there are no samples.
  public func samplesToTest() async throws -> Flow<Sample> {
    if let test = try await flow(.test) { return test }
    guard let all = try await flow(.train) else { throw MirageError(.missingInput, "has no samples", file: path) }
    return all
  }

  /// What tells its samples from others of the same files: of a pipeline file, its stages and seed.
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
