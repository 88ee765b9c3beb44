import Mirage
import StreamsTestSupport
import TestSupport
import Testing

@Suite struct ModelArticleTests {
  @Test func autoencoderLearns() async throws {
    let folder = TemporaryDirectory()
    let (directory, checkpoint) = (folder.file("mnist"), folder.file("autoencoder.safetensors"))
    try TinyDataset.writeMNIST(directory, count: 64, height: 28, width: 28)
    let flow = try await MNIST(directory: directory).flow()
    let first = try await train(flow, epochs: 1, checkpoint: checkpoint)
    let last = try await train(flow, epochs: 20, checkpoint: checkpoint)
    #expect(last < first * 0.5, "\(first) to \(last)")
    #expect(try Checkpoint(reading: checkpoint).tensors["encoder.0.weight"]?.shape == [16, 1, 4, 4])
    let slots = try await flow.read([0, 1, 2], flow.run)
    let samples = slots.compactMap { slot in if case .element(let sample) = slot { sample } else { nil } }
    #expect(try await reconstructions(of: images(of: samples), checkpoint: checkpoint).map(\.height) == [28, 28, 28])
  }
}
