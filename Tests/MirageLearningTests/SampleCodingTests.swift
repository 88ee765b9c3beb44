import MirageLearning
import MirageMedia
import MirageStreams
import MirageTensors
import StreamsTestSupport
import Testing

/// Contents as rows and back.
@Suite struct SampleCodingTests {
  private func rows(_ coding: some SampleCoding, _ samples: [Sample]) -> Tensor {
    var values: [Float] = []
    for sample in samples { coding.append(sample, to: &values) }
    return Tensor(values, shape: [samples.count] + coding.shape)
  }

  @Test(arguments: [1, 3]) func bytesComeBack(_ channels: Int) {
    let source = TestSource(count: 7, height: 6, width: 7, channels: channels)
    let samples = (0..<7).map(source.sample)
    let coding = ImageCoding(like: samples[0])
    let encoded = rows(coding, samples)
    #expect(encoded.values.allSatisfy { (-1...1).contains($0) })
    #expect(coding.images(encoded) == samples.map { $0.bytes() })
    #expect(coding.quantized(encoded).values == encoded.values, "what bytes give is on their steps already")
    #expect(coding.quantized(encoded + 1e-3).values == encoded.values)
  }

  /// Floats reach a network in the scale the user made, and come back in it, without going through bytes.
  @Test(arguments: [0.0...1.0, -1...1, 0.25...0.5]) func floatsStayFloats(_ range: ClosedRange<Double>) async throws {
    let pipeline = Pipeline(source: TestSource(count: 4, channels: 3), stages: [Scale(to: range)])
    let samples = try await pipeline.fittedFlow().samples()
    let coding = ImageCoding(like: samples[0], keepsFloats: true)
    let encoded = rows(coding, samples)
    let scaled = samples.compactMap { sample in if case .scaled(let image) = sample.content { image } else { nil } }
    #expect(encoded.values == scaled.flatMap(\.values))
    let middle = Float(range.lowerBound + range.upperBound) / 2
    let between = encoded * 0.999 + middle * 0.001
    for (content, image) in zip(coding.contents(between), scaled) {
      guard case .scaled(let found) = content else {
        Issue.record("floats become floats")
        continue
      }
      #expect(found.maps == image.maps && found.values != image.values, "not rounded to bytes")
    }
    #expect(coding.quantized(between).values == between.values)
    #expect(
      coding.quantized(encoded * 2 - middle).values.allSatisfy { value in
        value >= Float(range.lowerBound) - 1e-6 && value <= Float(range.upperBound) + 1e-6
      })
    #expect(coding.images(encoded) == samples.map { $0.bytes() })
  }

  @Test func waveformsComeBack() async throws {
    let samples = try await Pipeline(source: TestClips(count: 3, frames: 5, channels: 2)).fittedFlow().samples()
    let coding = WaveformCoding(frames: 5, channels: 2, rate: 16_000)
    let encoded = rows(coding, samples)
    #expect(encoded.shape == [3, 5, 2])
    for (content, sample) in zip(coding.contents(encoded), samples) {
      guard case .audio(let clip) = content, case .audio(let original) = sample.content else {
        Issue.record("a clip is a clip")
        continue
      }
      #expect(clip == original)
    }
  }

  @Test func batchesOfClips() async throws {
    let flow = try await Pipeline(source: TestClips(count: 5)).fittedFlow()
    let batches = Batches(flow, size: 2).expecting(WaveformCoding(frames: 8, channels: 1, rate: 16_000))
    var shapes: [[Int]] = []
    for try await batch in batches.epoch(0, isShuffled: false, seed: 0) { shapes.append(batch.images.shape) }
    #expect(shapes == [[2, 8, 1], [2, 8, 1], [1, 8, 1]])
  }
}
