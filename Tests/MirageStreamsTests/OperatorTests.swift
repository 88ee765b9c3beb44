import MirageMedia
import MirageStreams
import MirageSupport
import StreamsTestSupport
import Testing

/// Laws of the operators that users write flows with: any range equals that part of the whole, workers do not matter,
/// and failures name the sample.
@Suite struct OperatorTests {
  private struct Other: Error {}

  /// Sample 7 cannot be read.
  private let source = TestSource(count: 30, failing: [7]).flow(in: Context())

  private func text<Element>(_ slot: Slot<Element>) -> String {
    switch slot {
    case .element(let element): "\(element)"
    case .absent: "absent"
    case .failed(let error): "\(error)"
    }
  }

  private func slots<Element>(_ flow: Flow<Element>, workers: Int = 1) async throws -> [String] {
    var slots: [String] = []
    for try await chunk in flow.processed(0..<flow.count, in: Context(workers: workers), transform: { $0 }) {
      slots += chunk.slots.map(text)
    }
    return slots
  }

  private func expectLaws<Element>(_ flow: Flow<Element>) async throws -> [String] {
    let whole = try await slots(flow)
    #expect(whole.count == flow.count)
    #expect(try await slots(flow, workers: 8) == whole)
    var random = Random(key: Random.Key(seed: 1, path: "positions"), sample: 0)
    let positions = (0..<50).map { _ in random.integer(in: 0...flow.count - 1) }
    #expect(try await flow.read(positions, flow.run).map(text) == positions.map { whole[$0] })
    for start in stride(from: 0, to: flow.count, by: 3) {
      let range = Array(start..<min(start + 3, flow.count))
      #expect(try await flow.read(range, flow.run).map(text) == range.map { whole[$0] })
    }
    return whole
  }

  @Test func mapChangesEachElement() async throws {
    let flow = source.map { sample -> Int in
      if sample.id.index == 3 { throw MirageError(.badData, "is odd") }
      if sample.id.index == 5 { throw Other() }
      return sample.id.index * 10
    }
    let whole = try await expectLaws(flow)
    for index in 0..<30 where ![3, 5, 7].contains(index) { #expect(whole[index] == "\(index * 10)") }
    #expect(whole[3].hasPrefix("sample s0-00000003-p0-v0 in map: is odd"))
    #expect(whole[5].hasPrefix("sample s0-00000005-p0-v0 in map: Other()"))
    #expect(whole[7].contains("sample 7 is bad"))
    for position in 0..<30 { #expect(try flow.locate(position, flow.run) == source.locate(position, source.run)) }
  }

  @Test func filterLeavesEmptyPositions() async throws {
    let flow = source.filter { sample in
      if sample.id.index == 4 { throw Other() }
      return sample.id.index % 3 == 0
    }
    let whole = try await expectLaws(flow)
    for index in 0..<30 where ![4, 7].contains(index) { #expect((whole[index] == "absent") == (index % 3 != 0)) }
    #expect(whole[4].hasPrefix("sample s0-00000004-p0-v0 in filter: Other()") && whole[7].contains("is bad"))
  }

  @Test func batchesHoldNeighbors() async throws {
    let flow = source.filter { $0.id.index % 4 != 0 && !(12..<16).contains($0.id.index) }.map(\.id.index)
      .batched(of: 4)
    let whole = try await expectLaws(flow)
    #expect(whole[0] == "[1, 2, 3]" && whole[3] == "absent" && whole[7] == "[29]" && whole.count == 8)
    #expect(whole[1].contains("sample 7 is bad"))
    #expect(try flow.locate(2, flow.run) == SampleHeader(id: SampleID(index: 8), label: nil))
    #expect(try await slots(TestSource(count: 8).flow(in: Context()).map(\.id.index).batched(of: 4)).count == 2)
    #expect(try await slots(TestSource(count: 0).flow(in: Context()).batched(of: 4)).isEmpty)
  }

  @Test func cancellationInAClosureIsNoFailureOfASample() async throws {
    let flow = source.map { _ -> Int in throw CancellationError() }
    await #expect(throws: CancellationError.self) { _ = try await slots(flow) }
  }

  @Test func aFlowIsStillASequence() async throws {
    var indices: [Int] = []
    for try await index in TestSource(count: 9).flow(in: Context()).filter({ $0.id.index > 3 }).map(\.id.index) {
      indices.append(index)
    }
    #expect(indices == [4, 5, 6, 7, 8])
    #expect(try await TestSource(count: 9).flow(in: Context()).map(\.id.index).contains(8))
  }

  @Test func oneFlowAfterAnother() async throws {
    let other = TestSource(count: 5, failing: [1]).flow(in: Context())
    let flow = try source.appending(other).appending(other)
    let whole = try await expectLaws(flow.map(\.id))
    for (position, id) in [(0, "s0-00000000"), (30, "s1-00000000"), (39, "s2-00000004")] {
      #expect(whole[position].hasPrefix(id))
    }
    #expect(whole[31].hasPrefix("sample s1-00000001") && flow.about.sources == 3)
    for position in 0..<flow.count where ![7, 31, 36].contains(position) {
      #expect(try flow.locate(position, flow.run).id.description == whole[position])
    }
    let strange = TestSource(count: 5, classes: ["dog"]).flow(in: Context())
    let error = #expect(throws: MirageError.self) { _ = try source.appending(strange) }
    #expect(error?.message.contains("dog after ant, bee, cat") == true)
    let scaled = try await Pipeline(source: TestSource(count: 5), stages: [Scale(to: 0...1)]).fittedFlow()
    #expect(throws: MirageError.self) { _ = try source.appending(scaled) }
    #expect(try source.appending(TestSource(count: 5, classes: []).flow(in: Context())).count == 35)
  }
}
