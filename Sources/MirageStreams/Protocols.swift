import MirageSupport

/// A component that reads samples.
public protocol Source<Element>: Sendable {
  associatedtype Element: Sendable
  /// Opens the data and indexes it.
  ///
  /// - Parameter context: the source's path, and the treatment of parts that must be fitted first.
  /// - Throws: missing input if files are missing; bad data if the files fail the checks made when they are opened.
  func flow(in context: Context) async throws -> Flow<Element>
  /// Kind of media that the source gives. Images by default.
  var domain: Format.Domain { get }
}

extension Source {
  public var domain: Format.Domain { .image }

  /// Opens the data as the source of a pipeline.
  public func flow() async throws -> Flow<Element> { try await flow(in: Context().at(StagePath.root.source)) }
}

/// A source whose data has a training and a test part.
public protocol SplitSource: Source {
  /// Returns the same source for another part of the data.
  func selecting(_ split: Split) -> Self
}

/// A source of pairs: its samples are the first ones, and those of its partner the second ones, at the same positions under
/// the same ids.
///
/// As random draws depend on the id and the stage's path, a stage at one path makes the same choices for both: a pair of one
/// size that is cropped or flipped at random remains a pair. A pipeline takes the partner through its stages in this way.
public protocol PairedSource: SourceComponent {
  /// Source of the second samples.
  var partner: any SourceComponent { get }
}

/// A dataset format that can be detected from the names in a directory or archive.
public protocol RecognizedSource: SourceComponent {
  /// Returns whether the names found at a path are those of the format.
  static func recognizes(_ place: DatasetPlace) -> Bool
  /// Returns the source of a part of the data at this path; nil if the format never has such a part.
  /// - Throws: missing input if the part does not exist.
  static func source(at path: String, split: Split) throws -> (any SourceComponent)?
}

/// File names at the path of a dataset, from which its format is detected.
public struct DatasetPlace: Sendable {
  /// Name of the file or directory.
  public let name: String
  /// Names in the directory; nil for a file.
  public let entries: [String]?
  /// Names in the directory and in the folders `raw` and `…MNIST/raw` in it.
  public let deepEntries: [String]
  /// Names of the directories in the directory.
  public let folders: Set<String>

  /// Lists the names at a path.
  /// - Throws: missing input if the path does not exist.
  public init(_ path: String) throws {
    name = lastComponent(path)
    switch FileKind(path) {
    case .missing: throw MirageError(.missingInput, "no such file or directory", file: path)
    case .file: (entries, deepEntries, folders) = (nil, [], [])
    case .directory:
      let names = try directoryEntries(path)
      let inner = ["raw"] + names.filter { $0.hasSuffix("MNIST") }.map { $0 + "/raw" }
      entries = names
      deepEntries = names + inner.flatMap { (try? directoryEntries(joined(path, $0))) ?? [] }
      folders = Set(names.filter { FileKind(joined(path, $0)) == .directory })
    }
  }

  /// Returns whether any entry passes a test; false for a file.
  public func holds(_ test: (String) -> Bool) -> Bool { entries?.contains(where: test) ?? false }
}

/// A step that turns one flow into another.
public protocol Stage<Input, Output>: Sendable {
  associatedtype Input: Sendable
  associatedtype Output: Sendable
  /// Returns the flow after this stage. The path keys the stage's random draws and names it in messages.
  /// - Throws: bad pipeline if the stage cannot follow this flow.
  func apply(to upstream: Flow<Input>, at path: StagePath) throws -> Flow<Output>
}

/// A stage that must first be fitted on the samples that flow into it, such as mean and deviation or a GAN.
public protocol Estimator<Input, Output>: Sendable {
  associatedtype Input: Sendable
  associatedtype Output: Sendable
  /// Fits the stage on all samples that flow into it, or continues or reuses an earlier fit.
  func fit(on upstream: Flow<Input>, in context: Context) async throws -> Fitted<Input, Output>
  /// Returns the result of an earlier fit; nil if there is none.
  func earlierFit(on upstream: Flow<Input>, in context: Context) async throws -> Fitted<Input, Output>?
}

extension Estimator {
  public func earlierFit(on upstream: Flow<Input>, in context: Context) async throws -> Fitted<Input, Output>? { nil }
}

/// Result of fitting a stage.
public struct Fitted<Input: Sendable, Output: Sendable>: Sendable {
  /// The stage, ready to be applied.
  public var stage: any Stage<Input, Output>
  /// Description of everything that determines the samples the stage makes, such as its weights; the stage's own
  /// description if nil.
  public var description: JSONValue?
  /// Final measures of the fitting, such as the number of steps and the last metrics.
  public var measures: [FittingProgress.Measure]
  /// Files that the fitting wrote, the checkpoint first.
  public var files: [String]

  public init(
    _ stage: any Stage<Input, Output>, description: JSONValue? = nil, measures: [FittingProgress.Measure] = [],
    files: [String] = []
  ) {
    (self.stage, self.description, self.measures, self.files) = (stage, description, measures, files)
  }
}

/// An estimator that trains networks and saves them in a file. Only contexts whose `fitting` is `fit` train it.
public protocol TrainedEstimator: Estimator {
  /// Path of the checkpoint file.
  var checkpoint: String { get }
}

/// A component that computes with networks, such as a stage that generates samples.
public protocol ComputesWithNetworks {}

extension Component {
  /// True if the component or one of its parts computes with networks.
  package var needsNetworks: Bool {
    self is any ComputesWithNetworks || parts.values.joined().contains(where: \.needsNetworks)
  }
}

/// A component that can be one of a pipeline's stages.
public protocol StageComponent: Component {
  /// Role of the component among the stages. It follows from the protocols that the component conforms to.
  var role: Role { get }
  /// Domains of content that the stage works on. All by default; images for augmentations.
  static var domains: Set<Format.Domain> { get }
}

extension StageComponent {
  public static var domains: Set<Format.Domain> { Set(Format.Domain.allCases) }

  /// The stage as an augmentation; nil if it is none.
  var augment: Augment? { if case .augment(let augment) = role { augment } else { nil } }
}

/// Role of a component among a pipeline's stages.
public enum Role: Sendable {
  case augment(Augment)
  case stage(any Stage<Sample, Sample>)
  case estimator(any Estimator<Sample, Sample>)
}

extension StageComponent where Self: Stage<Sample, Sample> { public var role: Role { .stage(self) } }
extension StageComponent where Self: Estimator<Sample, Sample> { public var role: Role { .estimator(self) } }

/// A pure function of one sample. `draw` makes every random choice; `apply` makes none.
public protocol Augmentation: StageComponent {
  associatedtype Parameters: Sendable & Codable
  /// Probability that the augmentation is applied at all, 0 (never) to 1 (always).
  var probability: Double { get }
  /// Draws the parameters for a sample.
  func draw(for sample: borrowing Sample, using random: inout Random) -> Parameters
  /// Changes the sample in place.
  /// - Throws: an error that fails this sample only.
  func apply(_ parameters: Parameters, to sample: inout Sample) throws
}

extension Augmentation {
  public static var domains: Set<Format.Domain> { [.image] }
  public var probability: Double { 1 }
  public var role: Role { .augment(Augment(self, name: Self.name)) }
}

/// Parameters of an augmentation without random choices.
public struct NoParameters: Sendable, Codable, Equatable {
  public init() {}
}

extension Augmentation where Parameters == NoParameters {
  public func draw(for sample: borrowing Sample, using random: inout Random) -> NoParameters { NoParameters() }
}

/// A component that writes samples. `encode` runs in parallel with the rest of the work of a chunk; the writer receives
/// the results in order.
public protocol Sink<Element>: Sendable {
  associatedtype Element: Sendable
  associatedtype Encoded: Sendable
  associatedtype Writer: SinkWriter<Encoded>
  /// Path of the directory that is written.
  var directory: String { get set }
  /// Domains of content that the sink can hold.
  static var domains: Set<Format.Domain> { get }
  /// Checks that the sink supports the data.
  /// - Throws: bad pipeline if the sink cannot hold such data.
  func check(_ dataset: DatasetInfo) throws
  /// Encodes one element for the writer.
  func encode(_ element: Element, of dataset: DatasetInfo) throws -> Encoded
  /// Creates the output, or opens it at the point that an interrupted run reached.
  /// - Returns: the writer, and the position at which the run starts or continues.
  func open(_ plan: OutputPlan) async throws -> (writer: Writer, resumeAt: Int)
  /// Returns the names of the files that `finish` leaves in a directory that other sinks also write to; nil if the sink
  /// uses the directory alone.
  func sharedFiles() -> [String]?
  /// Returns the report to write next to the data, merged with the existing one of a shared directory.
  func mergedReport(_ report: JSONValue, existing: JSONValue?) -> JSONValue
}

extension Sink {
  public static var domains: Set<Format.Domain> { [.image] }
  public func sharedFiles() -> [String]? { nil }
  public func mergedReport(_ report: JSONValue, existing: JSONValue?) -> JSONValue { report }
}

/// Writes encoded samples in order.
public protocol SinkWriter<Encoded> {
  associatedtype Encoded: Sendable
  /// Writes one encoded element.
  mutating func write(_ encoded: Encoded) throws
  /// Writes all buffered data to the operating system.
  /// - Returns: the lengths of the files that grow, in bytes, from which an interrupted run can continue.
  mutating func flush() throws -> [String: Int]
  /// Completes the data. It may be called again after a crash during an earlier call.
  mutating func finish() throws
}
