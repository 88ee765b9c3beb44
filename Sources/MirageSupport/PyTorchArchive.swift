/// Content of a file of torch.save, in one of its two formats.
protocol PyTorchContents {
  /// Returns the tensors with their full names, sorted by these.
  func views() throws -> [(name: String, view: PickleTensor)]
  /// Returns the bytes of the storage with this key.
  func storage(_ key: String) throws -> ArraySlice<UInt8>
}

/// The zip archive that PyTorch writes since version 1.6, with all members in one folder.
struct PyTorchArchive: PyTorchContents {
  private let zip: Zip
  private let places: [String: Int]
  private let folder: String

  init(_ path: String) throws {
    zip = try Zip(path)
    places = try Dictionary(zip.names.enumerated().map { ($1, $0) }) { first, _ in
      throw MirageError.badData("two members have the same name", file: path, place: "member \(first)")
    }
    let pickle = zip.names.first { $0.hasSuffix("/data.pkl") && $0.count { $0 == "/" } == 1 }
    guard let pickle else {
      throw MirageError.badData(
        "a zip archive without data.pkl, so not a file of torch.save", file: path,
        remedy: "Save a state dict: torch.save(model.state_dict(), path).")
    }
    folder = String(pickle.dropLast("data.pkl".count))
    if let order = try contents("byteorder"), !order.elementsEqual("little".utf8) {
      throw PyTorchFile.damaged(
        "the numbers' byte order is \(String(decoding: order.prefix(20), as: UTF8.self)), only little is read",
        file: path, place: "member \(folder)byteorder")
    }
  }

  private func contents(_ member: String) throws -> [UInt8]? { try places[folder + member].map(zip.contents) }

  func storage(_ key: String) throws -> ArraySlice<UInt8> {
    guard let bytes = try contents("data/" + key) else {
      throw PyTorchFile.damaged(
        "the storage is missing", file: zip.path, place: "member \(folder)data/\(key.prefix(100))")
    }
    return bytes[...]
  }

  func views() throws -> [(name: String, view: PickleTensor)] {
    try PyTorchFile.located(zip.path, "member \(folder)data.pkl") {
      try Unpickler.load(contents("data.pkl") ?? [], readsPyTorch: true).namedTensors()
    }
  }
}
