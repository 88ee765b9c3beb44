import FoundationEssentials
import MirageSupport
import MirageMedia

/// History of a training: named series of numbers by step, and pictures of samples.
///
/// On disk it is `history.jsonl` in the training's directory, one JSON object per line, oldest first:
///
///     {"name": "loss/generator", "seconds": 12.5, "step": 500, "value": 0.6931}
///     {"caption": "Step 500", "file": "grids/step-0000500.png", "height": 280, "name": "grids", "seconds": 12.6, …}
///
/// Series with the same part before the slash, such as `loss/generator` and `loss/discriminator`, share a chart.
package struct TrainingHistory: Sendable {
  /// One value of a series.
  package struct Point: Sendable, Equatable {
    /// Number of steps done.
    package var step: Int
    /// Time since the training began in seconds, without interruptions.
    package var seconds: Double
    /// The value; not-a-number if it was not finite.
    package var value: Double
  }

  /// The values of one name, in the order of recording.
  package struct Series: Sendable {
    /// Name of the series, such as `loss/generator`.
    package let name: String
    /// The values, oldest first.
    package fileprivate(set) var points: [Point]
  }

  /// A picture with a grid of samples.
  package struct Grid: Sendable, Equatable {
    /// `grids`, or a name such as `grids/a-to-b` if a training draws several.
    package var name: String
    /// Number of steps done.
    package var step: Int
    /// Time since the training began in seconds, without interruptions.
    package var seconds: Double
    /// Path of the PNG file, relative to the training's directory.
    package var file: String
    /// Size of the picture in pixels.
    package var height, width: Int
    /// Caption of the picture, as a sentence.
    package var caption: String
  }

  /// The series in the order of their first values.
  package private(set) var series: [Series] = []
  /// The pictures, oldest first.
  package private(set) var grids: [Grid] = []
  /// Duration of the training at the last record in seconds, without interruptions.
  package private(set) var seconds = 0.0
  private var places: [String: Int] = [:]

  /// Creates an empty history.
  package init() {}

  /// The values of one name; empty if there is no such series.
  package subscript(name: String) -> [Point] { places[name].map { series[$0].points } ?? [] }

  /// First and last step with a record; nil if there is none.
  package private(set) var steps: ClosedRange<Int>?

  mutating func append(_ record: Record) {
    seconds = max(seconds, record.seconds)
    steps = min(steps?.lowerBound ?? record.step, record.step)...max(steps?.upperBound ?? record.step, record.step)
    switch record.content {
    case .value(let value):
      let point = Point(step: record.step, seconds: record.seconds, value: value)
      if let place = places[record.name] {
        series[place].points.append(point)
      } else {
        places[record.name] = series.count
        series.append(Series(name: record.name, points: [point]))
      }
    case .picture(let file, let height, let width, let caption):
      grids.append(
        Grid(
          name: record.name, step: record.step, seconds: record.seconds, file: file, height: height, width: width,
          caption: caption))
    }
  }
}

extension TrainingHistory {
  /// Name of the file in the training's directory.
  package static let fileName = "history.jsonl"

  /// Reads the history from a training's directory; it is empty if there is no file. An incomplete last line, which a
  /// crash may leave, is ignored.
  /// - Throws: bad data naming the line.
  package init(readingFrom directory: String) throws {
    self.init()
    for (_, record) in try Self.records(in: directory) { append(record) }
  }

  /// Returns the records of the file, each with its line including the line feed.
  static func records(in directory: String) throws -> [(line: ArraySlice<UInt8>, record: Record)] {
    let path = directory + "/" + fileName
    if FileKind(path) == .missing { return [] }
    let bytes = try InputFile.contents(of: path)
    var records: [(ArraySlice<UInt8>, Record)] = []
    var start = bytes.startIndex
    // A line without a line feed is incomplete.
    while let end = bytes[start...].firstIndex(of: 0x0A) {
      do {
        records.append((bytes[start...end], try Record(parsing: bytes[start..<end])))
      } catch {
        // After a crash, a file system may have kept the end of the last line without its beginning.
        if end == bytes.endIndex - 1 { break }
        throw MirageError.badData(
          "not a record of a training's history", file: path, place: "line \(records.count + 1)",
          remedy: "Remove the line, or the file to go on without the history.")
      }
      start = end + 1
    }
    return records
  }

  /// A line of the file.
  struct Record {
    enum Content {
      case value(Double)
      case picture(file: String, height: Int, width: Int, caption: String)
    }

    var name: String
    var step: Int
    var seconds: Double
    var content: Content

    /// The record as a line. A value that is not finite is `null`, since JSON has no infinity and no not-a-number.
    var line: String {
      var fields: [String: JSONValue] = [
        "name": .string(name), "step": .integer(step), "seconds": .number(seconds),
      ]
      switch content {
      case .value(let value): fields["value"] = .number(value)
      case .picture(let file, let height, let width, let caption):
        fields["file"] = .string(file)
        fields["height"] = .integer(height)
        fields["width"] = .integer(width)
        fields["caption"] = .string(caption)
      }
      return JSONValue.object(fields).text + "\n"
    }
  }
}

extension TrainingHistory.Record: Decodable {
  private enum Key: CodingKey {
    case name, step, seconds, value, file, height, width, caption
  }

  init(parsing line: ArraySlice<UInt8>) throws {
    self = try JSONDecoder().decode(Self.self, from: Data(line))
  }

  init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: Key.self)
    name = try fields.decode(String.self, forKey: .name)
    step = try fields.decode(Int.self, forKey: .step)
    seconds = try fields.decode(Double.self, forKey: .seconds)
    if let file = try fields.decodeIfPresent(String.self, forKey: .file) {
      let (height, width) = (try fields.decode(Int.self, forKey: .height), try fields.decode(Int.self, forKey: .width))
      let caption = try fields.decode(String.self, forKey: .caption)
      // The file will be removed with its record, so it must be a picture.
      guard isInside(file), file.hasPrefix("grids/"), file.hasSuffix(".png"), (1...Image.sideLimit).contains(height),
        (1...Image.sideLimit).contains(width)
      else {
        throw MirageError.badData("not a picture of the training")
      }
      content = .picture(file: file, height: height, width: width, caption: caption)
    } else {
      content = .value(try fields.decode(Double?.self, forKey: .value) ?? .nan)
    }
  }
}

/// Returns whether a relative path remains within its base directory.
func isInside(_ path: String) -> Bool {
  !path.utf8.contains(0)
    && path.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { !["", ".", ".."].contains($0) }
}
