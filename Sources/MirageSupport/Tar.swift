/// A regular file in a tar archive: its name and the location of its bytes.
package struct TarMember: Sendable, Equatable {
  package let name: String
  package let offset: Int
  package let size: Int
}

/// Reads tar archives: ustar with the GNU and pax extensions for long names and large sizes.
package enum TarIndex {
  /// Returns the regular files of the archive in their order, found by one scan of its headers.
  ///
  /// - Throws: bad data naming the byte if a header is damaged, the archive is truncated (including a missing end
  ///   mark), or the name of a member is absolute, climbs with `..`, or belongs to a link or device.
  package static func scan(_ file: InputFile) throws -> [TarMember] {
    var members: [TarMember] = []
    var offset = 0
    var longName: String?
    var longSize: Int?
    while true {
      guard offset + 512 <= file.size else {
        throw MirageError.badData(
          "the archive ends without its end mark: it is truncated", file: file.path, place: "byte \(offset)",
          remedy: "Fetch or write the archive again.")
      }
      let header = try file.read(at: offset, count: 512)
      if header.allSatisfy({ $0 == 0 }) { return members }
      func damaged(_ what: String) -> MirageError {
        .badData("\(what) in a tar header", file: file.path, place: "byte \(offset)")
      }
      let sum = header.enumerated().reduce(0) { $0 + (148..<156 ~= $1.offset ? 32 : Int($1.element)) }
      guard number(header[148..<156]) == sum else { throw damaged("wrong check sum") }
      guard let size = longSize ?? number(header[124..<136]), size >= 0 else {
        throw damaged("a size that is no number")
      }
      let data = offset + 512
      guard size <= file.size - data else {
        throw MirageError.badData(
          "a member of \(size) bytes, but the archive ends \(file.size - data) bytes later: it is truncated",
          file: file.path, place: "byte \(offset)", remedy: "Fetch or write the archive again.")
      }
      let next = data + (size + 511) / 512 * 512
      switch header[156] {
      case UInt8(ascii: "L"), UInt8(ascii: "x"):
        guard size <= 1 << 20 else { throw damaged("an extension of over a megabyte") }
        let content = try file.read(at: data, count: size)
        if header[156] == UInt8(ascii: "L") {
          longName = try text(content[...], damaged)
        } else {
          let fields = try paxFields(content, damaged)
          longName = fields["path"] ?? longName
          if let text = fields["size"] {
            guard let size = Int(text), size >= 0 else { throw damaged("a size that is no number") }
            longSize = size
          }
        }
        offset = next
        continue
      case UInt8(ascii: "g"), UInt8(ascii: "5"): break
      case UInt8(ascii: "0"), UInt8(ascii: "7"), 0:
        var name = try longName ?? text(header[0..<100], damaged)
        let isUstar = header[257..<262].elementsEqual("ustar".utf8)
        if longName == nil, isUstar, header[345] != 0 { name = try text(header[345..<500], damaged) + "/" + name }
        try members.append(TarMember(name: safeMemberName(name, in: file.path), offset: data, size: size))
      default:
        let name = (try? longName ?? text(header[0..<100], damaged)) ?? "?"
        throw MirageError.badData(
          "member \(name) is a link or a device, which is refused", file: file.path, place: "byte \(offset)")
      }
      longName = nil
      longSize = nil
      offset = next
    }
  }

  private static func text(_ field: ArraySlice<UInt8>, _ damaged: (String) -> MirageError) throws -> String {
    guard let text = String(validating: field.prefix { $0 != 0 }, as: UTF8.self) else {
      throw damaged("a name that is not UTF-8")
    }
    return text
  }

  /// Parses a number of octal digits, or in base 256 if the first bit is set.
  private static func number(_ field: ArraySlice<UInt8>) -> Int? {
    if field.first! & 0x80 != 0 {
      guard field.dropLast(7).dropFirst().allSatisfy({ $0 == 0 }), field.first == 0x80 else { return nil }
      return field.suffix(7).reduce(0) { $0 << 8 | Int($1) }
    }
    let digits = field.drop { $0 == 32 }.prefix { $0 != 0 && $0 != 32 }
    return digits.isEmpty ? 0 : Int(String(decoding: digits, as: UTF8.self), radix: 8)
  }

  /// Parses records of the form "<length> <key>=<value>\n".
  private static func paxFields(_ content: [UInt8], _ damaged: (String) -> MirageError) throws -> [String: String] {
    var fields: [String: String] = [:]
    var rest = content[...]
    while !rest.isEmpty {
      guard let space = rest.firstIndex(of: 32), let length = Int(String(decoding: rest[..<space], as: UTF8.self)),
        length > space - rest.startIndex + 1, length <= rest.count
      else { throw damaged("a damaged pax extension") }
      let record = rest[(space + 1)..<(rest.startIndex + length - 1)]
      guard let equals = record.firstIndex(of: UInt8(ascii: "=")) else { throw damaged("a damaged pax extension") }
      fields[try text(record[..<equals], damaged)] = try text(record[(equals + 1)...], damaged)
      rest = rest.dropFirst(length)
    }
    return fields
  }
}

/// Returns the name without a leading `./`.
/// - Throws: bad data if the name is empty, absolute, or climbs out of its directory.
func safeMemberName(_ name: String, in archive: String) throws -> String {
  let plain = name.hasPrefix("./") ? String(name.dropFirst(2)) : name
  let parts = plain.split(separator: "/", omittingEmptySubsequences: false)
  guard !plain.isEmpty, !plain.hasPrefix("/"), !parts.contains(".."), !plain.utf8.contains(0) else {
    throw MirageError.badData(
      "member \(name.debugDescription) points outside the archive", file: archive, remedy: "Do not use this archive.")
  }
  return plain
}

/// Writes tar archives: plain ustar headers with fixed owner, mode and time, so that equal content gives equal
/// archives.
package enum TarWriter {
  /// Returns the header and the padded content of one member.
  /// - Throws: bad data if the name is longer than the 100 bytes (255 with a folder) of ustar.
  package static func member(_ name: String, _ content: some Collection<UInt8>) throws -> [UInt8] {
    var bytes = try header(name, size: content.count)
    bytes.reserveCapacity(512 + (content.count + 511) / 512 * 512)
    bytes.append(contentsOf: content)
    bytes.append(contentsOf: repeatElement(0, count: (512 - content.count % 512) % 512))
    return bytes
  }

  /// Returns the header alone, for content that is written separately and padded to 512 bytes.
  /// - Throws: as `member`.
  package static func header(_ name: String, size: Int) throws -> [UInt8] {
    var header = [UInt8](repeating: 0, count: 512)
    func put(_ text: some StringProtocol, at offset: Int) {
      header.replaceSubrange(offset..<offset + text.utf8.count, with: text.utf8)
    }
    if name.utf8.count <= 100 {
      put(name, at: 0)
    } else {
      guard let slash = name.lastIndex(of: "/"), name[..<slash].utf8.count <= 155,
        name[name.index(after: slash)...].utf8.count <= 100
      else { throw MirageError.badData("the name \(name) is too long for a tar archive") }
      put(name[..<slash], at: 345)
      put(name[name.index(after: slash)...], at: 0)
    }
    func octal(_ value: Int, _ digits: Int) -> String {
      let text = String(value, radix: 8)
      return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
    put("0000644", at: 100)
    put("0000000", at: 108)
    put("0000000", at: 116)
    put(octal(size, 11), at: 124)
    put(octal(0, 11), at: 136)
    put("        ", at: 148)
    put("0", at: 156)
    put("ustar", at: 257)
    put("00", at: 263)
    put(octal(header.reduce(0) { $0 + Int($1) }, 6), at: 148)
    header[154] = 0
    return header
  }

  /// The end mark: two blocks of zeros.
  package static let end = [UInt8](repeating: 0, count: 1024)
}
