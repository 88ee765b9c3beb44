import Mirage
import StreamsTestSupport
import TestSupport
import Testing

@Suite struct StageArticleTests {
  @Test func ownStagesFlow() async throws {
    let folder = TemporaryDirectory()
    let directory = folder.file("mnist")
    try TinyDataset.writeMNIST(directory, count: 50)
    let fitted = try await StageArticle.fitted(directory)

    // 50 samples are fewer than the limit, and every fifth of them is kept.
    #expect(fitted.flow.count == 10)
    #expect(try fitted.flow.locate(3, fitted.flow.run).id.index == 15)
    #expect(fitted.stages[0].fitted?.measures.first?.value == 50)
    let thinned = try await Pipeline(source: MNIST(directory: directory), stages: [Thin(limit: 49)]).fitted()
    #expect(thinned.flow.count == 25)
    let source = try await MNIST(directory: directory).flow()
    let dark = try await Pipeline(source: MNIST(directory: directory), stages: [Darken(factor: 0.5...0.5)]).samples()
    for position in 0..<50 {
      let (bright, darkened) = try await (pixels(source, position), pixels(dark, position))
      #expect(darkened == bright.map { UInt8(Double($0) * 0.5) })
    }
  }

  private func pixels(_ flow: Flow<Sample>, _ position: Int) async throws -> [UInt8] {
    guard case .element(let sample) = try await flow.read([position], flow.run)[0] else { return [] }
    return sample.bytes().pixels
  }
}
