import MirageSupport
import MirageReports

/// A reader of event files as small as it can be, to hold what is written against the formats' definitions.
struct EventReader {
  struct Event {
    var step = 0
    var fileVersion: String?
    var isSessionStart = false
    var tag: String?
    var scalar: Float?
    var image: (height: Int, width: Int, channels: Int, png: [UInt8])?
    /// The fields of `HistogramProto` by their numbers.
    var histogram: [Int: [Double]]?
  }

  private enum Field {
    case number(UInt64), bytes([UInt8])
  }

  /// The events of a file; a wrong checksum or a torn record throws.
  static func events(of path: String) throws -> [Event] {
    var reader = ByteReader(try InputFile.contents(of: path))
    var events: [Event] = []
    while reader.remaining > 0 {
      let head = try reader.take(8)
      try check(head, reader.littleEndian(UInt32.self))
      let data = try reader.take(Int(head.reversed().reduce(0) { $0 << 8 | UInt64($1) }))
      try check(data, reader.littleEndian(UInt32.self))
      events.append(try event(data))
    }
    return events
  }

  /// The events of all event files in a directory, in the order of their names, with what they say of a restart applied.
  static func curve(_ tag: String, in directory: String) throws -> [Int: Float] {
    var values: [Int: Float] = [:]
    for name in try directoryEntries(directory) where name.contains("tfevents") {
      for event in try events(of: directory + "/" + name) {
        if event.isSessionStart { values = values.filter { $0.key < event.step } }
        if event.tag == tag, let scalar = event.scalar { values[event.step] = scalar }
      }
    }
    return values
  }

  private static func check(_ data: ArraySlice<UInt8>, _ masked: UInt32) throws {
    let rotated = masked &- 0xA282_EAD8
    guard rotated >> 17 | rotated << 15 == CRC32C.checksum(data) else {
      throw MirageError.badData("a record's checksum is wrong")
    }
  }

  private static func event(_ data: ArraySlice<UInt8>) throws -> Event {
    var event = Event()
    for (number, field) in try fields(data) {
      switch (number, field) {
      case (2, .number(let step)): event.step = Int(step)
      case (3, .bytes(let text)): event.fileVersion = String(decoding: text, as: UTF8.self)
      case (7, .bytes(let session)):
        if case (1, .number(1))? = try fields(session[...]).first { event.isSessionStart = true }
      case (5, .bytes(let summary)):
        guard case (1, .bytes(let value))? = try fields(summary[...]).first else { continue }
        try read(value, into: &event)
      default: break
      }
    }
    return event
  }

  private static func read(_ value: [UInt8], into event: inout Event) throws {
    for (number, field) in try fields(value[...]) {
      switch (number, field) {
      case (1, .bytes(let tag)): event.tag = String(decoding: tag, as: UTF8.self)
      case (2, .number(let bits)): event.scalar = Float(bitPattern: UInt32(bits))
      case (4, .bytes(let image)):
        var numbers = [0, 0, 0, 0]
        for case (let number, .number(let value)) in try fields(image[...]) { numbers[number] = Int(value) }
        guard case (4, .bytes(let png))? = try fields(image[...]).last else { continue }
        event.image = (numbers[1], numbers[2], numbers[3], png)
      case (5, .bytes(let histogram)):
        event.histogram = [:]
        for (number, field) in try fields(histogram[...]) {
          switch field {
          case .number(let bits): event.histogram?[number] = [Double(bitPattern: bits)]
          case .bytes(let packed):
            var reader = ByteReader(packed)
            event.histogram?[number] = try (0..<packed.count / 8).map { _ in
              Double(bitPattern: try reader.littleEndian(UInt64.self))
            }
          }
        }
      default: break
      }
    }
  }

  private static func fields(_ message: ArraySlice<UInt8>) throws -> [(number: Int, field: Field)] {
    var reader = ByteReader(message)
    func varint() throws -> UInt64 {
      var (value, shift) = (UInt64(0), UInt64(0))
      while true {
        let byte = try reader.u8()
        value |= UInt64(byte & 0x7F) << shift
        if byte < 0x80 { return value }
        shift += 7
      }
    }
    var fields: [(Int, Field)] = []
    while reader.remaining > 0 {
      let key = try varint()
      let field: Field
      switch key & 7 {
      case 0: field = .number(try varint())
      case 1: field = .number(try reader.littleEndian(UInt64.self))
      case 2: field = .bytes(Array(try reader.take(Int(varint()))))
      case 5: field = .number(UInt64(try reader.littleEndian(UInt32.self)))
      default: throw MirageError.badData("wire type \(key & 7)")
      }
      fields.append((Int(key >> 3), field))
    }
    return fields
  }
}
