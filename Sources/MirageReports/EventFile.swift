import MirageSupport
import Glibc

/// An event file for TensorBoard: `tensorboard --logdir DIRECTORY` shows it, even while it is written.
///
/// Each record is a TFRecord (length, checksum of the length, data, checksum of the data) of an `Event`, a protocol
/// buffer of TensorFlow's `event.proto`. A resumed training writes another file into the same directory, and removes
/// events of later steps from the earlier files.
package final class EventFile {
  /// Path of the file.
  package let path: String
  private let file: OutputFile

  private static let prefix = "events.out.tfevents."
  private static let suffix = ".mirage"

  /// Creates a file in an existing directory.
  ///
  /// - Parameters:
  ///   - directory: the training's directory.
  ///   - step: step that the training resumes at; events of later steps are removed from earlier files. Nil for a new
  ///     training.
  /// - Throws: an I/O error.
  package init(in directory: String, resumingAt step: Int? = nil) throws {
    let earlier = try directoryEntries(directory).filter(Self.isOurs)
    if let step { for name in earlier { try Self.cut(directory + "/" + name, after: step) } }
    // TensorBoard reads files in the order of their names, so a new name must be after the existing ones, even if the
    // clock was set back.
    let second = max(Int(wallTime()), (earlier.compactMap(Self.second).max() ?? 0) + 1)
    path = "\(directory)/\(Self.prefix)\(second).\(hostName()).\(getpid())\(Self.suffix)"
    file = try OutputFile(path)
    try append { $0.add(3, string: "brain.Event:2") }
    // A running TensorBoard discards its events from this step on.
    var session = ProtobufMessage()
    session.add(1, integer: 1)  // SessionLog.START
    try append(step: step.map { $0 + 1 } ?? 0) { $0.add(7, message: session) }
    try flush()
  }

  /// Returns whether a file of this name is an event file of Mirage.
  static func isOurs(_ name: String) -> Bool { name.hasPrefix(prefix) && name.hasSuffix(suffix) }

  private static func second(of name: String) -> Int? {
    Int(name.dropFirst(prefix.count).prefix { $0 != "." })
  }

  /// Truncates a file before the first record of a later step, and before a record that a crash left incomplete.
  private static func cut(_ path: String, after step: Int) throws {
    let input = try InputFile(path)
    var end = 0
    while let record = try record(at: end, of: input), record.step <= step { end = record.end }
    if end < input.size { _ = try OutputFile(path, continuingAt: end) }
  }

  /// Returns the step of a record and the offset of the next one; nil at the end and in an incomplete record.
  private static func record(at offset: Int, of input: InputFile) throws -> (step: Int, end: Int)? {
    guard offset + 12 <= input.size else { return nil }
    var head = ByteReader(try input.read(at: offset, count: 12))
    let (length, sum) = (try head.littleEndian(UInt64.self), try head.littleEndian(UInt32.self))
    guard sum == CRC32C.masked(littleEndian(length)), length <= UInt64(input.size - offset - 12),
      Int(length) + 4 <= input.size - offset - 12
    else { return nil }
    // An event begins with its time, nine bytes, and its step, at most eleven bytes.
    var data = ByteReader(try input.read(at: offset + 12, count: min(Int(length), 20)).dropFirst(10))
    var (step, shift) = (0, 0)
    while shift < 64, data.remaining > 0 {
      let byte = try data.u8()
      step |= Int(byte & 0x7F) << shift
      if byte < 0x80 { break }
      shift += 7
    }
    return (step, offset + 12 + Int(length) + 4)
  }

  /// Adds a point to a curve. TensorBoard marks values that are not finite.
  /// - Throws: an I/O error.
  package func scalar(_ tag: String, step: Int, value: Float) throws {
    try append(tag, step: step) { $0.add(2, float: value) }
  }

  /// Adds a picture from the bytes of a PNG file.
  /// - Throws: an I/O error.
  package func image(_ tag: String, step: Int, png: [UInt8], height: Int, width: Int, channels: Int) throws {
    var image = ProtobufMessage()
    image.add(1, integer: height)
    image.add(2, integer: width)
    image.add(3, integer: channels)
    image.add(4, bytes: png)
    try append(tag, step: step) { $0.add(4, message: image) }
  }

  /// Adds the distribution of the finite values; without any, nothing is written.
  /// - Throws: an I/O error.
  package func histogram(_ tag: String, step: Int, values: [Float]) throws {
    guard let histogram = Histogram(values) else { return }
    try append(tag, step: step) { $0.add(5, message: histogram.message) }
  }

  /// Writes buffered events to the operating system.
  package func flush() throws { try file.flush() }

  private func append(_ tag: String, step: Int, _ fill: (inout ProtobufMessage) -> Void) throws {
    var value = ProtobufMessage()
    value.add(1, string: tag)
    fill(&value)
    var summary = ProtobufMessage()
    summary.add(1, message: value)
    try append(step: step) { $0.add(5, message: summary) }
  }

  private func append(step: Int = 0, _ fill: (inout ProtobufMessage) -> Void) throws {
    var event = ProtobufMessage()
    event.add(1, double: wallTime())
    event.add(2, integer: step)
    fill(&event)
    let length = littleEndian(UInt64(event.bytes.count))
    try file.append(length + littleEndian(CRC32C.masked(length)))
    try file.append(event.bytes + littleEndian(CRC32C.masked(event.bytes)))
  }
}

/// Counts of values in thirty buckets of equal width, the number that TensorBoard shows.
private struct Histogram {
  private var minimum = Double.infinity
  private var maximum = -Double.infinity
  private var sum = 0.0
  private var sumOfSquares = 0.0
  private var number = 0.0
  private var limits: [Double]
  private var counts: [Double]

  init?(_ values: [Float]) {
    let values = values.lazy.filter(\.isFinite).map(Double.init)
    for value in values {
      minimum = min(minimum, value)
      maximum = max(maximum, value)
      sum += value
      sumOfSquares += value * value
      number += 1
    }
    guard number > 0 else { return nil }
    let buckets = maximum > minimum ? 30 : 1
    let (first, width) = (minimum, (maximum - minimum) / Double(buckets))
    limits = (1...buckets).map { first + width * Double($0) }
    limits[buckets - 1] = maximum
    counts = [Double](repeating: 0, count: buckets)
    for value in values {
      counts[buckets == 1 ? 0 : min(buckets - 1, Int((value - first) / width))] += 1
    }
  }

  /// The histogram as TensorFlow's `HistogramProto`.
  var message: ProtobufMessage {
    var message = ProtobufMessage()
    message.add(1, double: minimum)
    message.add(2, double: maximum)
    message.add(3, double: number)
    message.add(4, double: sum)
    message.add(5, double: sumOfSquares)
    message.add(6, doubles: limits)
    message.add(7, doubles: counts)
    return message
  }
}

private func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
  withUnsafeBytes(of: value.littleEndian) { Array($0) }
}

/// Returns the number of seconds since 1970.
func wallTime() -> Double {
  var now = timespec()
  clock_gettime(CLOCK_REALTIME, &now)
  return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
}

private func hostName() -> String {
  var name = [CChar](repeating: 0, count: 256)
  gethostname(&name, name.count - 1)
  let text = String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  return text.isEmpty ? "localhost" : String(text.map { $0 == "/" ? "_" : $0 })
}
