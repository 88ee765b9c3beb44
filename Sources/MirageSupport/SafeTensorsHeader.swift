/// The header of a safetensors file: `{"name": {"dtype": …, "shape": […], "data_offsets": [begin, end]}, …}`, and
/// `"__metadata__": {"name": "text", …}`.
///
/// The parser accepts exactly this JSON. A general parser would silently drop one of two equal names, and would recurse
/// as deeply as a hostile file nests. Here each value is read by its type, and nothing recurses.
struct SafeTensorsHeader {
  struct Entry {
    let name: String
    let type: StoredType
    let shape: [Int]
    /// Range of the tensor's bytes, counted from the end of the header.
    let range: Range<Int>
  }

  /// Maximum size of a header in bytes; that of the reference implementation.
  static let limit = 100_000_000
  static let metadataName = "__metadata__"

  /// Entries in the order of their data, which they cover without gap or overlap.
  private(set) var entries: [Entry] = []
  private(set) var metadata: [String: String] = [:]

  private let text: ArraySlice<UInt8>
  /// Index of the next byte in `text`.
  private var next: Int
  private let dataSize: Int
  private let path: String

  /// - Parameter dataSize: number of bytes after the header.
  /// - Throws: bad data naming the byte or the tensor.
  init(parsing text: ArraySlice<UInt8>, dataSize: Int, path: String) throws {
    (self.text, self.dataSize, self.path, next) = (text, dataSize, path, text.startIndex)
    guard text.first == UInt8(ascii: "{") else { throw damaged("the header is no JSON object") }
    try object { header, name in
      if name == Self.metadataName {
        try header.object { $0.metadata[$1] = try $0.string() }
      } else {
        try header.entry(name)
      }
    }
    skipSpaces()
    guard next == text.endIndex else { throw damaged("something follows the header's JSON object") }
    entries.sort { ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound) }
    var end = 0
    for entry in entries {
      guard entry.range.lowerBound == end else {
        let fault = entry.range.lowerBound < end ? "overlaps the tensor before it" : "leaves a gap before it"
        throw damaged(
          "its data begins at \(entry.range.lowerBound), which \(fault): that ends at \(end)", tensor: entry.name)
      }
      end = entry.range.upperBound
    }
    guard end == dataSize else {
      throw Self.damaged(
        "the tensors have \(end) bytes, but \(dataSize) follow the header", path: path,
        place: "byte \(8 + text.count + end)")
    }
  }

  static func damaged(_ message: String, path: String, place: String) -> MirageError {
    .badData(message, file: path, place: place, remedy: "Fetch the file again, or save it again with safetensors.")
  }

  private func damaged(_ message: String) -> MirageError {
    Self.damaged(message, path: path, place: "byte \(8 + next - text.startIndex)")
  }

  private func damaged(_ message: String, tensor: String) -> MirageError {
    Self.damaged(message, path: path, place: "tensor \(shortened(tensor))")
  }

  /// Returns the beginning of a text that can be megabytes long, for messages.
  private func shortened(_ text: String) -> String { text.count <= 100 ? text : text.prefix(100) + "…" }

  // MARK: One tensor

  private mutating func entry(_ name: String) throws {
    var (dtype, shape, offsets): (String?, [Int]?, [Int]?)
    try object { header, field in
      switch field {
      case "dtype": dtype = try header.string()
      case "shape": shape = try header.sizes(atMost: 64)
      case "data_offsets": offsets = try header.sizes(atMost: 2)
      default: throw header.damaged("the unknown field \(header.shortened(field))", tensor: name)
      }
    }
    guard let dtype, let shape, let offsets, offsets.count == 2 else {
      throw damaged("dtype, shape or both data_offsets are missing", tensor: name)
    }
    guard let type = StoredType(rawValue: dtype) else {
      var error = damaged("numbers of type \(shortened(dtype)) are not read", tensor: name)
      error.remedy = "Convert the tensor to F32, and save it again."
      throw error
    }
    guard offsets[0] <= offsets[1], offsets[1] <= dataSize else {
      throw damaged("data_offsets \(offsets), but \(dataSize) bytes follow the header", tensor: name)
    }
    guard let count = elementCount(of: shape) else {
      throw damaged("the shape \(shape) is too large to be true", tensor: name)
    }
    guard count * type.width == offsets[1] - offsets[0] else {
      throw damaged(
        "shape \(shape) of \(dtype) needs \(count * type.width) bytes, but has \(offsets[1] - offsets[0])",
        tensor: name)
    }
    entries.append(Entry(name: name, type: type, shape: shape, range: offsets[0]..<offsets[1]))
  }

  // MARK: JSON

  private mutating func skipSpaces() {
    while next < text.endIndex, " \t\r\n".utf8.contains(text[next]) { next += 1 }
  }

  /// Skips the punctuation if it comes next.
  private mutating func skips(_ character: Unicode.Scalar) -> Bool {
    skipSpaces()
    guard next < text.endIndex, text[next] == UInt8(ascii: character) else { return false }
    next += 1
    return true
  }

  private mutating func expect(_ character: Unicode.Scalar) throws {
    guard skips(character) else { throw damaged("the header's JSON needs \(character) here") }
  }

  /// Passes the name of each field to `read`, which reads its value.
  private mutating func object(_ read: (inout Self, String) throws -> Void) throws {
    try expect("{")
    if skips("}") { return }
    var names: Set<String> = []
    repeat {
      let name = try string()
      guard names.insert(name).inserted else { throw damaged("the name \(shortened(name)) is there twice") }
      try expect(":")
      try read(&self, name)
    } while skips(",")
    try expect("}")
  }

  private mutating func sizes(atMost limit: Int) throws -> [Int] {
    try expect("[")
    if skips("]") { return [] }
    var sizes: [Int] = []
    repeat {
      guard sizes.count < limit else { throw damaged("more than \(limit) numbers") }
      skipSpaces()
      let token = text[next...].prefix { !" \t\r\n,]}".utf8.contains($0) }.prefix(40)
      let digits = String(decoding: token, as: UTF8.self)
      let isPlain = token.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      guard isPlain, token.count == 1 || token.first != UInt8(ascii: "0"), let size = Int(digits) else {
        throw damaged("\(digits) where a whole number from 0 to \(Int.max) is needed")
      }
      sizes.append(size)
      next += token.count
    } while skips(",")
    try expect("]")
    return sizes
  }

  private mutating func string() throws -> String {
    try expect("\"")
    var bytes: [UInt8] = []
    while true {
      guard next < text.endIndex else { throw damaged("the header ends within a text") }
      let byte = text[next]
      next += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let string = String(validating: bytes, as: UTF8.self) else { throw damaged("a text that is not UTF-8") }
        return string
      case UInt8(ascii: "\\"): bytes += try escaped().utf8
      case ..<0x20: throw damaged("a control character in a text")
      default: bytes.append(byte)
      }
    }
  }

  /// Returns the character of an escape whose backslash has been read.
  private mutating func escaped() throws -> String {
    let letter = text[next...].first
    next = min(next + 1, text.endIndex)
    switch letter {
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case let plain? where "\"\\/".utf8.contains(plain): return String(Unicode.Scalar(plain))
    case UInt8(ascii: "u"):
      var code = try hexadecimal()
      if code & 0xFC00 == 0xD800, text[next...].starts(with: "\\u".utf8) {  // a character of two surrogates
        next += 2
        let low = try hexadecimal()
        guard low & 0xFC00 == 0xDC00 else { throw damaged("half a character in a text") }
        code = 0x10000 + (code & 0x3FF) << 10 + low & 0x3FF
      }
      guard let scalar = Unicode.Scalar(code) else { throw damaged("half a character in a text") }
      return String(scalar)
    default: throw damaged("a damaged escape in a text")
    }
  }

  private mutating func hexadecimal() throws -> UInt32 {
    let digits = text[next...].prefix(4)
    guard digits.count == 4, digits.allSatisfy({ Unicode.Scalar($0).properties.isASCIIHexDigit }) else {
      throw damaged("a damaged escape in a text")
    }
    next += 4
    return UInt32(String(decoding: digits, as: UTF8.self), radix: 16)!
  }
}
