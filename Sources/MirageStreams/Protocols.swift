import MirageSupport

/// Where samples come from.
public protocol Source<Element>: Sendable {
  associatedtype Element: Sendable
  /// Opens the data and indexes it.
  ///
  /// - Parameter context: the source's path, and what to do about parts that must be fitted first.
  /// - Throws: missing input, or bad data found by what can be checked at once.
  func flow(in context: Context) async throws -> Flow<Element>
  /// Kind of media that the source gives. Images by default.
  var domain: Format.Domain { get }
}

extension Source {
  public var domain: Format.Domain { .image }

  /// Opens the data as the source of a pipeline.
  public func flow() async throws -> Flow<Element> { try await flow(in: Context().at(StagePath.root.source)) }
}

/// A source whose data comes in a training and a test part.
public protocol SplitSource: Source {
  /// The same source with another part of the data.
  func selecting(_ split: Split) -> Self
}

/// A format that a directory or an archive can be recognized to hold, without being told.
public protocol RecognizedSource: SourceComponent {
  /// Whether the names found at a place are those of the format.
  static func recognizes(_ place: DatasetPlace) -> Bool
  /// The source of a part of the data at this path; nil if the format never has such a part.
  /// - Throws: missing input if the part is not there.
  static func source(at path: String, split: Split) throws -> (any SourceComponent)?
}

/// What stands at the path of a dataset: the names that formats are recognized by.
public struct DatasetPlace: Sendable {
  /// The file's or the directory's own name.
  public let name: String
  /// Names in the directory; nil for a file.
  public let entries: [String]?
  /// Names in the directory and in the folders `raw` and `…MNIST/raw` in it.
  public let deepEntries: [String]
  /// Names in the directory that are directories themselves.
  public let folders: Set<String>

  /// - Throws: missing input if nothing is there.
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

  /// Whether an entry passes a test.
  public func holds(_ test: (String) -> Bool) -> Bool { entries?.contains(where: test) ?? false }
}

/// A step that turns one flow into another.
public protocol Stage<Input, Output>: Sendable {
  associatedtype Input: Sendable
  associatedtype Output: Sendable
  /// - Parameter path: keys the stage's random draws and names it in messages.
  /// - Throws: bad pipeline if the stage cannot follow this flow.
  func apply(to upstream: Flow<Input>, at path: StagePath) throws -> Flow<Output>
}

/// A stage that must first be fitted on what flows into it: mean and deviation, class counts, a GAN.
public protocol Estimator<Input, Output>: Sendable {
  associatedtype Input: Sendable
  associatedtype Output: Sendable
  /// Fits the stage on all that flows in, or takes up what an earlier fit left.
  func fit(on upstream: Flow<Input>, in context: Context) async throws -> Fitted<Input, Output>
  /// The stage as an earlier fit left it; nil if there is none.
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
  /// Numbers that the fitting ended with, such as the steps done and the last metrics.
  public var measures: [FittingProgress.Measure]
  /// Files that the fitting left, the checkpoint first.
  public var files: [String]

  public init(
    _ stage: any Stage<Input, Output>, description: JSONValue? = nil, measures: [FittingProgress.Measure] = [],
    files: [String] = []
  ) {
    (self.stage, self.description, self.measures, self.files) = (stage, description, measures, files)
  }
}

/// An estimator that is trained for long, with networks, and keeps what it learned in a file. Only `run` and `train` train.
public protocol TrainedEstimator: Estimator {
  /// The file that keeps the training.
  var checkpoint: String { get }
}

/// A component that computes with networks, such as a stage that generates samples.
public protocol ComputesWithNetworks {}

extension Component {
  /// Whether the component or one of its parts computes with networks.
  package var needsNetworks: Bool {
    self is any ComputesWithNetworks || parts.values.joined().contains(where: \.needsNetworks)
  }
}

/// A component that stands among a pipeline's stages.
public protocol StageComponent: Component {
  var role: Role { get }
  /// Domains of content that the stage works on. All by default; images for augmentations.
  static var domains: Set<Format.Domain> { get }
}

extension StageComponent {
  public static var domains: Set<Format.Domain> { Set(Format.Domain.allCases) }

  /// The stage as an augmentation; nil if it is none.
  var augment: Augment? { if case .augment(let augment) = role { augment } else { nil } }
}

/// What a component does among a pipeline's stages.
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
  func draw(for sample: borrowing Sample, using random: inout Random) -> Parameters
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

/// Where samples go. `encode` runs in parallel with the rest of the work of a chunk; the writer receives the results in
/// order.
public protocol Sink<Element>: Sendable {
  associatedtype Element: Sendable
  associatedtype Encoded: Sendable
  associatedtype Writer: SinkWriter<Encoded>
  /// The directory that is written.
  var directory: String { get set }
  /// Domains of content that the sink can hold.
  static var domains: Set<Format.Domain> { get }
  /// - Throws: bad pipeline if the sink cannot hold such data.
  func check(_ dataset: DatasetInfo) throws
  func encode(_ element: Element, of dataset: DatasetInfo) throws -> Encoded
  /// Opens the output, new or where an interrupted run left it.
  /// - Returns: the writer, and the position the run goes on at.
  func open(_ plan: OutputPlan) async throws -> (writer: Writer, resumeAt: Int)
  /// Names that `finish` leaves in the directory, if others write into it too; nil if the directory is the sink's alone.
  func sharedFiles() -> [String]?
  /// The report beside the data, given the one that is there already in a shared directory.
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
  mutating func write(_ encoded: Encoded) throws
  /// Hands everything to the operating system.
  /// - Returns: the lengths of the files that grow, by which an interrupted run finds its place.
  mutating func flush() throws -> [String: Int]
  /// Completes the data. May run again after a crash in its middle.
  mutating func finish() throws
}
