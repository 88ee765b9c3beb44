import Dispatch
import MirageSupport
import MirageMedia
import Mirage
import MirageStreams
import StreamsTestSupport
import TestSupport

/// Something that reads bytes which nobody vouches for.
struct Target: Sendable {
  let name: String
  /// Valid inputs, which are mutated.
  let seeds: [[UInt8]]
  /// Reads the input; an error is fine, anything else than returning or throwing is a defect.
  let read: @Sendable ([UInt8]) throws -> Void
}

/// The targets, whose files are written into a scratch directory.
func makeTargets(in directory: TemporaryDirectory) throws -> [Target] {
  /// A reader that wants its input under a name, in a folder of its own.
  func file(_ name: String, _ file: String, _ seeds: [[UInt8]], _ source: any Source<Sample>) -> Target {
    Target(name: name, seeds: seeds) { bytes in
      try OutputFile.write(file, bytes)
      try readAll(source)
    }
  }
  func folder(_ name: String) throws -> String {
    try makeDirectories(directory.file(name))
    return directory.file(name)
  }
  let golden = repository + "/Tests/Golden/"
  func files(_ folder: String, _ ending: String) throws -> [[UInt8]] {
    try directoryEntries(golden + folder).filter { $0.hasSuffix(ending) && !$0.contains("-pixels") }
      .map { try InputFile.contents(of: golden + folder + "/" + $0) }
  }

  var targets: [Target] = [
    Target(name: "png", seeds: try files("codecs", ".png")) { _ = try PNG.decode($0) },
    // With right check sums, which would stop nearly everything else.
    Target(name: "png-mended", seeds: try files("codecs", ".png")) { _ = try PNG.decode(withPNGCheckSums($0)) },
    Target(name: "jpeg", seeds: try files("codecs", ".jpg")) { _ = try JPEG.decode($0) },
    // Only the head of a picture is mutated, so most inputs reach the pixels and the turning.
    Target(name: "exif", seeds: try files("codecs", ".jpg").map { Array($0.prefix(200)) }) {
      [rest = try files("codecs", "orientation-6.jpg")[0]] in
      _ = try Image(decoding: $0 + rest.dropFirst(200))
    },
    Target(
      name: "unpickler", seeds: try files("pickles", ".pickle") + [TinyDataset.cifarPython(perBatch: 1).last!.bytes]
    ) { _ = try Unpickler.load($0) },
    Target(
      name: "json",
      seeds: [#"{"a": [1, -2.5e3, true, null, "x\u00e9\n"], "b": {"c": []}}"#, "[[[[1]]]]", "\"text\""].map {
        Array($0.utf8)
      }
    ) {
      let value = try JSONValue(parsing: $0)
      guard try JSONValue(parsing: value.text.utf8).text == value.text else { fatalError("JSON does not come back") }
    },
    Target(
      name: "pipeline",
      seeds: try directoryEntries(repository + "/Pipelines").map {
        try InputFile.contents(of: repository + "/Pipelines/" + $0)
      }
        + ["a: &a [1, 2]\nsource: {mnist: *a}\n? {b: c}\n: d\n--- !!str e\n", "source: [\"x\", 'y', |\n z\n"].map {
          Array($0.utf8)
        }
    ) { bytes in
      guard let text = String(validating: bytes, as: UTF8.self) else { return }
      _ = try PipelineFile.parse(text)
    },
  ]

  let checkpoints = try folder("checkpoints")
  targets.append(
    Target(name: "safetensors", seeds: try files("checkpoints", ".safetensors")) {
      _ = try SafeTensors(parsing: $0, path: "checkpoint")
    })
  let tensorFile = checkpoints + "/a.pth"
  let readable = ["types", "views", "model", "model-4", "training", "bare"]
  targets.append(
    Target(
      name: "pth",
      seeds: try (readable + ["legacy"]).map { try InputFile.contents(of: golden + "checkpoints/\($0).pth") }
    ) {
      try OutputFile.write(tensorFile, $0)
      _ = try readTensors(tensorFile)
    })
  // Only the pickle is mutated, in an archive with right check sums.
  for name in readable {
    let zip = try Zip(golden + "checkpoints/\(name).pth")
    let members = try zip.names.indices.map { (name: zip.names[$0], bytes: try zip.contents(at: $0)) }
    let pickle = members.firstIndex { $0.name.hasSuffix("/data.pkl") }!
    targets.append(
      Target(name: "pth-pickle-\(name)", seeds: [members[pickle].bytes]) { bytes in
        var writer = ZipWriter()
        for (index, member) in members.enumerated() { writer.add(member.name, index == pickle ? bytes : member.bytes) }
        try OutputFile.write(tensorFile, writer.finished())
        _ = try readTensors(tensorFile)
      })
  }

  let mnist = try folder("mnist")
  try TinyDataset.writeMNIST(mnist, count: 3)
  let images = mnist + "/train-images-idx3-ubyte"
  let labels = mnist + "/train-labels-idx1-ubyte"
  let (imageBytes, labelBytes) = (try InputFile.contents(of: images), try InputFile.contents(of: labels))
  targets.append(
    file(
      "idx", images, [imageBytes, TinyDataset.idx([3, 2, 2, 3], Array(repeating: 1, count: 36))],
      MNIST(directory: mnist)))
  let unlabeled = try folder("labels")
  try OutputFile.write(unlabeled + "/train-images-idx3-ubyte", imageBytes)
  targets.append(
    file("idx-labels", unlabeled + "/train-labels-idx1-ubyte", [labelBytes], MNIST(directory: unlabeled)))
  let zipped = try folder("mnist-gz")
  try OutputFile.write(zipped + "/train-labels-idx1-ubyte", labelBytes)
  targets.append(
    file(
      "idx-gz", zipped + "/train-images-idx3-ubyte.gz", [try gzipped(imageBytes)], MNIST(directory: zipped))
  )

  let tar = try tarred(TinyDataset.webDatasetMembers(0..<3))
  let tarFile = try folder("tar") + "/a.tar"
  targets.append(
    Target(name: "tar", seeds: [tar]) { bytes in
      // Mended check sums, so that other fields are reached.
      try OutputFile.write(tarFile, withTarCheckSums(bytes))
      _ = try TarIndex.scan(InputFile(tarFile))
    })
  let shard = try folder("shards") + "/a.tar"
  targets.append(file("webdataset", shard, [tar], WebDataset(directory: shard)))

  let python = try folder("cifar-python")
  let batchPickles = try files("pickles", "batch-4.pickle")
  let batches = TinyDataset.cifarPython(perBatch: 1)
  try TinyDataset.write(batches, into: python)
  targets.append(
    file(
      "cifar-python", python + "/test_batch", [batches[5].bytes] + batchPickles,
      CIFAR10(directory: python, split: .test)))
  targets.append(file("cifar-meta", python + "/batches.meta", [batches[6].bytes], CIFAR10(directory: python)))
  let archive = try folder("cifar-archive") + "/cifar-10-binary.tar.gz"
  let binary = TinyDataset.cifarBinary(perBatch: 1)
  targets.append(
    file("cifar-archive", archive, [try gzipped(tarred(binary))], CIFAR10(directory: archive)))

  let celeba = try folder("celeba")
  let faces = TinyCelebA(count: 2, zip: true)
  try faces.write(celeba)
  let zip = celeba + "/img_align_celeba.zip"
  targets.append(
    file("celeba-zip", zip, [try InputFile.contents(of: zip)], CelebA(directory: celeba, split: .all, label: "Smiling"))
  )
  let lists = try folder("celeba-lists")
  try TinyCelebA(count: 2).write(lists)
  for (name, text) in faces.lists().sorted(by: { $0.key < $1.key }) {
    let path = "\(lists)/\(name).txt"
    targets.append(
      Target(name: name, seeds: [Array(text.utf8)]) { bytes in
        try OutputFile.write(path, bytes)
        // Whatever comes of it, the next list's target finds this one whole.
        defer { try? OutputFile.write(path, text.utf8) }
        try readAll(CelebA(directory: lists, split: .train, label: name.hasPrefix("identity") ? "identity" : "Smiling"))
      })
  }

  let described = try folder("metadata")
  try TinyDataset.writeMetadataFolder(described)
  let metadata = described + "/metadata.jsonl"
  let rows = [
    try InputFile.contents(of: metadata),
    Array(#"{"file_name": "images/0.png", "label": "a", "label_index": 3}"#.utf8),
    Array(#"{"file_name": "images/0.png", "label": 7}"#.utf8),
  ]
  targets.append(file("metadata", metadata, rows, ImageFolder(directory: described)))
  return targets
}

/// Every sample of a source. Readers do not wait for anything, so this thread may wait for them.
private func readAll(_ source: any Source<Sample>) throws {
  try waiting {
    let flow = try await source.flow()
    // Counts are the input's: the first and the last samples stand for all.
    let count = min(flow.count, 50)
    let positions = Array(0..<count) + (flow.count > count ? [flow.count - 1] : [])
    for position in positions { _ = try flow.locate(position, flow.run) }
    _ = try await flow.read(positions, flow.run)
  }
}

private func waiting(_ work: @escaping @Sendable () async throws -> Void) throws {
  final class Outcome: @unchecked Sendable { var error: (any Error)? }
  let outcome = Outcome()
  let done = DispatchSemaphore(value: 0)
  Task {
    do { try await work() } catch { outcome.error = error }
    done.signal()
  }
  done.wait()
  if let error = outcome.error { throw error }
}

/// The bytes with a right check sum behind each chunk.
private func withPNGCheckSums(_ bytes: [UInt8]) -> [UInt8] {
  var bytes = bytes
  var place = 8
  while place + 12 <= bytes.count {
    let length = bytes[place..<place + 4].reduce(0) { $0 << 8 | Int($1) }
    guard length <= bytes.count - place - 12 else { break }
    let end = place + 8 + length
    bytes.replaceSubrange(end..<end + 4, with: bigEndian(Int(crc32(bytes[place + 4..<end]))))
    place = end + 4
  }
  return bytes
}

/// The bytes with a right check sum in each block that looks like a header.
private func withTarCheckSums(_ bytes: [UInt8]) -> [UInt8] {
  var bytes = bytes
  for start in stride(from: 0, to: bytes.count - 511, by: 512)
  where bytes[start + 257..<start + 262].elementsEqual("ustar".utf8) {
    bytes.replaceSubrange(start + 148..<start + 156, with: Array("        ".utf8))
    let octal = String(bytes[start..<start + 512].reduce(0) { $0 + Int($1) }, radix: 8)
    let digits = String(repeating: "0", count: max(0, 6 - octal.count)) + octal
    bytes.replaceSubrange(start + 148..<start + 156, with: Array(digits.utf8) + [0, 32])
  }
  return bytes
}
