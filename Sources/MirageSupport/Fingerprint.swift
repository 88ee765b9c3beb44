/// Everything that determines some bytes, by name: data, settings, weights. Circumstances that do not determine them,
/// such as the location of files and the number of workers, are part of no fingerprint.
///
/// Outputs, checkpoints, caches and logs store the fingerprint of their content, and are used again only if it is
/// equal.
public struct Fingerprint: Sendable, Equatable {
  /// The parts by name.
  public private(set) var parts: [String: JSONValue]

  /// Creates a fingerprint of these parts.
  public init(_ parts: [String: JSONValue] = [:]) { self.parts = parts }

  /// The part of this name; nil if there is none.
  public subscript(name: String) -> JSONValue? {
    get { parts[name] }
    set { parts[name] = newValue }
  }

  /// The parts as one document.
  public var document: JSONValue { .object(parts) }

  /// SHA-256 of the document, as 64 hexadecimal digits.
  public var digest: String { Digest.sha256(document.text.utf8) }

  /// Returns the first difference from an earlier fingerprint, in words such as `stages.0.rotate.degrees was 10, and
  /// is 15 now`; nil if there is none.
  public func firstDifference(from earlier: Fingerprint) -> String? {
    Difference(earlier.document, document).map { "\($0.path) was \($0.before), and is \($0.now) now" }
  }

  /// The first difference between two documents, by the order of names.
  package struct Difference {
    /// Path of the value, such as `train.loss`.
    package let path: String
    /// Both values as text.
    package let before, now: String

    private static func words(_ value: JSONValue?) -> String {
      if case .string(let text)? = value { text } else { value?.text ?? "missing" }
    }

    /// - Returns: nil if the documents are equal.
    package init?(_ before: JSONValue?, _ now: JSONValue?, at path: String = "") {
      func inner(_ name: String) -> String { path.isEmpty ? name : path + "." + name }
      switch (before, now) {
      case (.object(let one)?, .object(let other)?):
        let found = Set(one.keys).union(other.keys).sorted().lazy.compactMap { name in
          Difference(one[name], other[name], at: inner(name))
        }.first
        guard let found else { return nil }
        self = found
      case (.array(let one)?, .array(let other)?) where one.count == other.count && one.contains(where: \.isComposed):
        let found = zip(one, other).enumerated().lazy.compactMap { index, pair in
          Difference(pair.0, pair.1, at: inner(String(index)))
        }.first
        guard let found else { return nil }
        self = found
      default:
        if before == now { return nil }
        (self.path, self.before, self.now) = (path, Self.words(before), Self.words(now))
      }
    }
  }
}

extension JSONValue {
  /// True if the value holds others, so that a difference lies in one of them.
  fileprivate var isComposed: Bool {
    switch self {
    case .object, .array: true
    default: false
    }
  }
}
