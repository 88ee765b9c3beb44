import MirageSupport
import MirageMedia
import MirageStreams
import StreamsTestSupport
import TestSupport
import Testing

/// Every reader gives back what its tiny dataset was made of.
@Suite struct ReaderTests {
  let directory = TemporaryDirectory()

  private func check(
    _ samples: [Sample], _ images: [Image], labels: [Int?], tolerance: Int = 0, _ what: Comment = "",
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(samples.count == images.count, what, sourceLocation: sourceLocation)
    for (index, (sample, image)) in zip(samples, images).enumerated() {
      let bytes = sample.bytes()
      #expect(sample.id == SampleID(index: index), what, sourceLocation: sourceLocation)
      #expect(sample.label?.index == labels[index], what, sourceLocation: sourceLocation)
      let shape = [bytes.height, bytes.width, bytes.channels]
      guard shape == [image.height, image.width, image.channels] else {
        Issue.record("sample \(index) is \(shape) \(what)", sourceLocation: sourceLocation)
        continue
      }
      let difference = zip(bytes.pixels, image.pixels).map { abs(Int($0) - Int($1)) }.max()!
      #expect(difference <= tolerance, what, sourceLocation: sourceLocation)
    }
  }

  // MARK: MNIST

  @Test(arguments: ["", "/raw", "/MNIST/raw", "/FashionMNIST/raw", "/EMNIST/raw"], [false, true])
  func mnist(_ folder: String, gzip: Bool) async throws {
    try TinyDataset.writeMNIST(directory.path + folder, gzip: gzip)
    try TinyDataset.writeMNIST(directory.path + folder, split: .test, count: 5, gzip: gzip)
    for (split, count) in [(Split.train, 12), (.test, 5)] {
      let source = MNIST(directory: directory.path, split: split)
      check(
        try await samples(of: source), (0..<count).map { TinyDataset.image($0, height: 6, width: 5, channels: 1) },
        labels: (0..<count).map { TinyDataset.label($0) })
    }
  }

  @Test func mnistOfColors() async throws {
    try TinyDataset.writeMNIST(directory.path, count: 3, channels: 3)
    let images = (0..<3).map { TinyDataset.image($0, height: 6, width: 5) }
    check(try await samples(of: MNIST(directory: directory.path)), images, labels: [0, 7, 4])
  }

  @Test func mnistTransposed() async throws {
    try TinyDataset.writeMNIST(directory.path, count: 2)
    let images = (0..<2).map { TinyDataset.image($0, height: 6, width: 5, channels: 1).transposed() }
    check(try await samples(of: MNIST(directory: directory.path, transpose: true)), images, labels: [0, 7])
    #expect(
      images[0].width == 6 && images[0][4, 1, 0] == TinyDataset.image(0, height: 6, width: 5, channels: 1)[1, 4, 0])
  }

  @Test func mnistWithPrefixAndDots() async throws {
    try TinyDataset.writeMNIST(directory.path, count: 2)
    try moveFile(
      directory.file("train-images-idx3-ubyte"), to: directory.file("emnist-letters-train-images-idx3-ubyte"))
    try moveFile(
      directory.file("train-labels-idx1-ubyte"), to: directory.file("emnist-letters-train-labels.idx1-ubyte"))
    #expect(try await samples(of: MNIST(directory: directory.path, prefix: "emnist-letters-")).count == 2)
  }

  @Test func mnistClasses() throws {
    try TinyDataset.writeMNIST(directory.path, count: 2)
    #expect(try MNIST(directory: directory.path).flow(in: Context()).about.classes == (0..<10).map(String.init))
    try directory.write("classes.txt", (0..<10).map { " class \($0) \r\n" }.joined())
    #expect(try MNIST(directory: directory.path).flow(in: Context()).about.classes == (0..<10).map { "class \($0)" })
    let own = (0..<8).map { "own \($0)" }
    #expect(try MNIST(directory: directory.path, classes: own).flow(in: Context()).about.classes == own)
    let fashion = directory.path + "/FashionMNIST"
    try TinyDataset.writeMNIST(fashion + "/raw", count: 2)
    #expect(try MNIST(directory: fashion).flow(in: Context()).about.classes[9] == "Ankle boot")
  }

  // MARK: CIFAR

  @Test func cifar10() async throws {
    let folders = ["cifar-10-batches-bin", "cifar-10-batches-py"]
    for (folder, files) in zip(folders, [TinyDataset.cifarBinary(), TinyDataset.cifarPython()]) {
      let archive = folder.hasSuffix("py") ? "cifar-10-python.tar.gz" : "cifar-10-binary.tar.gz"
      try TinyDataset.write(files, into: directory.file("folder-\(folder)/\(folder)"))
      try TinyDataset.write(files, into: directory.file("plain-\(folder)"))
      try makeDirectories(directory.file("archive-\(folder)"))
      try TinyDataset.writeArchive(files, folder: folder, to: directory.file("archive-\(folder)/\(archive)"))
      let places = [
        "folder-\(folder)", "folder-\(folder)/\(folder)", "plain-\(folder)", "archive-\(folder)",
        "archive-\(folder)/\(archive)",
      ]
      for place in places {
        for (split, indices) in [(Split.train, 0..<15), (.test, 15..<18)] {
          let source = CIFAR10(directory: directory.file(place), split: split)
          #expect(try await source.flow().about.classes == TinyDataset.cifarClasses)
          check(
            try await samples(of: source), indices.map { TinyDataset.image($0) },
            labels: indices.map { TinyDataset.label($0) },
            "\(place), \(split)")
        }
      }
    }
  }

  /// A batch as numpy pickles it under Python 3: in protocol 2 the pixels are text, from 4 on they are bytes.
  @Test(arguments: [2, 4, 5]) func cifar10OfNewerPickles(_ version: Int) async throws {
    let batch = try InputFile.contents(of: repository + "/Tests/Golden/pickles/batch-\(version).pickle")
    for index in 1...5 { try directory.write("data_batch_\(index)", batch) }
    let read = try await samples(of: CIFAR10(directory: directory.path))
    #expect(read.map { $0.label?.index } == [3, 9, 3, 9, 3, 9, 3, 9, 3, 9])
    for (index, sample) in read.enumerated() {
      let planes = (0..<3072).map { UInt8(($0 + index % 2 * 3072) % 251) }
      #expect(TinyDataset.planes(sample.bytes()) == planes)
    }
  }

  @Test func cifar100() async throws {
    try TinyDataset.write(TinyDataset.cifar100(), into: directory.file("cifar-100-binary"))
    try makeDirectories(directory.file("archive"))
    try TinyDataset.writeArchive(
      TinyDataset.cifar100(), folder: "cifar-100-binary", to: directory.file("archive/cifar-100-binary.tar.gz"))
    for place in [directory.path, directory.file("archive")] {
      for (kind, labels) in [(CIFAR100.Labels.fine, [0, 7, 14, 21]), (.coarse, [0, 1, 2, 3])] {
        let source = CIFAR100(directory: place, split: .test, labels: kind)
        #expect(try await source.flow().about.classes[7] == "\(kind.rawValue) 7")
        check(try await samples(of: source), (0..<4).map { TinyDataset.image($0) }, labels: labels)
      }
    }
  }

  // MARK: Any source

  /// Any positions, in any order, repeated or not, give what the whole gives there.
  @Test func partsEqualTheWhole() async throws {
    try TinyDataset.writeMNIST(directory.file("mnist"))
    try TinyDataset.write(TinyDataset.cifarBinary(), into: directory.file("cifar"))
    try TinyDataset.writeArchive(
      TinyDataset.cifarPython(), folder: "cifar-10-batches-py", to: directory.file("cifar-10-python.tar.gz"))
    try TinyCelebA(zip: true).write(directory.file("celeba"))
    try TinyDataset.writeImageFolder(directory.file("folder"))
    try TinyDataset.writeWebDataset(directory.file("shards"), gzip: true)
    let sources: [any Source<Sample>] = [
      MNIST(directory: directory.file("mnist")), CIFAR10(directory: directory.file("cifar")),
      CIFAR10(directory: directory.file("cifar-10-python.tar.gz")),
      CelebA(directory: directory.file("celeba"), split: .all), ImageFolder(directory: directory.file("folder")),
      WebDataset(directory: directory.file("shards")),
    ]
    for source in sources {
      let flow = try await source.flow()
      let whole = try await flow.read(Array(0..<flow.count), flow.run).map { try image($0) }
      #expect(whole.count >= 6)
      for positions in [[3], [2, 3, 4], [5, 0, 5, 1], Array((0..<flow.count).reversed()), []] {
        let part = try await flow.read(positions, flow.run).map { try image($0) }
        #expect(part == positions.map { whole[$0] }, "\(type(of: source))")
      }
      for position in 0..<flow.count {
        let place = try flow.locate(position, flow.run)
        #expect(place.id == SampleID(index: position))
      }
    }
  }

  private func image(_ slot: Slot<Sample>) throws -> Image {
    guard case .element(let sample) = slot else { throw MirageError.badData("no sample") }
    return sample.bytes()
  }
}
