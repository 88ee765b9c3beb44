import MirageSupport

/// Where samples come from.
public protocol Source<Element>: Sendable {
  associatedtype Element: Sendable
  /// Opens the data and indexes it.
  /// - Throws: missing input, or bad data found by what can be checked at once.
  func flow() throws -> Flow<Element>
}

/// A step that turns one flow into another.
public protocol Stage<Input, Output>: Sendable {
  associatedtype Input: Sendable
  associatedtype Output: Sendable
  /// - Throws: bad pipeline where the stage cannot stand behind this flow.
  func apply(to upstream: Flow<Input>) throws -> Flow<Output>
}

/// A stage that must first be fitted on what flows into it: mean and deviation, class counts, a GAN.
public protocol Estimator<Input, Output>: Sendable {
  associatedtype Input: Sendable
  associatedtype Output: Sendable
  func fit(on upstream: Flow<Input>, in context: Context) async throws -> any Stage<Input, Output>
  /// What an earlier fit left behind, for whoever shows a pipeline without fitting it; nil where there is nothing.
  func earlierFit(on upstream: Flow<Input>, in context: Context) async throws -> (any Stage<Input, Output>)?
}

extension Estimator {
  public func earlierFit(on upstream: Flow<Input>, in context: Context) async throws -> (any Stage<Input, Output>)? {
    nil
  }
}

/// A pure function of one sample. `draw` makes every random choice; `apply` makes none.
public protocol Augmentation: Sendable {
  associatedtype Parameters: Sendable & Codable
  /// How often the augmentation is applied at all, 0 (never) to 1 (always).
  var probability: Double { get }
  func draw(for sample: borrowing Sample, using random: inout Random) -> Parameters
  func apply(_ parameters: Parameters, to sample: inout Sample) throws
}

extension Augmentation {
  public var probability: Double { 1 }
}

/// An augmentation without random choices.
public struct NoParameters: Sendable, Codable, Equatable {
  public init() {}
}

extension Augmentation where Parameters == NoParameters {
  public func draw(for sample: borrowing Sample, using random: inout Random) -> NoParameters { NoParameters() }
}

/// Something a pipeline is made of. Its stored properties are its settings: in a pipeline file under the same names, in
/// lower case with hyphens.
public protocol Component: Sendable, Encodable {
  /// The name in pipeline files, such as `random-crop`.
  static var name: String { get }
  var role: Role { get }
}

/// What a component does in a pipeline.
public enum Role: Sendable {
  case source(any Source<Sample>)
  case augment(Augment)
  case stage(any Stage<Sample, Sample>)
  case estimator(any Estimator<Sample, Sample>)
  case sink(any Sink<Sample>)
}

extension Component where Self: Augmentation { public var role: Role { .augment(Augment(self, name: Self.name)) } }
extension Component where Self: Source<Sample> { public var role: Role { .source(self) } }
extension Component where Self: Stage<Sample, Sample> { public var role: Role { .stage(self) } }
extension Component where Self: Estimator<Sample, Sample> { public var role: Role { .estimator(self) } }
extension Component where Self: Sink<Sample> { public var role: Role { .sink(self) } }

extension Component {
  /// The component as a pipeline file writes it: `{name: {settings}}`.
  public var description: JSONValue {
    get throws { .object([Self.name: try JSONValue(encoding: self)]) }
  }
}

/// Where samples go. `encode` runs in parallel with the rest of the work of a chunk; the writer receives the results in
/// order.
public protocol Sink<Element>: Sendable {
  associatedtype Element: Sendable
  associatedtype Encoded: Sendable
  associatedtype Writer: SinkWriter<Encoded>
  /// The directory that is written.
  var directory: String { get }
  /// - Throws: bad pipeline where the sink cannot hold such data.
  func check(_ dataset: DatasetInfo) throws
  func encode(_ element: Element, of dataset: DatasetInfo) throws -> Encoded
  /// Opens the output, new or where an interrupted run left it.
  /// - Returns: the writer, and the position the run goes on at.
  func open(_ plan: OutputPlan) async throws -> (writer: Writer, resumeAt: Int)
  /// The names that `finish` leaves in the directory, where it is one that others write into too; nil where the
  /// directory is the sink's alone.
  func sharedFiles() -> [String]?
  /// The report as it stands beside the data, given the one that is there already in a shared directory.
  func mergedReport(_ report: JSONValue, existing: JSONValue?) -> JSONValue
}

extension Sink {
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
