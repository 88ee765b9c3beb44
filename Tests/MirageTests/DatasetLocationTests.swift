import Mirage
import StreamsTestSupport
import TestSupport
import Testing

/// Datasets that are given by their path: what they are taken for, and which parts they have.
@Suite struct DatasetLocationTests {
  let folder = TemporaryDirectory()

  /// How many samples the two parts have; nil where there is no such part.
  private func counts(_ name: String) async throws -> [Int?] {
    let location = try DatasetLocation(folder.file(name))
    #expect(location.path == folder.file(name))
    let (train, test) = (try await location.flow(.train), try await location.flow(.test))
    // What is counted can be read.
    for flow in [train, test] { if let flow { #expect(try await flow.samples().count == flow.count) } }
    if let train, let test { #expect(train.about.classes == test.about.classes) }
    return [train?.count, test?.count]
  }

  private func failure(_ body: () async throws -> Void) async throws -> MirageError {
    do {
      try await body()
    } catch {
      return try #require(error as? MirageError, "\(error)")
    }
    throw MirageError.badData("no error was thrown")
  }

  @Test(arguments: [false, true]) func mnist(gzip: Bool) async throws {
    try TinyDataset.writeMNIST(folder.file("mnist"), gzip: gzip)
    #expect(try await counts("mnist") == [12, nil])
    try TinyDataset.writeMNIST(folder.file("mnist"), split: .test, count: 4, gzip: gzip)
    #expect(try await counts("mnist") == [12, 4])
    try TinyDataset.writeMNIST(folder.file("torchvision/MNIST/raw"), count: 5, gzip: gzip)
    #expect(try await counts("torchvision") == [5, nil])
  }

  /// A test part that is there and broken is not the same as none.
  @Test func brokenTestFilesAreErrors() async throws {
    try TinyDataset.writeMNIST(folder.file("mnist"))
    for name in ["images-idx3", "labels-idx1"] { try folder.write("mnist/t10k-\(name)-ubyte", "no IDX file at all") }
    let location = try DatasetLocation(folder.file("mnist"))
    let error = try await failure { _ = try await location.flow(.test) }
    #expect(error.kind == .badData && error.description.contains("mnist/t10k-"), "\(error)")
    #expect(try await location.flow(.train)?.count == 12)
  }

  @Test func cifar10() async throws {
    for (name, files) in [("binary", TinyDataset.cifarBinary()), ("python", TinyDataset.cifarPython())] {
      try TinyDataset.write(files, into: folder.file(name))
      #expect(try await counts(name) == [15, 3], "\(name)")
      try TinyDataset.write(files.filter { !$0.name.hasPrefix("test") }, into: folder.file(name + "-train"))
      #expect(try await counts(name + "-train") == [15, nil], "\(name)")
      let archive = "cifar-10-\(name).tar.gz"
      let inner = name == "binary" ? "cifar-10-batches-bin" : "cifar-10-batches-py"
      try makeDirectories(folder.file("archives-\(name)"))
      try TinyDataset.writeArchive(files, folder: inner, to: folder.file("archives-\(name)/\(archive)"))
      #expect(try await counts("archives-\(name)/\(archive)") == [15, 3], "\(name)")
      #expect(try await counts("archives-\(name)") == [15, 3], "\(name)")
      try TinyDataset.write(files, into: folder.file("around-\(name)/\(inner)"))
      #expect(try await counts("around-\(name)") == [15, 3], "\(name)")
    }
    let flow = try await DatasetLocation(folder.file("binary")).flow(.test)
    #expect(flow?.about.classes == TinyDataset.cifarClasses)
  }

  @Test func cifar100() async throws {
    let files = TinyDataset.cifar100()
    try TinyDataset.write(files, into: folder.file("plain"))
    #expect(try await counts("plain") == [4, 4])
    try TinyDataset.write(files.filter { $0.name != "test.bin" }, into: folder.file("train"))
    #expect(try await counts("train") == [4, nil])
    try TinyDataset.writeArchive(files, folder: "cifar-100-binary", to: folder.file("cifar-100-binary.tar.gz"))
    #expect(try await counts("cifar-100-binary.tar.gz") == [4, 4])
    #expect(try await DatasetLocation(folder.file("plain")).flow(.train)?.about.classes.count == 100)
  }

  @Test func foldersAndShards() async throws {
    try TinyDataset.writeWebDataset(folder.file("shards"))
    #expect(try await counts("shards") == [6, nil])
    try TinyDataset.writeImageFolder(folder.file("images"))
    #expect(try await counts("images") == [6, nil])
    let images = try await DatasetLocation(folder.file("images")).flow(.train)
    #expect(images?.about.classes == ["cat", "dog"])
    try TinyDataset.writeMetadataFolder(folder.file("described"))
    #expect(try await counts("described") == [4, nil])
    try TinyDataset.writeImageFolder(folder.file("splits/train"))
    #expect(try await counts("splits") == [6, nil])
    try TinyDataset.writeImageFolder(folder.file("splits/test"), count: 4)
    #expect(try await counts("splits") == [6, 4])
  }

  @Test(arguments: ["p.yaml", "p.yml"]) func pipelineFiles(name: String) async throws {
    try TinyDataset.writeMNIST(folder.file("mnist"))
    try TinyDataset.writeMNIST(folder.file("mnist"), split: .test)
    try folder.write(name, "seed: 3\nsource: {mnist: mnist}\nstages: [take: 5, copies: 2, rotate: 9]\n")
    #expect(try await counts(name) == [10, nil])
    #expect(try await DatasetLocation(folder.file(name)).flow(.train)?.run.seed == 3)
  }

  @Test func whatIsNoDatasetIsSaid() async throws {
    let none = try await failure { _ = try DatasetLocation(folder.file("none")) }
    #expect(none.kind == .missingInput && none.file == folder.file("none"))
    let noPipeline = try await failure { _ = try DatasetLocation(folder.file("none.yaml")) }
    #expect(noPipeline.kind == .missingInput && noPipeline.description.contains("none.yaml"))
    let letter = try folder.write("letter.txt", "mine")
    let file = try await failure { _ = try DatasetLocation(letter) }
    #expect(file.kind == .missingInput && file.file == letter && file.remedy?.contains(".yaml") == true)
    let wrong = try folder.write("wrong.yaml", "source: {mnist: a}\nstages: [rotat: 5]\n")
    #expect(try await failure { _ = try DatasetLocation(wrong) }.kind == .badPipeline)
    try makeDirectories(folder.file("empty"))
    let empty = try await failure { _ = try await DatasetLocation(folder.file("empty")).flow(.train) }
    #expect(empty.kind == .missingInput && empty.description.contains(folder.file("empty")))
  }

  /// A dataset without a test part is divided: each sample is in one of the parts.
  @Test func partsAreDisjoint() async throws {
    try TinyDataset.writeImageFolder(folder.file("folder"), count: 60)
    let parts = try await DatasetLocation(folder.file("folder")).parts()
    #expect(parts.isSplit && parts.train.count + parts.test.count == 60 && (1...20).contains(parts.test.count))
    func images(_ batches: Batches) async throws -> Set<[Float]> {
      var images: Set<[Float]> = []
      for try await batch in batches.epoch(0, isShuffled: false, seed: 0) {
        let size = batch.images.count / batch.labels.count
        for index in batch.labels.indices {
          images.insert(Array(batch.images.values[index * size..<(index + 1) * size]))
        }
      }
      return images
    }
    #expect(try await images(parts.train).isDisjoint(with: images(parts.test)))
  }
}
