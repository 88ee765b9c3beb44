import MirageSupport
import MirageMedia

/// File format of images, with its compression.
public struct ImageEncoding: Sendable, Equatable {
  package var format: ImageFormat
  /// PNG compression level, 0 (none) to 9 (smallest).
  package var compression: Int
  /// JPEG quality, 1 (smallest) to 100 (best).
  package var quality: Int

  func encode(_ image: borrowing Image) throws -> [UInt8] {
    switch format {
    case .png: try PNG.encode(image, level: compression)
    case .jpeg: try JPEG.encode(image, quality: quality)
    }
  }
}

extension Sample {
  /// Returns the sample's row in a metadata file: file name, label by name and number, and all attributes.
  func metadata(fileName: String?, classes: [String]) -> JSONValue {
    var row = attributes
    if let fileName { row["file_name"] = .string(fileName) }
    row["id"] = .string(id.description)
    row["kind"] = .string(kind.rawValue)
    row["source"] = .string(origin.description)
    switch label {
    case .index(let index):
      row["label"] = .string(index < classes.count ? classes[index] : String(index))
      row["label_index"] = .integer(index)
    case .distribution(let values): row["label_distribution"] = .array(values.map { .number(Double($0)) })
    case nil: break
    }
    if !landmarks.isEmpty { row["landmarks"] = .array(landmarks.map { [.number($0.x), .number($0.y)] }) }
    if !boxes.isEmpty {
      var objects: [String: JSONValue] = [
        "bbox": .array(boxes.map { [.number($0.x), .number($0.y), .number($0.width), .number($0.height)] })
      ]
      for name in Set(boxes.flatMap(\.attributes.keys)) {
        objects[name] = .array(boxes.map { $0.attributes[name] ?? .null })
      }
      row["objects"] = .object(objects)
    }
    return .object(row)
  }

  /// Returns the index of the class. Throws bad data if the label is missing or a distribution.
  func requiredClass(for sink: String) throws -> Int {
    guard let index = label?.index else {
      throw MirageError.badData("\(sink) needs a class for every sample, and this one has none")
    }
    return index
  }
}

/// Returns a class name as a folder name: characters that file systems and tar do not hold become `_`.
func fileSafe(_ name: String) -> String {
  if !name.isEmpty, name.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 || $0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7A }) {
    return name
  }
  let safe = String(name.map { "/\\:*?\"<>|\0".contains($0) || $0.isNewline ? "_" : $0 })
  return safe.isEmpty || safe == "." || safe == ".." ? "_" : safe
}

/// Returns folder names for classes, made different if two names become one.
func folderNames(_ classes: [String]) -> [String] {
  var taken: Set<String> = []
  return classes.map { name in
    var folder = fileSafe(name)
    while !taken.insert(folder).inserted { folder += "_" }
    return folder
  }
}

func refuseSoftLabels(_ dataset: DatasetInfo, sink: String) throws {
  if dataset.hasSoftLabels {
    throw MirageError(
      .badPipeline, "\(sink) cannot hold the mixed labels of mixup and cutmix",
      remedy: "Write to image-folder or webdataset, or leave the mixing to training.")
  }
}

func refuseUnlabeled(_ dataset: DatasetInfo, sink: String) throws {
  if dataset.classes.isEmpty {
    throw MirageError(.badPipeline, "\(sink) needs labels, and the source has none", remedy: "Choose another sink.")
  }
}
