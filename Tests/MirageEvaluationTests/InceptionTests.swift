import MirageLearning
import MirageEvaluation
import MirageSupport
import MirageNetworks
import TestSupport
import MirageTensors
import Testing

/// The Inception network held against pytorch-fid's (Tests/Golden/make_inception.py), both with weights by the same rule.
@Suite struct InceptionTests {
  private static let golden = Golden()
  static let checkpoint = golden.checkpoint

  @Test func stateIsNamedAndShapedAsInTheFile() throws {
    let state = try InceptionNetwork(Self.checkpoint).state
    #expect(Set(state.keys) == Set(Self.golden.entries.keys))
    for (name, tensor) in state {
      let stored = try #require(Self.checkpoint.tensors[name])
      // A scalar of PyTorch is a tensor without axes.
      #expect(tensor.shape == stored.shape && tensor.values == stored.values, "\(name)")
    }
  }

  @Test func featuresAndProbabilitiesArePyTorchFIDs() throws {
    let network = try InceptionNetwork(Self.checkpoint)
    for one in Self.golden.cases {
      let features = network.features(Self.golden.image(one.image))
      #expect(features.shape == [1, InceptionNetwork.featureCount])
      one.expect(features, Self.golden.array(one.features), "features")
      one.expect(network.logits(fromFeatures: features, hasBias: true), Self.golden.array(one.logits), "logits")
      one.expect(network.logits(fromFeatures: features), Self.golden.array(one.unbiased), "logits without bias")
      let probabilities = network.probabilities(fromFeatures: features)
      #expect(probabilities.shape == [1, InceptionNetwork.classCount])
      one.expect(probabilities, Self.golden.array(one.probabilities), "probabilities")
    }
  }

  /// More images than pass through the network at once, the known one first and last.
  @Test func imagesOfABatchDoNotMix() throws {
    let network = try InceptionNetwork(Self.checkpoint)
    let one = try #require(Self.golden.cases.first { $0.name == "gray" })
    let image = Self.golden.image(one.image)
    var random = Random(key: Random.Key(seed: 1, path: "inception"), sample: 0)
    let others = Tensor.uniform([8, 28, 28, 1], in: -1...1, using: &random)
    let features = network.features(concatenated([image, others, image], axis: 0))
    #expect(features.shape == [10, InceptionNetwork.featureCount])
    for row in [0, 9] {
      one.expect(features.sliced(axis: 0, row..<row + 1), Self.golden.array(one.features), "row \(row)")
    }
    let neighbors = (1..<10).map { row in
      features.sliced(axis: 0, row - 1..<row).values == features.sliced(axis: 0, row..<row + 1).values
    }
    #expect(!neighbors.contains(true))
    // A gray image is one whose channels are alike.
    let color = network.features(concatenated([image, image, image], axis: 3))
    one.expect(color, Self.golden.array(one.features), "features in color")
    #expect(network.features(.zeros([0, 28, 28, 1])).shape == [0, InceptionNetwork.featureCount])
  }

  // MARK: Files

  @Test func readsFiles() throws {
    let directory = TemporaryDirectory()
    let path = directory.file("inception.safetensors")
    var checkpoint = Self.checkpoint
    // torchvision's network has an auxiliary classifier; old files of PyTorch lack the number of batches.
    checkpoint.tensors["AuxLogits.fc.bias"] = .zeros([1000])
    checkpoint.tensors = checkpoint.tensors.filter { !$0.key.hasSuffix("num_batches_tracked") }
    try checkpoint.write(to: path)
    let network = try InceptionNetwork(reading: path)
    #expect(network.state.mapValues(\.values) == Self.checkpoint.tensors.mapValues(\.values))
    // Cut off.
    let bytes = try InputFile(path).read(at: 0, count: 1_000_000)
    let cut = try directory.write("cut.safetensors", bytes)
    let error = try refusal { _ = try InceptionNetwork(reading: cut) }
    #expect(error.kind == .badData && error.file == cut)
    #expect(throws: MirageError.self) { try InceptionNetwork(reading: directory.file("missing.pth")) }
  }

  /// The error of what is not the network's weights.
  private func refusal(_ body: () throws -> Void) throws -> MirageError {
    let error = #expect(throws: MirageError.self) { try body() }
    return try #require(error)
  }

  @Test func otherNetworksAreRefused() throws {
    let directory = TemporaryDirectory()
    let configuration = ImageClassifier.Configuration(height: 8, width: 8, channels: 1, classes: ["a", "b"])
    var random = Random(key: Random.Key(seed: 1, path: "inception"), sample: 0)
    var other = Checkpoint()
    other.store(try ImageClassifier(configuration, using: &random))
    let path = directory.file("classifier.safetensors")
    try other.write(to: path)
    let classifier = try refusal { _ = try InceptionNetwork(reading: path) }
    #expect(classifier.kind == .badData && classifier.file == path)
    #expect(classifier.message.contains("not the weights of the Inception network"))
    #expect(classifier.message.contains("lack Conv2d_1a_3x3.conv.weight"))
    #expect(classifier.remedy?.contains("pt_inception-2015-12-05-6726825d.pth") == true)

    func changed(_ change: (inout [String: Tensor]) -> Void) throws -> String {
      var checkpoint = Self.checkpoint
      change(&checkpoint.tensors)
      let error = try refusal { _ = try InceptionNetwork(checkpoint) }
      #expect(error.kind == .badData && error.remedy?.contains("pytorch-fid") == true)
      return error.message
    }
    // torchvision's own weights are for 1000 classes.
    #expect(try changed { $0["fc.weight"] = .zeros([1000, 2048]) }.contains("fc.weight has shape [1000, 2048]"))
    #expect(try changed { $0["Mixed_7c.branch_pool.bn.running_var"] = nil }.contains("Mixed_7c.branch_pool.bn.running"))
    #expect(try changed { $0["Mixed_8a.conv.weight"] = .zeros([1]) }.contains("hold Mixed_8a.conv.weight"))
  }

  @Test func imagesOfOtherShapesAreMistakes() async throws {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      var checkpoint = Checkpoint()
      for (name, entry) in Golden().entries { checkpoint.tensors[name] = .zeros(entry.shape) }
      _ = try InceptionNetwork(checkpoint).features(.zeros([1, 8, 8, 4]))
    }
    let message = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
    #expect(message.contains("images of [1, 8, 8, 4]"), "\(message.prefix(300))")
  }
}

/// Tests/Golden/inception.json; README.md there says what the fields mean.
private struct Golden: Sendable {
  struct Entry: Decodable {
    let shape: [Int]
    let center, scale: Float
  }

  struct Case: Decodable {
    let name, image, features, logits, unbiased, probabilities: String
    let tolerance: Float

    /// Fails the test unless every element is within `tolerance` × (1 + |expected|).
    func expect(_ actual: Tensor, _ expected: [Float], _ what: String) {
      let error = zip(actual.values, expected).map { abs($0 - $1) / (1 + abs($1)) }.max() ?? .infinity
      #expect(actual.count == expected.count && error <= tolerance, "\(name), \(what): \(error)")
    }
  }

  private struct Lists: Decodable {
    let entries: [String: Entry]
    let cases: [Case]
  }

  private static let folder = repository + "/Tests/Golden/"
  private let arrays = try! SafeTensors(reading: folder + "inception.safetensors").tensors
  private let lists = try! JSONValue(parsing: try! InputFile.contents(of: folder + "inception.json"))
    .decoded(as: Lists.self)

  var entries: [String: Entry] { lists.entries }
  var cases: [Case] { lists.cases }

  func array(_ name: String) -> [Float] { arrays[name]!.values }

  /// Bytes as -1 ... 1, as a batch of one.
  func image(_ name: String) -> Tensor {
    Tensor(arrays[name]!.values.map { $0 * (2 / 255) - 1 }, shape: [1] + arrays[name]!.shape)
  }

  /// The weights by the rule of make_inception.py.
  var checkpoint: Checkpoint {
    var checkpoint = Checkpoint()
    for (name, entry) in entries {
      let start = name.utf8.reduce(2_166_136_261 as UInt32) { ($0 ^ UInt32($1)) &* 16_777_619 }
      let count = entry.shape.reduce(1, *)
      let values = [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
        for index in 0..<count {
          var x = UInt32(truncatingIfNeeded: index) &* 0x9E37_79B9 &+ start
          x = (x ^ (x >> 16)) &* 0x85EB_CA6B
          x = (x ^ (x >> 13)) &* 0xC2B2_AE35
          x ^= x >> 16
          buffer[index] = entry.center + entry.scale * (Float(x >> 8) * 0x1p-23 - 1)
        }
        initialized = count
      }
      checkpoint.tensors[name] = Tensor(values, shape: entry.shape)
    }
    return checkpoint
  }
}
