import MirageMedia
import MirageStreams
import MirageSupport
import StreamsTestSupport
import TestSupport
import Testing

@Suite struct ImagePairsTests {
  let directory = TemporaryDirectory()

  private static func image(_ index: Int, width: Int = 6) -> Image {
    TestSource(height: 4, width: width, channels: 3).sample(index).bytes()
  }

  private func write(_ file: String, _ image: Image) throws { try Self.write(file, image, directory) }

  private static func write(_ file: String, _ image: Image, _ directory: TemporaryDirectory) throws {
    try makeDirectories(parentDirectory(directory.file(file)))
    try directory.write(file, try PNG.encode(image))
  }

  private func images(_ source: any SourceComponent) async throws -> [Image] {
    try await source.flow().samples().map { $0.bytes() }
  }

  @Test(arguments: [ImagePairs.Side.left, .right]) func filesHoldBoth(_ first: ImagePairs.Side) async throws {
    for index in 0..<3 { try write("deep/\(index).png", Self.image(index, width: 12)) }
    let source = ImagePairs(directory: directory.path, first: first)
    let (own, partner) = (try await images(source), try await images(source.partner))
    for index in 0..<3 {
      let (left, right) = first == .left ? (own[index], partner[index]) : (partner[index], own[index])
      for y in 0..<4 {
        for x in 0..<6 {
          for c in 0..<3 {
            let file = Self.image(index, width: 12)
            #expect(left[y, x, c] == file[y, x, c] && right[y, x, c] == file[y, x + 6, c])
          }
        }
      }
    }
    let flow = try await source.flow()
    #expect(try flow.locate(2, Run()).id == SampleID(index: 2))
    #expect(try await flow.samples()[2].origin.description == "deep/2.png")
  }

  @Test func foldersAreMatchedByName() async throws {
    for (index, name) in ["b", "a", "c/a"].enumerated() {
      try write("edges/\(name).png", Self.image(index))
      try makeDirectories(directory.file("photos/c"))
      try directory.write("photos/\(name).JPG", try JPEG.encode(Self.image(index + 10), quality: 100))
    }
    try directory.write("photos/notes.txt", Array("no image".utf8))
    let source = ImagePairs(directory: directory.file("edges"), partnerDirectory: directory.file("photos"))
    #expect(try await images(source) == [1, 0, 2].map { Self.image($0) })
    let partners = try await source.partner.flow().samples()
    #expect(partners.map(\.origin.description) == ["a.JPG", "b.JPG", "c/a.JPG"])
    #expect(partners.map(\.id.index) == [0, 1, 2])
    #expect(try await source.flow().about.inputs == source.partner.flow().about.inputs)
  }

  /// A name that one folder lacks fails at its position, in both flows, and is counted by the policy to skip.
  @Test func aPairWithoutPartnerIsNamed() async throws {
    for name in ["a", "b", "d"] { try write("edges/\(name).png", Self.image(1)) }
    for name in ["a", "c", "d"] { try write("photos/\(name).png", Self.image(2)) }
    let source = ImagePairs(directory: directory.file("edges"), partnerDirectory: directory.file("photos"))
    for side in [source, source.partner] as [any SourceComponent] {
      let errors = try await slots(of: side).map { slot in
        if case .failed(let error) = slot { error.error } else { nil as MirageError? }
      }
      #expect(errors.map { $0?.file?.suffix(11) } == [nil, "edges/b.png", "hotos/c.png", nil])
      #expect(errors[1]?.message == "has no partner in \(directory.file("photos"))")
      #expect(errors[1]?.remedy?.hasPrefix("Add \(directory.file("photos"))/b.png") == true)
      #expect(errors[2]?.remedy?.contains("--on-error skip") == true)
    }
    let sink = ImageFolderSink(directory: directory.file("out"))
    let counts = try await Pipeline(policy: .skip(limit: 5), source: source, sink: sink).run().counts
    #expect(counts.written == 2 && counts.skipped.count == 2)
  }

  static let faults: [Fault] = [
    Fault(name: "an odd width", file: "a.png", says: "is 5 pixels wide, which are not two halves", sample: 0) {
      try write("a.png", image(0, width: 5), $0)
      try write("b.png", image(0, width: 4), $0)
      return ImagePairs(directory: $0.path)
    },
    Fault(name: "no directory", kind: .missingInput, file: "none", says: "no such file or directory") {
      ImagePairs(directory: $0.file("none"))
    },
    Fault(name: "no images", kind: .missingInput, file: "", says: "holds no PNG or JPEG") {
      ImagePairs(directory: $0.path)
    },
    Fault(name: "two of one name", file: "a/x.png", says: "x.jpg and x.png have one name") {
      for name in ["a/x.png", "a/x.jpg", "b/x.png"] { try write(name, image(0), $0) }
      return ImagePairs(directory: $0.file("a"), partnerDirectory: $0.file("b"))
    },
    Fault(name: "damaged", file: "b/x.png", says: "the file ends inside the image", sample: 0) {
      for name in ["a/x.png", "b/x.png"] { try write(name, image(0), $0) }
      try $0.write("b/x.png", PNG.signature)
      return ImagePairs(directory: $0.file("b"), partnerDirectory: $0.file("a"))
    },
  ]

  @Test(arguments: faults) func isNamed(_ fault: Fault) async throws { try await fault.check() }

  @Test func refusesAHalfOfFolders() throws {
    try ImagePairs(directory: "a", partnerDirectory: "b").validate()
    let settings: [String: JSONValue] = [
      "directory": "a", "partner-directory": "b", "first": "right", "channels": "rgb",
    ]
    let error = #expect(throws: MirageError.self) { try ImagePairs(settings, parts: [:]).validate() }
    #expect(error?.place == "first")
  }

  /// What is drawn for one half is drawn for the other: random crops and flips leave pairs paired, in any order.
  @Test func stagesMakeTheSameChoicesForBoth() async throws {
    for index in 0..<8 { try write("\(index).png", Self.pair(index)) }
    let stages: [any StageComponent] = [
      Copies(3), Shuffle(), RandomCrop(size: 4, padding: 1), HorizontalFlip(probability: 0.5),
      Background(
        TestSource(count: 9, height: 6, width: 6, channels: 3), mode: .difference), Normalize(),
    ]
    for epoch in 0..<2 {
      let fitted = try await Pipeline(source: ImagePairs(directory: directory.path), stages: stages)
        .fitted(Run(seed: 4, epoch: epoch))
      let partner = try #require(fitted.partner)
      let (own, other) = (try await fitted.flow.samples(), try await partner.samples())
      #expect(own.count == 24 && other.count == 24)
      #expect(zip(own, other).allSatisfy { $0.id == $1.id && $0.bytes() == $1.bytes() })
      #expect(Set(own.map { $0.bytes().pixels }).count > 16)
    }
    let single = try await Pipeline(source: TestSource(), stages: [Invert()]).fitted()
    #expect(single.partner?.count == nil)
  }

  /// A file whose halves are the same.
  private static func pair(_ index: Int) -> Image {
    let half = image(index * 5)
    var file = Image(height: 4, width: 12, channels: 3, fill: [0])
    for y in 0..<4 {
      for x in 0..<12 { for c in 0..<3 { file[y, x, c] = half[y, x % 6, c] } }
    }
    return file
  }
}
