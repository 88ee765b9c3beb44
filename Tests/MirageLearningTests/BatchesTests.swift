import MirageLearning
import MirageSupport
import MirageMedia
import MirageStreams
import MirageTensors
import StreamsTestSupport
import TestSupport
import Testing

/// Samples as tensors: which ones, in which order, with which numbers.
@Suite struct BatchesTests {
  private func all(
    _ batches: Batches, epoch: Int = 0, isShuffled: Bool = false, seed: UInt64 = 0
  ) async throws -> [Batch] {
    var all: [Batch] = []
    for try await batch in batches.epoch(epoch, isShuffled: isShuffled, seed: seed) { all.append(batch) }
    return all
  }

  /// The labels of one pass. In `numbered` they tell the samples apart.
  private func order(
    _ batches: Batches, epoch: Int = 0, isShuffled: Bool = true, seed: UInt64 = 0
  ) async throws -> [Int] {
    try await all(batches, epoch: epoch, isShuffled: isShuffled, seed: seed).flatMap(\.labels)
  }

  /// As many classes as samples.
  private let numbered = TestSource(count: 40, classes: (0..<40).map(String.init))

  /// Returns whether the numbers are the sample's bytes, 0 as -1 and 255 as 1.
  private func holds(_ values: some Collection<Float>, _ sample: Sample) -> Bool {
    let bytes = sample.bytes().pixels
    return values.count == bytes.count && zip(values, bytes).allSatisfy { abs($0 - (Float($1) / 127.5 - 1)) < 1e-6 }
  }

  @Test func bytesBecomeNumbers() async throws {
    let source = TestSource(count: 10, channels: 3)
    let batches = Batches(source.flow(in: Context()), size: 4)
    #expect(batches.count == 10 && batches.batches == 3)
    let found = try await all(batches)
    #expect(found.map(\.images.shape) == [[4, 3, 4, 3], [4, 3, 4, 3], [2, 3, 4, 3]])
    #expect(found.map(\.labels) == [[0, 1, 2, 0], [1, 2, 0, 1], [2, 0]])
    let values = found.flatMap(\.images.values)
    for index in 0..<10 { #expect(holds(values[index * 36..<(index + 1) * 36], source.sample(index)), "\(index)") }
  }

  @Test func extremesAreOneAndMinusOne() async throws {
    let flow = made(1) { index in
      var sample = light(index)
      sample.content = .image(Image(height: 1, width: 2, channels: 1, pixels: [0, 255]))
      return sample
    }
    let values = try #require(try await all(Batches(flow, size: 1)).first).images.values
    #expect(abs(values[0] + 1) < 1e-6 && abs(values[1] - 1) < 1e-6)
  }

  @Test func orderFollowsSeedAndEpoch() async throws {
    let batches = Batches(numbered.flow(in: Context()), size: 7)
    let plain = Array(0..<40)
    #expect(try await order(batches, isShuffled: false) == plain)
    #expect(try await order(batches, epoch: 3, isShuffled: false, seed: 5) == plain)
    let first = try await order(batches)
    #expect(first != plain && first.sorted() == plain)
    #expect(try await order(batches) == first)
    let (later, other) = (try await order(batches, epoch: 1), try await order(batches, seed: 1))
    #expect(later != first && later.sorted() == plain)
    #expect(other != first && other != later && other.sorted() == plain)
    // The size of batches does not decide the order.
    #expect(try await order(Batches(numbered.flow(in: Context()), size: 16)) == first)
  }

  @Test func shuffledImagesKeepTheirLabels() async throws {
    for batch in try await all(Batches(numbered.flow(in: Context()), size: 9), epoch: 2, isShuffled: true) {
      let values = batch.images.values
      #expect(batch.images.shape == [batch.labels.count, 3, 4, 1])
      for (place, label) in batch.labels.enumerated() {
        #expect(holds(values[place * 12..<(place + 1) * 12], numbered.sample(label)), "\(label)")
      }
    }
  }

  @Test func positionsTakePart() async throws {
    let batches = Batches(numbered.flow(in: Context()), size: 2, positions: [7, 3, 21, 38, 0])
    #expect(batches.count == 5 && batches.batches == 3)
    #expect(try await all(batches).map(\.labels) == [[7, 3], [21, 38], [0]])
    for epoch in 0..<4 { #expect(try await order(batches, epoch: epoch).sorted() == [0, 3, 7, 21, 38]) }
    let none = Batches(numbered.flow(in: Context()), size: 2, positions: [])
    #expect(none.count == 0 && none.batches == 0)
    #expect(try await all(none, isShuffled: true).isEmpty)
    #expect(try await all(Batches(TestSource(count: 0).flow(in: Context()), size: 3), isShuffled: true).isEmpty)
  }

  @Test(arguments: [[Scale(to: 0...1)], [Normalize(mean: [0.3], std: [0.2])]] as [[any StageComponent]])
  func scaledSamplesGiveTheSameNumbers(_ stages: [any StageComponent]) async throws {
    let source = TestSource(count: 6)
    let scaled = try await all(Batches(Pipeline(source: source, stages: stages).fittedFlow(), size: 4))
    let plain = try await all(Batches(source.flow(in: Context()), size: 4))
    #expect(scaled.map(\.images.values) == plain.map(\.images.values))
    #expect(scaled.map(\.labels) == plain.map(\.labels))
  }

  @Test func augmentationsDrawAnewInEachEpoch() async throws {
    let flow = try await Pipeline(source: TestSource(count: 6), stages: [GaussianNoise()]).fittedFlow()
    func values(_ epoch: Int) async throws -> [Float] {
      try await all(Batches(flow, size: 4), epoch: epoch).flatMap(\.images.values)
    }
    let first = try await values(0)
    #expect(try await values(0) == first)
    #expect(try await values(1) != first)
    let other = try await all(Batches(flow.running(Run(seed: 9)), size: 4)).flatMap(\.images.values)
    #expect(other != first, "another seed of the run draws others")
  }

  // MARK: Without end

  private typealias Found = (labels: [[Int]], values: [[Float]])

  /// Labels and numbers of the first batches.
  private func first(_ count: Int, of batches: OrderedMap<Batch>) async throws -> Found {
    var found: Found = ([], [])
    for try await batch in batches {
      found.labels.append(batch.labels)
      found.values.append(batch.images.values)
      if found.labels.count == count { break }
    }
    return found
  }

  /// The first batches of a training.
  private func endless(
    _ batches: Batches, fromSample first: Int = 0, count: Int, seed: UInt64 = 0
  ) async throws -> Found {
    try await self.first(count, of: batches.endless(fromSample: first, seed: seed))
  }

  /// A training sees one shuffled epoch after the other, each sample once in each, and each epoch draws anew.
  @Test(arguments: [1, 7, 16, 40, 64]) func trainingsSeeEpochAfterEpoch(size: Int) async throws {
    let flow = try await Pipeline(source: numbered, stages: [GaussianNoise()]).fittedFlow()
    let batches = Batches(flow, size: size)
    var (labels, values): ([Int], [Float]) = ([], [])
    for epoch in 0..<4 {
      let one = try await all(batches, epoch: epoch, isShuffled: true, seed: 3)
      #expect(one.flatMap(\.labels).sorted() == Array(0..<40))
      labels += one.flatMap(\.labels)
      values += one.flatMap(\.images.values)
    }
    let found = try await endless(batches, count: 160 / size, seed: 3)
    #expect(found.labels.allSatisfy { $0.count == size })
    #expect(found.labels.flatMap { $0 } == Array(labels.prefix(160 / size * size)))
    #expect(found.values.flatMap { $0 } == Array(values.prefix(160 / size * size * 12)))
  }

  @Test func epochsOfATrainingDiffer() async throws {
    let flow = try await Pipeline(source: numbered, stages: [GaussianNoise()]).fittedFlow()
    let found = try await endless(Batches(flow, size: 40), count: 4)
    #expect(Set(found.labels).count == 4, "orders")
    // The numbers of each sample, by epoch: not the same twice.
    for label in 0..<40 {
      let drawn = zip(found.labels, found.values).map { labels, values in
        let place = labels.firstIndex(of: label)!
        return Array(values[place * 12..<(place + 1) * 12])
      }
      #expect(Set(drawn).count == 4, "sample \(label)")
    }
  }

  /// The position is a number of samples: it need not be where a batch began.
  @Test(arguments: [0, 1, 7, 35, 39, 40, 91]) func aTrainingGoesOnWhereItWas(first: Int) async throws {
    let batches = Batches(numbered.flow(in: Context()), size: 7)
    let whole = try await endless(batches, count: first / 7 + 8)
    let rest = try await endless(batches, fromSample: first, count: 6)
    #expect(rest.labels.allSatisfy { $0.count == 7 })
    #expect(rest.labels.flatMap { $0 } == Array(whole.labels.flatMap { $0 }[first..<first + 42]))
    #expect(rest.values.flatMap { $0 } == Array(whole.values.flatMap { $0 }[12 * first..<12 * (first + 42)]))
  }

  /// Passes are epochs with all their batches, the last smaller one too.
  @Test(arguments: [0, 3, 6, 11]) func passesAreEpochAfterEpoch(first: Int) async throws {
    let flow = try await Pipeline(source: numbered, stages: [GaussianNoise()]).fittedFlow()
    let batches = Batches(flow, size: 7)
    var epochs: [Batch] = []
    for epoch in 0..<3 { epochs += try await all(batches, epoch: epoch, isShuffled: true, seed: 5) }
    let found = try await self.first(18 - first, of: batches.passes(first..<18, seed: 5))
    #expect(found.labels == epochs[first...].map(\.labels) && found.values == epochs[first...].map(\.images.values))
  }

  /// Each batch holds a batch of every part, in order, whatever their sizes.
  @Test func mixedBatchesHoldEveryPart() async throws {
    let flow = try await Pipeline(source: numbered, stages: [GaussianNoise()]).fittedFlow()
    let parts = [
      Batches(flow, size: 3, positions: Array(0..<10)), Batches(flow, size: 5, positions: Array(10..<40)),
      Batches(flow, size: 1),
    ]
    let found = try await first(9, of: Batches.mixing(parts, seed: 2))
    var apart: [Found] = []
    for part in parts { apart.append(try await endless(part, count: 9, seed: 2)) }
    for index in 0..<9 {
      #expect(found.labels[index] == apart.flatMap { $0.labels[index] })
      #expect(found.values[index] == apart.flatMap { $0.values[index] })
    }
  }

  /// Each part is an endless sequence of its own, in an order of its own.
  @Test func partsTakeTurns() async throws {
    let flow = numbered.flow(in: Context())
    let parts = [Batches(flow, size: 4, positions: Array(0..<20)), Batches(flow, size: 4, positions: Array(20..<40))]
    let found = try await first(20, of: Batches.alternating(parts, fromBatch: 0, seed: 5)).labels
    for (index, labels) in found.enumerated() {
      #expect(labels.allSatisfy { (index % 2 == 0 ? 0..<20 : 20..<40).contains($0) })
    }
    for start in [0, 1] {
      let pass = (0..<5).flatMap { found[start + 2 * $0] }
      #expect(pass.sorted() == Array(20 * start..<20 * start + 20), "one pass has each sample once")
    }
    #expect(found[0].map { $0 + 20 } != found[1], "a copy does not come paired")
    let paired = try await first(20, of: Batches.alternating(parts, fromBatch: 0, seed: 5, sharingOrder: true)).labels
    for round in 0..<10 {
      #expect(paired[2 * round].map { $0 + 20 } == paired[2 * round + 1], "pairs stay together")
    }
    let rest = try await first(7, of: Batches.alternating(parts, fromBatch: 13, seed: 5)).labels
    #expect(rest == Array(found[13...]))
  }

  /// Workers decide how fast batches are made, and nothing else.
  @Test(arguments: [2, 8]) func workersChangeNothing(_ workers: Int) async throws {
    let flow = try await Pipeline(source: numbered, stages: [GaussianNoise()]).fittedFlow()
    var batches = Batches(flow, size: 7)
    let one = try await endless(batches, count: 12)
    batches.workers = workers
    let many = try await endless(batches, count: 12)
    #expect(one.labels == many.labels && one.values == many.values)
  }

  @Test func partsOfAPartAreOfIt() async throws {
    let batches = Batches(numbered.flow(in: Context()), size: 2, positions: [7, 3, 21, 38, 0])
    #expect(try await all(batches.selecting([4, 1, 2])).map(\.labels) == [[0, 3], [21]])
    #expect(try await all(batches.selecting([0, 1, 2, 3]).selecting([3])).map(\.labels) == [[38]])
  }

  /// A part of which a filter left nothing adds nothing.
  @Test func emptyPartsOfABatchAddNothing() async throws {
    let kept = Batches(numbered.flow(in: Context()), size: 3, positions: [5, 6, 7])
    let filtered = try await Pipeline(source: numbered, stages: [Filter(classes: ["0"])]).fittedFlow()
    let none = Batches(filtered, size: 2, positions: [1, 2])
    let plain = try await endless(kept, count: 4)
    for parts in [[none, kept], [kept, none], [none, kept, none]] {
      let found = try await first(4, of: Batches.mixing(parts, seed: 0))
      #expect(found.labels == plain.labels && found.values == plain.values)
    }
  }

  // MARK: What is left out

  @Test func filteredSamplesLeaveGaps() async throws {
    let few = Pipeline(source: TestSource(count: 10), stages: [Filter(classes: ["ant"])])
    let batches = Batches(try await few.fittedFlow(), size: 4)
    #expect(batches.count == 10 && batches.batches == 3)
    let found = try await all(batches)
    #expect(found.map(\.labels) == [[0, 0], [0], [0]])
    #expect(found.map(\.images.shape) == [[2, 3, 4, 1], [1, 3, 4, 1], [1, 3, 4, 1]])
    // Batches of which nothing is left have no images.
    let one = Pipeline(source: numbered, stages: [Filter(classes: ["25"])])
    let rest = try await all(Batches(one.fittedFlow(), size: 8))
    #expect(rest.map(\.labels) == [[], [], [], [25], []])
    #expect(rest.map { $0.images.shape[0] } == [0, 0, 0, 1, 0])
  }

  // MARK: What does not fit

  @Test func unreadableSamplesAreThrownInTurn() async throws {
    var taken: [[Int]] = []
    do {
      let batches = Batches(TestSource(count: 12, failing: [6]).flow(in: Context()), size: 4)
      for try await batch in batches.epoch(0, isShuffled: false, seed: 0) { taken.append(batch.labels) }
      Issue.record("no error was thrown")
    } catch {
      #expect("\(error)".contains("sample 6 is bad"), "\(error)")
    }
    #expect(taken == [[0, 1, 2, 0]])
  }

  @Test func samplesWithoutClassAreNamed() async throws {
    let flow = made(8) { index in
      var sample = light(index)
      if index == 5 { sample.label = nil }
      return sample
    }
    let missing = try await failure { _ = try await all(Batches(flow, size: 4)) }
    #expect(missing.kind == .badData && missing.remedy != nil)
    #expect(missing.description.contains("s0-00000005-p0-v0") && missing.description.contains("made#5"))
    let unlabeled = try await failure {
      _ = try await all(Batches(TestSource(classes: []).flow(in: Context()), size: 4))
    }
    #expect(unlabeled.kind == .badData && unlabeled.description.contains("s0-00000000-p0-v0"))
  }

  @Test func softLabelsAreNamed() async throws {
    let flow = made(8) { index in
      var sample = light(index)
      if index == 6 { sample.label = .distribution([0.25, 0.75]) }
      return sample
    }
    let soft = try await failure { _ = try await all(Batches(flow, size: 4)) }
    #expect(soft.kind == .badData && soft.remedy != nil && soft.description.contains("s0-00000006-p0-v0"))
    let mixed = try await Pipeline(source: TestSource(), stages: [Mixup(alpha: 1)]).fittedFlow()
    let blended = try await failure { _ = try await all(Batches(mixed, size: 4)) }
    #expect(blended.kind == .badData && blended.description.contains("s0-0000000"))
  }

  @Test(arguments: [(10, 12, 1), (12, 10, 1), (12, 12, 3)])
  func otherSizesAreNamed(_ height: Int, _ width: Int, _ channels: Int) async throws {
    let flow = made(8) { index in
      index == 6 ? light(index, height: height, width: width, channels: channels) : light(index)
    }
    let error = try await failure { _ = try await all(Batches(flow, size: 4)) }
    #expect(error.kind == .badData && error.file == "made#6")
    #expect(error.message.contains("s0-00000006-p0-v0 is \(height) x \(width) x \(channels), others are 12 x 12 x 1"))
    #expect(error.remedy?.contains("Bring all to one size") == true)
  }
}
