import MirageSupport
import Synchronization

/// A part of a pipeline: source, augmentation, stage or sink. Its stored properties are its settings, which have the
/// same names in pipeline files, in lower case with hyphens.
///
/// Conform to `Augmentation` for a pure function of one sample, or to `StageComponent` and `Stage` for anything else
/// that turns one flow into another. `Registry.adding` makes a component known to pipeline files.
public protocol Component: Sendable, Codable {
  /// Name, summary and settings of the component.
  static var declaration: Declaration { get }
  /// Kind of the component. It follows from the protocols that the component conforms to.
  static var kind: ComponentKind { get }
  /// The components among the settings, by the paths of their settings. None by default.
  var parts: [String: [any Component]] { get }
  /// Checks the settings, each and together; pipelines do so before anything is opened.
  ///
  /// Defaults to `checkSettings`, which custom checks should call first.
  /// - Throws: bad pipeline with the path of the wrong setting, such as `model.loss`, as its place.
  func validate() throws
}

/// Kind of a component, which determines its position in a pipeline.
public enum ComponentKind: String, Sendable, CaseIterable { case source, augmentation, stage, sink }

/// Name, summary and settings of a component. Pipeline files, validation, help, the JSON Schema and command-line
/// options are made from it.
public struct Declaration: Sendable {
  fileprivate let name: String
  fileprivate let summary: String
  fileprivate let primary: String?
  fileprivate let settings: Lazy<[Setting]>

  /// Declares a component.
  ///
  /// - Parameters:
  ///   - name: name in pipeline files, such as `random-crop`.
  ///   - summary: one-line description, without a final period.
  ///   - primary: key of the setting that a plain value sets: `copies: 2` is `copies: {count: 2}`. None by default.
  ///   - prototype: a value made with the initializer's defaults; its values for required settings are not used.
  ///   - settings: one setting for each stored property, in the order that help shows them.
  public init<Prototype: Encodable & SendableMetatype>(
    _ name: String, _ summary: String, primary: String? = nil,
    of prototype: @autoclosure @escaping @Sendable () -> Prototype, _ settings: Setting...
  ) {
    (self.name, self.summary, self.primary) = (name, summary, primary)
    // A name is looked up among all components, and the defaults of few of them are needed.
    self.settings = Lazy { Setting.list(of: prototype(), settings) }
  }

  /// Declares a component without settings.
  ///
  /// - Parameters:
  ///   - name: name in pipeline files, such as `shuffle`.
  ///   - summary: one-line description, without a final period.
  public init(_ name: String, _ summary: String) {
    (self.name, self.summary, primary, settings) = (name, summary, nil, Lazy { [] })
  }
}

/// A value that is made at first use.
private final class Lazy<Value: Sendable>: Sendable {
  private let made = Mutex<Value?>(nil)
  private let make: @Sendable () -> Value

  init(_ make: @escaping @Sendable () -> Value) { self.make = make }

  var value: Value {
    made.withLock { made in
      let value = made ?? make()
      made = value
      return value
    }
  }
}

extension Component {
  /// Name in pipeline files, such as `random-crop`.
  public static var name: String { declaration.name }
  package static var summary: String { declaration.summary }
  package static var settings: [Setting] { declaration.settings.value }
  /// Key of the setting that a plain value sets.
  package static var primary: String? { declaration.primary }
  public var parts: [String: [any Component]] { [:] }
  public func validate() throws { try checkSettings() }

  /// Checks each setting against its type and range, and the components among them.
  /// - Throws: bad pipeline with the path of the wrong setting, such as `count`, as its place.
  public func checkSettings() throws {
    // Parts are checked first, so that values JSON cannot represent are reported as their errors.
    for (path, parts) in parts.sorted(by: { $0.key < $1.key }) {
      for (index, part) in parts.enumerated() { try part.validate(at: "\(path)/\(index)") }
    }
    try Self.settings.check(try JSONValue(encoding: self, nonFiniteAsText: true))
  }

  /// Checks the settings. Errors name the component and the setting, such as `stages/1 (take), count`.
  func validate(at path: String) throws {
    do { try validate() } catch let error as MirageError { throw error.located(in: "\(path) (\(Self.name))") }
  }

  /// The component as a pipeline file writes it: `{name: {settings}}`.
  public var description: JSONValue {
    get throws { .object([Self.name: try JSONValue(encoding: self)]) }
  }
}

extension MirageError {
  /// Returns the same error with a component's place before the setting that it names.
  func located(in component: String) -> MirageError {
    guard kind == .badPipeline, file == nil else { return self }
    var error = self
    error.place = component + (place.map { ", \($0)" } ?? "")
    return error
  }
}

/// A source that pipelines can name.
public typealias SourceComponent = Component & Source<Sample>

/// A sink that pipelines can name.
public typealias SinkComponent = Component & Sink<Sample>

extension Component where Self: Source, Self.Element == Sample { public static var kind: ComponentKind { .source } }
extension Component where Self: Sink, Self.Element == Sample { public static var kind: ComponentKind { .sink } }
extension StageComponent { public static var kind: ComponentKind { .stage } }
extension Augmentation { public static var kind: ComponentKind { .augmentation } }

/// Components as a setting of another: one, such as `any SourceComponent`, or a list of them.
@propertyWrapper public struct Nested<Value: Sendable>: Sendable, Codable {
  /// The component, or the list of components.
  public var wrappedValue: Value

  public init(wrappedValue: Value) { self.wrappedValue = wrappedValue }

  /// Decodes the components that the pipeline file has for this setting.
  public init(from decoder: any Decoder) throws {
    let path = decoder.codingPath.map { hyphenated($0.stringValue) }.joined(separator: ".")
    let parts = (decoder.userInfo[.parts] as? [String: [any Component]])?[path] ?? []
    guard let value = parts as? Value ?? parts.first as? Value else {
      throw MirageError(.badPipeline, "\(path) holds a component that cannot be there", place: path)
    }
    wrappedValue = value
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    if let list = wrappedValue as? [any Component] {
      try container.encode(list.map { try $0.description })
    } else {
      try container.encode((wrappedValue as! any Component).description)
    }
  }
}

extension CodingUserInfoKey {
  /// The components that `Nested` settings take, by the paths of their settings.
  fileprivate static let parts = CodingUserInfoKey(rawValue: "parts")!
}

extension Component {
  /// Creates a component from settings in their full form, and from the components among them by their settings' paths.
  package init(_ settings: [String: JSONValue], parts: [String: [any Component]]) throws {
    self = try JSONValue.object(settings).decoded(as: Self.self, userInfo: [.parts: parts])
  }
}
