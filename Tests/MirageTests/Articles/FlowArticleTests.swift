import Mirage
import StreamsTestSupport
import TestSupport
import Testing

@Suite struct FlowArticleTests {
  @Test func samplesArriveInOrder() async throws {
    let folder = TemporaryDirectory()
    let (directory, output) = (folder.file("mnist"), folder.file("out"))
    try TinyDataset.writeMNIST(directory, count: 50, height: 28, width: 28)
    let article = FlowArticle(directory: directory)
    let flow = try await article.samples()
    #expect(try await article.fitted().flow.count == 100)

    let (slots, place) = try await article.positions(flow)
    guard case .element(let first) = slots[0], case .element(let last) = slots[2] else {
      Issue.record("position 85 is empty")
      return
    }
    #expect(first.id == place.id && last.id == place.id && place.id.index == 42)
    #expect(try await article.means(flow).count == 100)

    let parts = article.parts(flow)
    #expect(parts.firstHalf.run.shard.range(of: parts.firstHalf.count) == 0..<50)
    #expect(parts.secondEpoch.count == flow.count)
    #expect(try await article.written(to: output).counts.written == 100)
  }
}
