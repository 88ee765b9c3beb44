import Mirage
import StreamsTestSupport
import TestSupport
import Testing

/// The code of the article "A flow".
@Suite struct FlowArticleTests {
  @Test func samplesArriveInOrder() async throws {
    let folder = TemporaryDirectory()
    let (directory, output) = (folder.file("mnist"), folder.file("out"))
    try TinyDataset.writeMNIST(directory, count: 50, height: 28, width: 28)
    let pipeline = Pipeline(
      seed: 7,
      source: MNIST(directory: directory),
      stages: [Copies(2), Rotate(degrees: -15...15), RandomCrop(size: 28, padding: 2), Scale(to: -1...1)])

    let flow = try await pipeline.samples()
    for try await sample in flow {
      print(sample.id, sample.label?.index ?? -1, sample.format)
    }

    let fitted = try await pipeline.fitted()
    print(fitted.stages.map { "\($0)" }, fitted.flow.count)

    #expect(fitted.flow.count == 100)
    let slots = try await flow.read([85, 3, 85], flow.run)
    let place = try flow.locate(85, flow.run)

    guard case .element(let first) = slots[0], case .element(let last) = slots[2] else {
      Issue.record("position 85 is empty")
      return
    }
    #expect(first.id == place.id && last.id == place.id && place.id.index == 42)
    let means = flow.filter { $0.label?.index != 3 }.map { sample in
      sample.bytes().pixels.reduce(0) { $0 + Double($1) } / Double(sample.format.count)
    }
    for try await batch in means.batched(of: 32) { print(batch.count) }

    #expect(means.count == 100)
    let secondEpoch = flow.running(Run(seed: 7, epoch: 1))
    let firstHalf = flow.running(Run(seed: 7, shard: Shard(index: 0, count: 2)))

    #expect(firstHalf.run.shard.range(of: firstHalf.count) == 0..<50)
    #expect(secondEpoch.count == flow.count)
    var written = pipeline
    written.sink = WebDatasetSink(directory: output)
    var options = RunOptions()
    options.existing = .resume
    let report = try await written.run(options)
    print(report.directory, report.tally.written)

    #expect(report.tally.written == 100)
  }

  private func print(_: Any...) {}
}
