import MirageSupport

/// File format of images.
public enum ImageFormat: String, Sendable, Codable, CaseIterable {
  case png
  case jpeg = "jpg"

  /// Detects the format of a file by its first bytes, whatever its name; nil if it is neither PNG nor JPEG.
  public init?(sniffing bytes: some Collection<UInt8>) {
    if bytes.starts(with: PNG.signature) {
      self = .png
    } else if bytes.starts(with: [0xFF, 0xD8, 0xFF]) {
      self = .jpeg
    } else {
      return nil
    }
  }

  /// Returns whether a file name has the extension of one of the formats.
  public static func names(_ file: some StringProtocol) -> Bool {
    guard let dot = file.lastIndex(of: ".") else { return false }
    return ["png", "jpg", "jpeg"].contains(file[file.index(after: dot)...].lowercased())
  }
}

extension Image {
  /// Decodes a PNG or JPEG file.
  /// - Throws: bad data if it is neither, is damaged or truncated, or exceeds the size limits.
  public init(decoding bytes: [UInt8], as mode: ColorMode = .keep) throws {
    switch ImageFormat(sniffing: bytes) {
    case .png: self = try PNG.decode(bytes).converted(to: mode)
    case .jpeg: self = try JPEG.decode(bytes, as: mode)
    case nil:
      throw MirageError.badData(bytes.isEmpty ? "the image file is empty" : "neither a PNG nor a JPEG image")
    }
  }
}
