import MirageAdversarial
import MirageStreams

/// Settings of the samples that a trained translation makes of what flows in.
public struct Translation: Sendable, Codable, Equatable {
  /// Treatment of the samples that are translated.
  public enum Originals: String, Sendable, Codable, CaseIterable {
    /// All samples flow on, and the translations follow them.
    case keep
    /// A translation takes the place of its original; other samples flow on.
    case replace
    /// Only the translations flow on.
    case drop
  }

  /// Direction of the translation. Defaults to `forward`.
  public var direction: TranslationDirection
  /// Treatment of the originals. Defaults to `keep`.
  public var originals: Originals
  /// Class of the translations, by name or number; `keep` for that of the original. Defaults to the class of the domain that
  /// is translated to, if it is a single one, else to `keep`.
  public var label: String?

  public static let settings = Setting.list(of: Translation(), .direction, .originals, .label)

  /// Returns the index of a class given as `label`; nil for none and for `keep`.
  ///
  /// - Throws: bad pipeline naming the setting if there is no such class.
  static func index(ofLabel label: String?, among classes: [String], setting: String) throws -> Int? {
    guard let label, label != "keep" else { return nil }
    return try classIndex(label, among: classes, stage: setting)
  }

  /// Creates the settings of a translation.
  public init(direction: TranslationDirection = .forward, originals: Originals = .keep, label: String? = nil) {
    (self.direction, self.originals, self.label) = (direction, originals, label)
  }
}

extension Setting {
  static let direction = Setting("direction", .choice(TranslationDirection.self), "Direction of the translation")
  static let originals = Setting(
    "originals", .choice(Translation.Originals.self),
    "Whether originals stay, are replaced, or are left out with the rest")
  static let label = Setting(
    "label", .string,
    "Class of the translations, or keep; the class that is translated to, if it is known, if not given")
}
