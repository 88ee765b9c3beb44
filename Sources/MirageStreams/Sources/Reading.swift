import MirageSupport
import MirageMedia

/// Flows that read the data of sources.
extension Flow where Element == Sample {
  /// Returns a flow of samples that are read by index. A thrown `MirageError` fails only that sample.
  static func reading(
    count: Int, about: DatasetInfo, origin: @escaping @Sendable (Int) -> Origin,
    label: @escaping @Sendable (Int) -> Int?, image: @escaping @Sendable (Int) throws -> Image,
    finish: @escaping @Sendable (Int, inout Sample) throws -> Void = { _, _ in }
  ) -> Flow {
    Flow(
      count: count, about: about, locate: { index, _ in SampleHeader(id: SampleID(index: index), label: label(index)) },
      read: { indices, _ in
        try indices.map { index in
          do {
            var sample = Sample(
              id: SampleID(index: index), origin: origin(index), content: .image(try image(index)),
              label: label(index).map(Label.index))
            try finish(index, &sample)
            return .element(sample)
          } catch let error as MirageError {
            return .failed(SampleError(id: SampleID(index: index), origin: origin(index).description, error: error))
          }
        }
      })
  }

  /// Returns a flow of consecutive records of one size in files. Neighbors are read together.
  static func readingRecords(
    count: Int, about: DatasetInfo, origin: Origin, recordSize: Int,
    place: @escaping @Sendable (Int) -> (file: InputFile, offset: Int), label: @escaping @Sendable (Int) -> Int?,
    image: @escaping @Sendable (UnsafeBufferPointer<UInt8>) -> Image
  ) -> Flow {
    Flow(
      count: count, about: about, locate: { index, _ in SampleHeader(id: SampleID(index: index), label: label(index)) },
      read: { indices, _ in
        var slots: [Slot<Sample>] = []
        slots.reserveCapacity(indices.count)
        var start = 0
        while start < indices.count {
          let (file, offset) = place(indices[start])
          var end = start + 1
          while end < indices.count, indices[end] == indices[end - 1] + 1 {
            let next = place(indices[end])
            guard next.file === file, next.offset == offset + (end - start) * recordSize else { break }
            end += 1
          }
          do {
            let bytes = try file.read(at: offset, count: (end - start) * recordSize)
            bytes.withUnsafeBufferPointer { bytes in
              for place in 0..<end - start {
                let index = indices[start + place]
                let record = UnsafeBufferPointer(rebasing: bytes[place * recordSize..<(place + 1) * recordSize])
                let sample = Sample(
                  id: SampleID(index: index), origin: Origin(origin.file, member: index),
                  content: .image(image(record)),
                  label: label(index).map(Label.index))
                slots.append(.element(sample))
              }
            }
          } catch let error as MirageError {
            for index in indices[start..<end] {
              slots.append(.failed(SampleError(id: SampleID(index: index), origin: origin.file, error: error)))
            }
          }
          start = end
        }
        return slots
      })
  }
}

extension Image {
  /// Reads a PNG or JPEG file.
  /// - Throws: missing input, or bad data with the file if it cannot be decoded.
  init(file path: String, as channels: ColorMode) throws {
    do {
      self = try Image(decoding: InputFile.contents(of: path), as: channels)
    } catch let error as MirageError { throw error.located(file: path) }
  }
}

/// Returns the PNG and JPEG files in a directory and the folders in it, sorted, as paths relative to it. Names that begin
/// with a dot are left out.
///
/// - Parameters:
///   - folder: folder of the directory to begin in; the directory itself if empty.
///   - above: folders that lead to it, to which no link in it may lead back.
/// - Throws: missing input if there is no such directory; bad data for a symbolic link that leads back.
func imageFiles(
  in directory: String, folder: String = "", below above: Set<FileIdentity> = []
) throws -> [String] {
  let place = folder.isEmpty ? directory : joined(directory, folder)
  let names = try directoryEntries(place).filter { !$0.hasPrefix(".") }
  guard let own = FileIdentity(place), !above.contains(own) else {
    throw MirageError.badData("a symbolic link that leads back to a folder above it", file: place)
  }
  return try names.flatMap { name in
    let path = folder.isEmpty ? name : folder + "/" + name
    switch FileKind(joined(directory, path)) {
    case .directory: return try imageFiles(in: directory, folder: path, below: above.union([own]))
    case .file: return ImageFormat.names(name) ? [path] : []
    case .missing: return []
    }
  }
}

/// Returns the class names in a text file, one per line.
func classNames(in path: String) throws -> [String] {
  try InputFile.lines(of: path).map { $0.trimmed }.filter { !$0.isEmpty }
}

extension StringProtocol {
  /// The text without white space at both ends.
  var trimmed: String {
    let start = drop { $0.isWhitespace }
    let end = start.lastIndex { !$0.isWhitespace }
    return end.map { String(start[...$0]) } ?? ""
  }
}

extension Sample {
  /// Takes over the columns of a metadata row, as the sinks write them: landmarks, boxes with their further columns
  /// (Hugging Face's `objects`), and all others as attributes.
  mutating func restore(_ columns: [String: JSONValue]) {
    var row = columns
    for own in ["file_name", "id", "kind", "source"] { row[own] = nil }
    if case .array(let points)? = row.removeValue(forKey: "landmarks") {
      landmarks = points.compactMap { point in
        point.numbers.count == 2 ? Point(point.numbers[0], point.numbers[1]) : nil
      }
    }
    if case .object(let objects)? = row["objects"], case .array(let corners)? = objects["bbox"] {
      boxes = corners.enumerated().compactMap { index, corner in
        let n = corner.numbers
        guard n.count == 4 else { return nil }
        var box = Box(x: n[0], y: n[1], width: n[2], height: n[3])
        for (name, column) in objects where name != "bbox" {
          if case .array(let values) = column, index < values.count { box.attributes[name] = values[index] }
        }
        return box
      }
      row["objects"] = nil
    }
    attributes = row
  }
}

extension JSONValue {
  /// The numbers of an array.
  fileprivate var numbers: [Double] {
    guard case .array(let values) = self else { return [] }
    return values.compactMap { value in
      switch value {
      case .integer(let number): Double(number)
      case .number(let number): number
      default: nil
      }
    }
  }
}
