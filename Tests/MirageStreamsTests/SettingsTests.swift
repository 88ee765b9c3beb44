import MirageStreams
import StreamsTestSupport
import TestSupport
import Testing

/// What no component can work with is an error before anything is opened, from Swift as from a file.
@Suite struct SettingsTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let stage: any StageComponent
    /// The place within the stage, and what is said.
    let place, says: String
    var testDescription: String { "\(type(of: stage).name), \(says)" }

    init(_ stage: any StageComponent, _ place: String, _ says: String) {
      (self.stage, self.place, self.says) = (stage, place, says)
    }
  }

  static let cases = [
    Case(Take(-1), "count", "count must be of at least 0, not -1"),
    Case(Skip(-1), "count", "count must be of at least 0, not -1"),
    Case(Copies(0), "count", "count must be from 1 to 1000000, not 0"),
    Case(Copies(-1), "count", "count must be from 1 to 1000000, not -1"),
    Case(Repeat(0), "times", "times must be from 1 to 1000000000, not 0"),
    Case(Repeat(.min), "times", "times must be from 1 to 1000000000, not -9223372036854775808"),
    Case(Subset(perClass: -1), "per-class", "per-class must be of at least 1, not -1"),
    Case(Balance(perClass: -1), "per-class", "per-class must be of at least 0, not -1"),
    Case(GridDropout(unit: 0...0), "unit", "unit must be from 2 to 10000, not 0"),
    Case(GridDropout(ratio: .infinity), "ratio", "ratio must be a number from 0 to 1"),
    Case(RandomCrop(size: 0), "size", "size must be from 1 to 65535, not 0"),
    Case(RandomCrop(size: 4, padding: -9), "padding", "padding must be from 0 to 65535, not -9"),
    Case(CenterCrop(size: Size(height: 3, width: -3)), "size", "size must be from 1 to 65535, not -3"),
    Case(RandomResizedCrop(size: 4, ratio: 0...1), "ratio", "ratio must be from 0.01 to 100, not 0"),
    Case(Resize(size: 0), "size", "size must be from 1 to 65535, not 0"),
    Case(Pad(padding: -1), "padding", "padding must be from 0 to 65535, not -1"),
    Case(Pad(padding: 1, fill: []), "fill", "fill must be a byte, or a list of one for each channel"),
    Case(Affine(translate: [0.1]), "translate", "translate must be list of 2 numbers from 0 to 1"),
    Case(Affine(scale: 0...1), "scale", "scale must be from 0.01 to 100, not 0"),
    Case(Rotate(degrees: 0 ... .infinity), "degrees", "degrees must be [low, high] from -360 to 360"),
    Case(Rotate(degrees: 0...1, interpolation: .lanczos), "interpolation", "interpolation must be one of nearest"),
    Case(GaussianBlur(sigma: 1 ... .infinity), "sigma", "sigma must be [low, high] from 0.01 to 100"),
    Case(GaussianBlur(probability: .nan), "probability", "probability must be a number from 0 to 1"),
    Case(GaussianBlur(kernel: -1), "kernel", "kernel must be from 0 to 999, not -1"),
    Case(MotionBlur(length: 0...4), "length", "length must be from 1 to 999, not 0"),
    Case(Elastic(sigma: .nan), "sigma", "sigma must be a number from 0.1 to 100"),
    Case(Elastic(sigma: 0), "sigma", "sigma must be from 0.1 to 100, not 0"),
    Case(Perspective(distortion: 3), "distortion", "distortion must be from 0 to 1, not 3"),
    Case(Gamma(gamma: -1...1), "gamma", "gamma must be from 0.01 to 100, not -1"),
    Case(Posterize(bits: -1...8), "bits", "bits must be from 0 to 8, not -1"),
    Case(Solarize(threshold: 0...999), "threshold", "threshold must be from 0 to 256, not 999"),
    Case(Grayscale(channels: 2), "channels", "channels must be one of 1 | 3"),
    Case(JPEGCompression(quality: 0...5), "quality", "quality must be from 1 to 100, not 0"),
    Case(SaltAndPepper(amount: -1...0), "amount", "amount must be from 0 to 1, not -1"),
    Case(Shade(strength: 0...2), "strength", "strength must be from 0 to 1, not 2"),
    Case(FixedPatternNoise(seed: -1), "seed", "seed must be of at least 0, not -1"),
    Case(Erase(count: -3...1), "count", "count must be from 1 to 1000, not -3"),
    Case(Erase(ratio: 0...1), "ratio", "ratio must be from 0.01 to 100, not 0"),
    Case(RandAugment(operations: -1), "operations", "operations must be from 1 to 14, not -1"),
    Case(RandAugment(magnitude: 31), "magnitude", "magnitude must be from 0 to 30, not 31"),
    Case(Mixup(alpha: 0), "alpha", "alpha must be from 0.01 to 100, not 0"),
    Case(CutMix(alpha: .nan), "alpha", "alpha must be a number from 0.01 to 100"),
    Case(Scale(to: 0...1e9), "to", "to must be from -1000000 to 1000000, not 1000000000"),
    Case(Normalize(mean: [], std: [1]), "mean", "mean must be list of 1 to 4 numbers from -1000000 to 1000000"),
    Case(Normalize(mean: [0], std: [0]), "std", "std must be from 1e-09 to 1000000, not 0"),
    Case(OneOf([Invert(), Rotate(degrees: 0...999)]), "of/1 (rotate), degrees", "not 999"),
    Case(OneOf([GaussianBlur(probability: .nan)]), "of/0 (gaussian-blur), probability", "probability must be"),
    Case(OneOf([Invert()], weights: [.nan]), "weights", "weights must be list of 1 to 1000 numbers of at least 0"),
    Case(SomeOf([Invert()], count: -1...1), "count", "count must be from 0 to 1000, not -1"),
    Case(Sometimes([OneOf([Pad(padding: -1)])]), "apply/0 (one-of), of/0 (pad), padding", "not -1"),
  ]

  private func failure(_ pipeline: Pipeline) async throws -> MirageError {
    let error = await #expect(throws: MirageError.self) { _ = try await pipeline.fitted() }
    return try #require(error)
  }

  @Test(arguments: cases) func isRefused(_ one: Case) async throws {
    let error = try await failure(Pipeline(source: TestSource(), stages: [Invert(), one.stage]))
    #expect(error.kind == .badPipeline && error.message.contains(one.says), "\(error)")
    #expect(error.place == "stages/1 (\(type(of: one.stage).name)), \(one.place)")
  }

  @Test(
    arguments: [
      (OneOf([]), "one-of has nothing to choose from"),
      (OneOf([Invert(), Copies(2)]), "one-of holds copies, which is not"),
      (OneOf([Invert()], weights: [1, 2]), "a weight of at least 0 for each"),
      (OneOf([Invert()], weights: [0]), "one above 0"),
      (SomeOf([Invert()], count: 0...2), "some-of is to apply 0 to 2 augmentations, but has 1"),
      (Sometimes([Take(1)]), "sometimes holds take, which is not"),
    ] as [(any StageComponent, String)])
  func combinationsAreRefused(stage: any StageComponent, says: String) async throws {
    let error = try await failure(Pipeline(source: TestSource(), stages: [stage]))
    #expect(error.kind == .badPipeline && "\(error)".contains(says), "\(error)")
    #expect(error.place == "stages/0 (\(type(of: stage).name))")
  }

  @Test func sourcesAreChecked() async throws {
    let empty = try await failure(Pipeline(source: MNIST(directory: "")))
    #expect(empty.place == "source (mnist), directory" && empty.message == "directory must be a path")
    let branch = PipelineSource(TestSource(), stages: [Take(-1)])
    let nested = try await failure(Pipeline(source: Interleave([TestSource(), branch])))
    #expect(nested.place == "source (interleave), sources/1 (pipeline), stages/0 (take), count")
  }

  @Test(
    arguments: [
      (WebDatasetSink(directory: "none", samplesPerShard: 0), "samples-per-shard must be of at least 1, not 0"),
      (WebDatasetSink(directory: "none", compression: 11), "compression must be from 0 to 9, not 11"),
      (ImageFolderSink(directory: "none", compression: -1), "compression must be from 0 to 9, not -1"),
      (ImageFolderSink(directory: "none", format: .jpeg, quality: 0), "quality must be from 1 to 100, not 0"),
      (IDXSink(directory: "none", gzip: true, compression: 11), "compression must be from 1 to 9, not 11"),
      (CIFARSink(directory: ""), "directory must be a path"),
    ] as [(any SinkComponent, String)])
  func sinksAreChecked(sink: any SinkComponent, says: String) async throws {
    // Before the source is opened, which is not there.
    let pipeline = Pipeline(source: MNIST(directory: "/nonexistent"), sink: sink)
    let error = await #expect(throws: MirageError.self) { _ = try await pipeline.run() }
    #expect(error?.message == says && error?.place?.hasPrefix("sink (\(type(of: sink).name)), ") == true)
    #expect(FileKind("none") == .missing)
  }

  @Test func defaultsAreThoseOfTheInitializer() throws {
    func standard(_ settings: [Setting], _ key: String) throws -> JSONValue? {
      try #require(settings.named(key)).standard
    }
    #expect(try standard(Rotate.settings, "degrees") == nil, "must be given")
    #expect(try standard(Rotate.settings, "interpolation") == "bilinear")
    #expect(try standard(RandAugment.settings, "interpolation") == "nearest")
    #expect(try standard(Erase.settings, "probability") == 0.5 && standard(Invert.settings, "probability") == 1)
    #expect(try standard(Normalize.settings, "mean") == .null && standard(OneOf.settings, "weights") == .null)
    #expect(try standard(Affine.settings, "shear-y") == [0, 0])
  }
}
