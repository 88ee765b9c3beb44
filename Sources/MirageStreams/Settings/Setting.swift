import MirageMedia
import MirageSupport

/// One setting of a component: its key, type, default and a line of help.
///
/// Pipeline files, validation, help, the JSON Schema and command-line options are made from it.
public struct Setting: Sendable {
  /// Key in pipeline files: the property's name in lower case with hyphens.
  package let key: String
  package private(set) var type: SettingType
  /// One line of help that begins with the thing, without a final period.
  package let summary: String
  /// Default in its full form; nil if the setting must be given, null if it may be left out and has no default.
  package private(set) var standard: JSONValue?
  private let takesDefault: Bool

  /// Creates a setting whose default is that of the component's initializer, as `list` reads it.
  public init(_ key: String, _ type: SettingType, _ summary: String) {
    self.init(key, type, summary, standard: .null, takesDefault: true)
  }

  private init(_ key: String, _ type: SettingType, _ summary: String, standard: JSONValue?, takesDefault: Bool) {
    (self.key, self.type, self.summary) = (key, type, summary)
    (self.standard, self.takesDefault) = (standard, takesDefault)
  }

  /// Returns a setting that must be given.
  public static func required(_ key: String, _ type: SettingType, _ summary: String) -> Setting {
    Setting(key, type, summary, standard: nil, takesDefault: false)
  }

  /// Returns a setting without a default, whatever the initializer has for it.
  public static func optional(_ key: String, _ type: SettingType, _ summary: String) -> Setting {
    Setting(key, type, summary, standard: .null, takesDefault: false)
  }

  /// Returns the settings of a group, in the order that help shows them, with the defaults of its initializer.
  ///
  /// - Parameters:
  ///   - prototype: a value made with the initializer's defaults; its values for required settings are not used.
  ///   - settings: one setting for each stored property.
  public static func list(of prototype: some Encodable, _ settings: Setting...) -> [Setting] {
    list(of: prototype, settings)
  }

  static func list(of prototype: some Encodable, _ settings: [Setting]) -> [Setting] {
    // The prototype is the program's own value, never a user's data.
    let values = try! JSONValue(encoding: prototype)
    return settings.map { $0.taking(values[$0.key] ?? .null) }
  }

  private func taking(_ value: JSONValue) -> Setting {
    guard takesDefault else { return self }
    var setting = self
    setting.standard = value
    guard case .group(let members) = type, value != .null else { return setting }
    let own = members.map { $0.taking(value[$0.key] ?? .null) }
    setting.type = .group(own)
    // A group must be given if one of its settings must.
    let isRequired = own.contains { $0.standard == nil }
    let given = own.filter { $0.standard != .null }.map { ($0.key, $0.standard ?? .null) }
    setting.standard = isRequired ? nil : .object(Dictionary(uniqueKeysWithValues: given))
    return setting
  }
}

// Settings that several components share, so that one idea has one name and one sentence.
extension Setting {
  /// Setting `probability`, from 0 to 1.
  public static let probability = Setting(
    "probability", .number(0...1), "Probability that the augmentation is applied at all")
  /// Setting `fill`, a color as bytes.
  public static let fill = Setting("fill", .color, "Color of pixels outside of the image")

  static let interpolation = Setting(
    "interpolation", .choice(["nearest", "bilinear", "bicubic"]), "Interpolation between pixels")
  static let resampling = Setting("interpolation", .choice(Interpolation.self), "Interpolation between pixels")
  static let antialias = Setting(
    "antialias", .boolean, "Whether to average over all pixels that become one, as Pillow does")
  static let border = border("border")
  static let size = required("size", .size, "Size of the result in pixels")
  static let split = Setting("split", .choice(Split.self), "Part of the dataset")
  static let channels = Setting("channels", .choice(ColorMode.self), "Color mode of all images; keep changes none")
  static let output = required("directory", .path, "Directory that is written")
  static let format = Setting("format", .choice(ImageFormat.self), "File format of the images")
  static let compression = Setting("compression", .integer(0...9), "PNG compression level, 0 (none) to 9 (smallest)")
  static let quality = Setting("quality", .integer(1...100), "JPEG quality, 1 (smallest) to 100 (best)")

  static func border(_ key: String) -> Setting {
    Setting(key, .choice(BorderMode.self), "Pixels beyond the edges: the fill, the edge pixels, or the mirrored image")
  }
}

extension [Setting] {
  /// Returns the setting of this key, in American or British spelling.
  package func named(_ key: String) -> Setting? {
    first { $0.key == key } ?? first { $0.key == americanSpelling(key) }
  }

  /// Checks settings in their full form against their types and ranges.
  ///
  /// - Throws: bad pipeline with the path of the setting, such as `train.steps`, as its place.
  package func check(_ values: JSONValue, at path: String = "") throws {
    for setting in self {
      guard let value = values[setting.key], value != .null else { continue }
      let place = path.isEmpty ? setting.key : "\(path).\(setting.key)"
      if case .group(let members) = setting.type {
        try members.check(value, at: place)
      } else if let problem = setting.problem(in: value) {
        throw MirageError(.badPipeline, problem.message, place: place, remedy: problem.remedy)
      }
    }
  }
}
