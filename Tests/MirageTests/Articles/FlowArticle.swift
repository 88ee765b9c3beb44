import Mirage

/// The code of the article "A flow".
struct FlowArticle {
  let pipeline: Pipeline

  init(directory: String) {
    let pipeline = Pipeline(
      seed: 7,
      source: MNIST(directory: directory),
      stages: [Copies(2), Rotate(degrees: -15...15), RandomCrop(size: 28, padding: 2), Scale(to: -1...1)])

    self.pipeline = pipeline
  }

  func samples() async throws -> Flow<Sample> {
    let flow = try await pipeline.samples()
    for try await sample in flow {
      print(sample.id, sample.label?.index ?? -1, sample.format)
    }

    return flow
  }

  func fitted() async throws -> FittedPipeline {
    let fitted = try await pipeline.fitted()
    print(fitted.stages.map { "\($0)" }, fitted.flow.count)

    return fitted
  }

  func positions(_ flow: Flow<Sample>) async throws -> ([Slot<Sample>], SampleHeader) {
    let slots = try await flow.read([85, 3, 85], flow.run)
    let place = try flow.locate(85, flow.run)

    return (slots, place)
  }

  func means(_ flow: Flow<Sample>) async throws -> Flow<Double> {
    let means = flow.filter { $0.label?.index != 3 }.map { sample in
      sample.bytes().pixels.reduce(0) { $0 + Double($1) } / Double(sample.format.count)
    }
    for try await batch in means.batched(of: 32) { print(batch.count) }

    return means
  }

  func parts(_ flow: Flow<Sample>) -> (secondEpoch: Flow<Sample>, firstHalf: Flow<Sample>) {
    let secondEpoch = flow.running(Run(seed: 7, epoch: 1))
    let firstHalf = flow.running(Run(seed: 7, shard: Shard(index: 0, count: 2)))

    return (secondEpoch, firstHalf)
  }

  func written(to output: String) async throws -> RunReport {
    var written = pipeline
    written.sink = WebDatasetSink(directory: output)
    var options = RunOptions()
    options.existing = .resume
    let report = try await written.run(options)
    print(report.directory, report.counts.written)

    return report
  }

  private func print(_: Any...) {}
}
