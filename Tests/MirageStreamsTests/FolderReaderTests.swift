import MirageSupport
import MirageMedia
import MirageStreams
import StreamsTestSupport
import TestSupport
import Testing

@Suite struct CelebAReaderTests {
  let directory = TemporaryDirectory()

  static let variants = [
    TinyCelebA(), TinyCelebA(zip: true), TinyCelebA(csv: true), TinyCelebA(zip: true, csv: true, lineEnd: "\r\n"),
    TinyCelebA(lineEnd: "\r\n"),
  ]

  /// Folder and zip archive, `.txt` and `.csv`, LF and CR LF give equal samples.
  @Test(arguments: variants.indices) func variant(_ index: Int) async throws {
    try Self.variants[index].write(directory.path)
    let read = try await samples(of: CelebA(directory: directory.path, split: .all))
    #expect(read.count == 6)
    for (index, sample) in read.enumerated() {
      let expected = try JPEG.decode(JPEG.encode(TinyCelebA.face(index)))
      #expect(sample.bytes() == expected)
      #expect(sample.origin == Origin(TinyCelebA.name(index)))
      #expect(sample.label == nil)
      #expect(sample.attributes.count == 41)
      for (place, name) in TinyCelebA.attributes.enumerated() {
        #expect(sample.attributes[name] == .bool(TinyCelebA.has(place, index)))
      }
      #expect(sample.attributes["identity"] == .integer(TinyCelebA.identity(index)))
      let points = stride(from: 0, to: 10, by: 2).map {
        Point(Double(TinyCelebA.coordinate($0, index)), Double(TinyCelebA.coordinate($0 + 1, index)))
      }
      #expect(sample.landmarks == points)
    }
  }

  @Test func splits() async throws {
    try TinyCelebA(count: 8).write(directory.path)
    for (split, indices) in [(CelebA.Part.train, [0, 2, 4, 6]), (.valid, [1, 5]), (.test, [3, 7])] {
      let read = try await samples(of: CelebA(directory: directory.path, split: split))
      #expect(read.map(\.origin.file) == indices.map { TinyCelebA.name($0) })
    }
  }

  @Test func labels() async throws {
    try TinyCelebA().write(directory.path)
    let smiling = try CelebA(directory: directory.path, split: .all, label: "Smiling").flow(in: Context())
    #expect(smiling.about.classes == ["no", "yes"])
    let found = try (0..<6).map { try smiling.locate($0, smiling.run).label }
    #expect(found == (0..<6).map { TinyCelebA.has(2, $0) ? 1 : 0 })
    let identity = try CelebA(directory: directory.path, split: .train, label: "identity").flow(in: Context())
    #expect(identity.about.classes == ["2000", "2100", "2200"])
    #expect(try (0..<3).map { try identity.locate($0, identity.run).label } == [0, 2, 1])
    let error = #expect(throws: MirageError.self) {
      try CelebA(directory: directory.path, label: "Smilling").flow(in: Context())
    }
    #expect(error?.kind == .badPipeline)
    #expect(error?.remedy == "Did you mean Smiling?")
  }

  /// Only the images are needed; a list of another dataset's is noticed.
  @Test func withoutLists() async throws {
    try TinyDataset.write(TinyCelebA().images(), into: directory.file("img_align_celeba/img_align_celeba"))
    let read = try await samples(of: CelebA(directory: directory.path, split: .all, channels: .gray))
    #expect(read.count == 6)
    #expect(read[0].size.channels == 1)
    #expect(read[0].attributes.isEmpty)
    let error = #expect(throws: MirageError.self) { try CelebA(directory: directory.path).flow(in: Context()) }
    #expect(error?.kind == .missingInput)
    #expect(error?.file == directory.file("list_eval_partition.txt"))
  }
}

@Suite struct ImageFolderReaderTests {
  let directory = TemporaryDirectory()

  @Test func classFolders() async throws {
    try TinyDataset.writeImageFolder(directory.path)
    try directory.write("cat/.hidden.png", "not an image")
    try directory.write("cat/notes.txt", "not an image")
    try directory.write("cat/deeper/9.PNG", PNG.encode(TinyDataset.image(9, height: 8, width: 9)))
    let source = ImageFolder(directory: directory.path)
    #expect(try await source.flow().about.classes == ["cat", "dog"])
    let read = try await samples(of: source)
    #expect(
      read.map(\.origin.file) == [
        "cat/0.png", "cat/2.jpg", "cat/4.png", "cat/deeper/9.PNG", "dog/1.png", "dog/3.jpg", "dog/5.png",
      ])
    #expect(read.map { $0.label?.index } == [0, 0, 0, 0, 1, 1, 1])
    #expect(read[3].bytes() == TinyDataset.image(9, height: 8, width: 9))
    #expect(try read[1].bytes() == JPEG.decode(JPEG.encode(TinyDataset.image(2, height: 8, width: 9))))
  }

  @Test func flat() async throws {
    try TinyDataset.writeImageFolder(directory.file("all"), classes: ["x"])
    let read = try await samples(of: ImageFolder(directory: directory.file("all/x"), channels: .gray))
    #expect(read.count == 6)
    #expect(read.allSatisfy { $0.label == nil && $0.size.channels == 1 })
  }

  @Test func metadata() async throws {
    try TinyDataset.writeMetadataFolder(directory.path)
    let source = ImageFolder(directory: directory.path)
    // Names are numbered in their order, as folders would be.
    #expect(try await source.flow().about.classes == ["ant", "wolf"])
    let read = try await samples(of: source)
    #expect(read.map { $0.label?.index } == [1, 0, 1, 0])
    #expect(read[2].bytes() == TinyDataset.image(2, height: 8, width: 9))
    #expect(read[2].attributes == ["weight": 2])
    #expect(read[2].boxes == [Box(x: 1, y: 2, width: 3, height: 4)])
    #expect(read[2].landmarks == [Point(0.5, 1)])
  }

  /// A number beside each name says which class it is; numbers alone are classes; a label may be missing.
  @Test(arguments: [
    (#""label": "b", "label_index": 0|"label": "a", "label_index": 2"#, ["b", "1", "a"], [0, 2]),
    (#""label": "b", "label_index": 9223372036854775807|"label": "a", "label_index": 0"#, ["a", "b"], [1, 0]),
    (#""label": "b", "label_index": 1|"label": "a", "label_index": 1"#, ["a", "b"], [1, 0]),
    (#""label": 2|"label": 0"#, ["0", "1", "2"], [2, 0]),
    (#""label": null|"label": "x""#, ["x"], [nil, 0]),
    (#""other": 1|"other": 2"#, [], [nil, nil]),
  ]) func labels(_ rows: String, _ classes: [String], _ labels: [Int?]) throws {
    let lines = rows.split(separator: "|").map { "{\"file_name\": \"a.png\", \($0)}\r\n" }.joined()
    try directory.write("metadata.jsonl", lines)
    let flow = try ImageFolder(directory: directory.path).flow(in: Context())
    #expect(flow.about.classes == classes)
    #expect(try (0..<2).map { try flow.locate($0, flow.run).label } == labels)
  }
}

@Suite struct WebDatasetReaderTests {
  let directory = TemporaryDirectory()

  @Test(arguments: [false, true]) func shards(_ gzip: Bool) async throws {
    try TinyDataset.writeWebDataset(directory.path, gzip: gzip)
    let source = WebDataset(directory: directory.path)
    #expect(try await source.flow().about.classes == ["class 0", "class 1", "class 2"])
    let read = try await samples(of: source)
    #expect(read.map { $0.label?.index } == (0..<6).map { TinyDataset.label($0, classes: 3) })
    for (index, sample) in read.enumerated() {
      let picture = TinyDataset.image(index, height: 8, width: 9)
      #expect(try sample.bytes() == (index % 2 == 0 ? picture : JPEG.decode(JPEG.encode(picture))))
      #expect(sample.attributes == ["weight": .integer(index)])
    }
    let one = WebDataset(directory: directory.file("data-000000.tar"), channels: .gray, classes: ["a", "b", "c", "d"])
    #expect(try one.flow(in: Context()).about.classes == ["a", "b", "c", "d"])
    #expect(try await samples(of: one).map(\.size.channels) == [1, 1, 1])
  }

  /// A key is the name up to the first dot of its last part; members of one key belong together.
  @Test func keys() async throws {
    let picture = try PNG.encode(TinyDataset.image(1, height: 2, width: 2))
    let tar = try tarred([
      ("a.b/x.seg.png", [1]), ("a.b/x.PNG", picture), ("a.b/x.cls", Array(" 1\n".utf8)), ("a.b/y.txt", [1]),
      ("z.json", Array("[1]".utf8)), ("z.jpeg", picture),
    ])
    let read = try await samples(of: WebDataset(directory: directory.write("a.tar", tar)))
    #expect(read.map { $0.label?.index } == [1, nil])
  }
}
