import MirageMedia
import MirageStreams
import MirageSupport
import MirageSynthesis
import StreamsTestSupport
import TestSupport
import Testing

/// The samples of a checkpoint file, held against a GAN that paints its label.
@Suite struct GANEmitTests {
  let directory = TemporaryDirectory()
  private var model: String { directory.file("gan.safetensors") }
  private var classifier: String { directory.file("classifier.safetensors") }

  private func samples(_ emission: Emission, seed: UInt64 = 1) async throws -> [Sample] {
    try await GANSource(checkpoint: model, emit: emission).flow().running(Run(seed: seed)).samples()
  }

  static let emissions = [
    (Emission(count: 200), 200), (Emission(perClass: 70), 210), (Emission(count: 65, classes: ["cat", "ant"]), 65),
    (Emission(perClass: 3, classes: ["bee"]), 3), (Emission(count: 1), 1),
  ]

  @Test(arguments: emissions) func imagesShowTheirLabels(_ emission: Emission, _ count: Int) async throws {
    try PaintedModel.write(to: model)
    let flow = try GANSource(checkpoint: model, emit: emission).flow(in: Context())
    let samples = try await flow.samples()
    #expect(samples.count == count && flow.count == count)
    for (position, sample) in samples.enumerated() {
      let label = try #require(sample.label?.index)
      #expect(PaintedModel.label(of: sample.bytes()) == label, "\(sample.id)")
      #expect(try flow.locate(position, flow.run) == SampleHeader(id: sample.id, label: label))
      #expect(emission.classes.isEmpty || emission.classes.contains(flow.about.classes[label]))
    }
  }

  /// Behind real samples, in any order, they are the same.
  @Test func imagesBehindRealOnesShowTheirLabels() async throws {
    try PaintedModel.write(to: model)
    let source = TestSource(count: 31, classes: PaintedModel.classes, height: 8, width: 8)
    for emission in [Emission(balance: true), Emission(ratio: 2), Emission(perClass: 40), Emission()] {
      let pipeline = Pipeline(
        seed: 3, source: source,
        stages: [
          GANEmit(checkpoint: model, emit: emission), Shuffle(),
        ])
      let found = try await SmallStage.fitted(pipeline).samples().filter { $0.kind == .synthetic }
      #expect(!found.isEmpty && found.allSatisfy { PaintedModel.label(of: $0.bytes()) == $0.label?.index })
      #expect(Set(found.map(\.id)).count == found.count)
    }
  }

  /// A file holds the weights and their average, which differ: here the weights themselves paint the next class.
  @Test func theAverageOfTheWeightsGenerates() async throws {
    try PaintedModel.write(to: model, shift: 1)
    let found = try await samples(Emission(count: 30))
    #expect(found.allSatisfy { PaintedModel.label(of: $0.bytes()) == ($0.label!.index! + 1) % 3 })
  }

  /// What a classifier takes for another class than the sample's is drawn again.
  @Test func samplesAreRejectedByTheirOwnClass() async throws {
    try PaintedModel.write(to: model, spread: 0.5)
    try PaintedModel.writeClassifier(to: classifier)
    func probabilities(_ samples: [Sample]) -> [Double] {
      samples.map { PaintedModel.probability(of: $0.label!.index!, $0.bytes()) }
    }
    let plain = try await samples(Emission(count: 120))
    #expect(probabilities(plain).contains { $0 < 0.5 }, "some look like another class")
    let emission = Emission(count: 120, threshold: 0.9, classifier: classifier, attempts: 100)
    let found = try await samples(emission)
    #expect(found.count == 120 && probabilities(found).allSatisfy { $0 >= 0.899 })
    for label in 0..<3 { #expect(found.count { $0.label?.index == label } == 40) }
    // Those that were good at once are as they were without a threshold, and no others were drawn once.
    let likely = probabilities(plain)
    for (index, sample) in found.enumerated() where abs(likely[index] - 0.9) > 0.01 {
      let isFirst = sample.attributes["attempts"] == .integer(1)
      #expect(isFirst == (likely[index] > 0.9) && isFirst == (sample.bytes() == plain[index].bytes()))
    }
  }

  /// Half the truncation is half the way from the middle.
  @Test(arguments: [0.25, 0.5, 2]) func truncationScalesTheLatents(_ truncation: Double) async throws {
    try PaintedModel.write(to: model, spread: 0.2)
    func distances(_ truncation: Double) async throws -> [Double] {
      try await samples(Emission(count: 60, classes: ["bee"], truncation: truncation)).map { sample in
        let value = Double(PaintedModel.value(of: sample.bytes()))
        return PortableMath.log((1 + value) / (1 - value)) / 2
      }
    }
    let (whole, part) = (try await distances(1), try await distances(truncation))
    #expect(whole.contains { $0 > 0.2 } && whole.contains { $0 < -0.2 })
    for (whole, part) in zip(whole, part) { #expect(abs(part - truncation * whole) < 0.02 * max(1, truncation)) }
  }

  /// Another seed draws other latents, and never another class.
  @Test func seedsDecideTheLatents() async throws {
    try PaintedModel.write(to: model, spread: 0.1)
    let (one, again, other) = (
      try await samples(Emission(count: 90)), try await samples(Emission(count: 90)),
      try await samples(Emission(count: 90), seed: 2)
    )
    #expect(one.map { $0.bytes() } == again.map { $0.bytes() } && one.map(\.label) == other.map(\.label))
    #expect(Set(one.map { $0.bytes().pixels }).count > 20 && one.map { $0.bytes() } != other.map { $0.bytes() })
    // Three blocks later come the same classes, and other latents.
    let more = try await samples(Emission(count: 300))
    #expect((0..<108).count { more[$0].bytes() != more[$0 + 192].bytes() } > 80)
  }

  @Test func rejectionNeedsAClassifier() throws {
    try PaintedModel.write(to: model)
    let source = GANSource(checkpoint: model, emit: Emission(count: 3, threshold: 0.5))
    let error = #expect(throws: MirageError.self) { _ = try source.flow(in: Context()) }
    #expect(error?.message.contains("needs a classifier") == true && error?.place == "emit.threshold")
  }
}
