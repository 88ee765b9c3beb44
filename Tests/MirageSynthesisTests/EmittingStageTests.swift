import MirageAdversarial
import MirageMedia
import MirageStreams
import MirageSupport
import MirageSynthesis
import StreamsTestSupport
import Testing

/// Synthetic samples show what was asked for: class, number, spread, and no sample that the classifier rejects.
@Suite(.timeLimit(.minutes(1))) struct EmittingStageTests {
  /// Every way of asking: how many of each class come, and that each image shows its label.
  @Test(arguments: [
    (Emission(perClass: 30), [30, 30, 30, 30, 30]), (Emission(), [5, 5, 5, 4, 4]),
    (Emission(ratio: 2.5), [13, 13, 13, 10, 10]), (Emission(balance: true), [0, 0, 0, 1, 1]),
    (Emission(count: 132), [27, 27, 26, 26, 26]), (Emission(count: 7, classes: ["eel", "1"]), [0, 4, 0, 0, 3]),
    (Emission(perClass: 70, classes: ["dog"], syntheticOnly: true), [0, 0, 0, 70, 0]),
    (Emission(ratio: 3, classes: ["bee", "eel"]), [0, 15, 0, 0, 12]),
    (Emission(count: 100, truncation: 0.5, threshold: 0.5), [20, 20, 20, 20, 20]),
  ])
  func everyImageShowsItsLabel(_ emission: Emission, _ counts: [Int]) async throws {
    let flow = try PaintedLabels.flow(emission)
    let slots = try await flow.slots(workers: 1)
    let samples = slots.compactMap { if case .element(let sample) = $0 { sample } else { nil } }
    let synthetic = samples.filter { $0.kind == .synthetic }
    #expect(samples.count == slots.count && samples.count - synthetic.count == (emission.syntheticOnly ? 0 : 23))
    #expect(counts.indices.map { label in synthetic.count { $0.label == .index(label) } } == counts)
    for sample in synthetic { #expect(sample.label == .index(PaintedLabels.painted(sample)), "\(sample.id)") }
    for (position, sample) in samples.enumerated() {
      #expect(try flow.locate(position, flow.run) == SampleHeader(id: sample.id, label: sample.label?.index))
    }
    // Other orders, parts, shards, passes and workers give the same.
    let whole = slots.map(summary)
    #expect(try await flow.slots(workers: 8).map(summary) == whole)
    var random = Random(key: Random.Key(seed: 1, path: "positions"), sample: 0)
    let positions = (0..<60).map { _ in random.integer(in: 0...flow.count - 1) }
    #expect(try await flow.read(positions, flow.run).map(summary) == positions.map { whole[$0] })
    for index in 0..<3 {
      let shard = Shard(index: index, count: 3)
      let range = shard.range(of: flow.count)
      #expect(try await flow.read(Array(range), Run(shard: shard)).map(summary) == Array(whole[range]))
    }
    let shuffled = try Repeat(2).apply(to: Shuffle().apply(to: flow, at: .root.stage(1)), at: .root.stage(2))
    for sample in try await shuffled.samples() where sample.kind == .synthetic {
      #expect(sample.label == .index(PaintedLabels.painted(sample)), "\(sample.id)")
    }
  }

  @Test func blocksAreFullAndOneEpochServesAll() async throws {
    let painter = PaintedLabels.Painter()
    let flow = try PaintedLabels.stage(Emission(count: 70), painter: painter)
      .apply(to: PaintedLabels.source.flow(in: Context()), at: .root.stage(0))
    for epoch in 0..<3 { _ = try await flow.read(Array(23..<93), Run(epoch: epoch)) }
    #expect(painter.sizes == [64, 64])
    let fewer = try await PaintedLabels.flow(Emission(count: 9, syntheticOnly: true)).samples()
    let more = try await PaintedLabels.flow(Emission(count: 200, syntheticOnly: true)).samples()
    #expect(more.prefix(9).map { $0.bytes() } == fewer.map { $0.bytes() }, "fewer are the first of more")
  }

  @Test func truncationScalesTheLatents() async throws {
    for latents in GANModel.Latents.allCases {
      func levels(_ truncation: Double) async throws -> [Double] {
        try await PaintedLabels.flow(
          Emission(count: 200, syntheticOnly: true, truncation: truncation), latents: latents
        ).samples().map { Double(PaintedLabels.level($0)) - 127.5 }
      }
      let (full, half) = (try await levels(1), try await levels(0.5))
      for (one, other) in zip(full, half) { #expect(abs(one / 2 - other) <= 1) }
      #expect(Set(full).count > 20)
    }
  }

  /// The reader is sure of an image as far as it is bright, and gives the rest to another class.
  @Test func rejectionLooksAtTheSamplesOwnClass() async throws {
    let all = try await PaintedLabels.flow(Emission(count: 300, syntheticOnly: true)).samples()
    let chosen = try await PaintedLabels.flow(Emission(count: 300, syntheticOnly: true, threshold: 0.5)).samples()
    for (first, sample) in zip(all, chosen) {
      #expect(PaintedLabels.level(sample) >= 128)
      let isFirst = PaintedLabels.level(first) >= 128
      #expect((sample.attributes["attempts"] == .integer(1)) == isFirst)
      if isFirst { #expect(sample.bytes() == first.bytes()) }
      #expect(first.attributes["attempts"] == nil)
    }
    #expect(Set(chosen.compactMap { $0.attributes["attempts"]?.text }).count > 3)
    let hopeless = try await PaintedLabels.flow(Emission(count: 5, syntheticOnly: true, threshold: 1, attempts: 3))
      .slots()
    for (slot, name) in zip(hopeless, PaintedLabels.classes) {
      guard case .failed(let error) = slot else { throw MirageError(.badData, "\(slot) is not rejected") }
      #expect("\(error)".contains("in stages/0: the classifier recognized none of 3 samples of class \(name)"))
    }
  }

  /// Bytes and floats of a model, into flows of bytes and of floats.
  @Test func contentIsStoredAsTheFlowStoresIt() async throws {
    let plain = ScaledImage.AffineMap(scale: 2 / 255, offset: -1)
    let other = ScaledImage.AffineMap(scale: 1 / 255, offset: 0)
    let image = Image(height: 2, width: 2, channels: 1, fill: [9])
    func contents(_ model: ScaledImage.AffineMap?, _ flow: ScaledImage.AffineMap?) async throws -> [Sample.Content] {
      let content: Sample.Content = flow.map { .scaled(ScaledImage(image, maps: [$0])) } ?? .image(image)
      let example = Sample(id: SampleID(index: 0), origin: Origin("example"), content: content, label: .index(0))
      let upstream = made(1, classes: PaintedLabels.classes) { _ in example }
      var about = upstream.about
      about.numbers = flow == nil ? .bytes : .floats
      return try await PaintedLabels.stage(
        Emission(count: 5, syntheticOnly: true), like: example, maps: model.map { [$0] }
      ).apply(to: Flow(count: 1, about: about, locate: upstream.locate, read: upstream.read), at: .root.stage(0))
        .samples().map(\.content)
    }
    for model in [nil, plain] {
      for flow in [nil, plain, other] {
        for (label, content) in try await contents(model, flow).enumerated() {
          switch content {
          case .image(let image): #expect(flow == nil && Int(image.pixels[0]) == label)
          case .scaled(let image):
            #expect(image.maps == [flow!] && abs(image.values[0] - (Float(label) * flow!.scale + flow!.offset)) < 1e-5)
          case .audio, .vacant: Issue.record("no image")
          }
        }
      }
    }
  }

  @Test func cancellationEndsTheAttempts() async throws {
    let flow = try PaintedLabels.flow(Emission(count: 64, threshold: 1, attempts: 1_000_000))
    let task = Task { try await flow.read([30], flow.run) }
    try await Task.sleep(for: .milliseconds(20))
    task.cancel()
    await #expect(throws: CancellationError.self) { _ = try await task.value }
  }
}
