import MirageStreams

let data = CommandLine.arguments.count > 1 ? CommandLine.arguments[1] : "Samples/fashion-mnist"
let pipeline = Pipeline(source: MNIST(directory: data), stages: [Take(3), Rotate(degrees: -15...15)])
for try await sample in try await pipeline.samples() { print(sample.id, sample.size) }
