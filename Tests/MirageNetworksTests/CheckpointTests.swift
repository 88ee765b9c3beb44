import MirageSupport
import MirageNetworks
import MirageTensors
import TestSupport
import Testing

@Suite struct CheckpointTests {
  let directory = TemporaryDirectory()

  private func random(_ seed: UInt64 = 1) -> Random { Random(key: Random.Key(seed: seed, path: "test"), sample: 0) }

  /// The error that `body` throws, which must be one of ours.
  private func failure(_ body: () throws -> Void) throws -> MirageError {
    do {
      try body()
    } catch {
      return try #require(error as? MirageError)
    }
    throw MirageError.badData("no error was thrown")
  }

  // MARK: Resuming

  @Test(arguments: Method.allCases) func resumesBitForBit(_ method: Method) throws {
    var whole = SmallTraining(method, seed: 1)
    let losses = whole.train(10)
    #expect(losses.allSatisfy(\.isFinite) && Set(losses).count == 20)
    let expected = whole.checkpoint()

    var first = SmallTraining(method, seed: 1)
    #expect(first.train(5) == Array(losses.prefix(10)))
    let halfway = first.checkpoint()
    let bits = halfway.tensors.bits
    #expect(first.train(5) == Array(losses.suffix(10)))
    #expect(halfway.tensors.bits == bits, "the snapshot changed with the training that followed")
    let path = directory.file("halfway.safetensors")
    try halfway.write(to: path)

    let saved = try Checkpoint(reading: path)
    #expect(saved.tensors.bits == bits && saved.metadata == halfway.metadata && saved.path == path)
    var second = SmallTraining(method, seed: 2)
    try second.restore(saved)
    #expect(second.train(5) == Array(losses.suffix(10)))
    let found = second.checkpoint()
    #expect(found.metadata == expected.metadata)
    #expect(found.tensors.bits == expected.tensors.bits)
    #expect(second.train(1) == whole.train(1))
  }

  /// Without any one part, training goes on differently: so the test above sees each of them.
  @Test(arguments: SmallTraining.Part.allCases) func needsEveryPart(_ part: SmallTraining.Part) throws {
    var whole = SmallTraining(.adam, seed: 1)
    _ = whole.train(5)
    let saved = whole.checkpoint()
    _ = whole.train(2)
    var resumed = SmallTraining(.adam, seed: 2)
    try resumed.restore(saved, without: part)
    _ = resumed.train(2)
    let (one, other) = (resumed.checkpoint(), whole.checkpoint())
    #expect(one.tensors.bits != other.tensors.bits)
  }

  @Test func averagesServeForSampling() throws {
    var training = SmallTraining(.sgd, seed: 1)
    _ = training.train(3)
    let other = SmallTraining(.sgd, seed: 2).generator
    try training.checkpoint().restore(other, fromAverage: "generator")
    #expect(other.state.bits == training.average.state.bits)
    #expect(other.state.bits != training.generator.state.bits)
  }

  // MARK: What is in the file

  @Test func singleModelsHaveNoPrefix() throws {
    var random = random()
    let network = smallDiscriminator(&random)
    var optimizer: any Optimizer = Adam(learningRate: 0.1)
    optimizer.step(network.parameters, network.parameters.map { $0.value })
    var checkpoint = Checkpoint()
    checkpoint.store(network)
    checkpoint.store(optimizer: optimizer, as: "network")
    checkpoint.store(average: MovingAverage(of: network), as: "network")
    checkpoint.store(random: random, as: "network")
    checkpoint.metadata["classes"] = #"["Grüße", "a\nb"]"#
    try checkpoint.write(to: directory.file("a.safetensors"))

    let stored = try SafeTensors(reading: directory.file("a.safetensors"))
    let own = stored.tensors.filter { !$0.key.hasPrefix("__") }
    #expect(own == network.state.mapValues { StoredTensor($0) })
    #expect(stored.tensors["__optimizer.network.first_moment.0"]?.shape == [6, 2, 3, 3])
    #expect(stored.tensors["__ema.network.1.running_var"]?.shape == [6])
    #expect(stored.metadata == checkpoint.metadata)
    #expect(stored.metadata["__optimizer.network"] == "adam")

    // The weights alone.
    let fresh = smallDiscriminator(&random)
    #expect(fresh.state.bits != network.state.bits)
    try Checkpoint(reading: directory.file("a.safetensors")).restore(fresh)
    #expect(fresh.state.bits == network.state.bits)
  }

  /// What was stored under a name before leaves nothing behind.
  @Test func storesAnew() throws {
    var random = random()
    let network = smallDiscriminator(&random)
    var optimizer: any Optimizer = Adam(learningRate: 0.1)
    optimizer.step(network.parameters, network.parameters.map { $0.value })
    var checkpoint = Checkpoint()
    checkpoint.store(network, as: "network")
    checkpoint.store(optimizer: optimizer, as: "network")
    checkpoint.store(Linear(2, 3, using: &random), as: "network")
    checkpoint.store(optimizer: SGD(learningRate: 1), as: "network")
    #expect(checkpoint.tensors.keys.sorted() == ["network.bias", "network.weight"])
    #expect(checkpoint.metadata == ["__optimizer.network": "sgd"])
    checkpoint.store(Linear(2, 3, using: &random))
    #expect(checkpoint.tensors.keys.sorted() == ["bias", "weight"])
  }

  @Test func writesOverTheFileBefore() throws {
    var training = SmallTraining(.momentum, seed: 1)
    let (path, other) = (directory.file("a.safetensors"), directory.file("b.safetensors"))
    _ = training.train(1)
    try training.checkpoint().write(to: path)
    _ = training.train(1)
    try training.checkpoint().write(to: path)
    try training.checkpoint().write(to: other)
    #expect(try InputFile.contents(of: path) == InputFile.contents(of: other))
    #expect(try directoryEntries(directory.path).sorted() == ["a.safetensors", "b.safetensors"])
    #expect(try Checkpoint(reading: path).step() == 2)
  }

  @Test func whatCannotBeWrittenLeavesTheOldFile() throws {
    var training = SmallTraining(.sgd, seed: 1)
    let path = directory.file("models/a.safetensors")
    try makeDirectories(directory.file("models"))
    try training.checkpoint().write(to: path)
    let before = try InputFile.contents(of: path)
    _ = training.train(1)
    let checkpoint = training.checkpoint()
    // Nothing can be made at the temporary name; permissions would not stop root.
    try makeDirectories(path + ".tmp")
    #expect(try failure { try checkpoint.write(to: path) }.kind == .cannotCreate)
    #expect(try InputFile.contents(of: path) == before)
    #expect(try Checkpoint(reading: path).step() == 0)
    let nowhere = try failure { try checkpoint.write(to: directory.file("none/a.safetensors")) }
    #expect(nowhere.kind == .cannotCreate && nowhere.description.contains("none/a.safetensors"))
  }

  // MARK: What does not fit

  @Test func anotherArchitectureChangesNothing() throws {
    var random = random()
    var checkpoint = Checkpoint()
    checkpoint.store(smallDiscriminator(&random), as: "discriminator")
    checkpoint.store(SmallGenerator(&random), as: "generator")
    let path = directory.file("a.safetensors")
    try checkpoint.write(to: path)
    let saved = try Checkpoint(reading: path)

    let (wide, wideGenerator) = (smallDiscriminator(&random, channels: 7), SmallGenerator(&random, channels: 7))
    let (before, beforeGenerator) = (wide.state.bits, wideGenerator.state.bits)
    let shapes = try failure { try saved.restore(wide, from: "discriminator") }
    #expect(shapes.kind == .badData && shapes.file == path && shapes.place == "entry discriminator")
    #expect(
      shapes.message
        == "0.parametrizations.weight.original has shape [6, 2, 3, 3] in the weights and [7, 2, 3, 3] in the model")
    let crossed = try failure { try saved.restore(wideGenerator, from: "discriminator") }
    #expect(crossed.message == "the weights lack project.weight")
    #expect(try failure { try saved.restore(wide) }.message.hasPrefix("the weights lack 0."))
    let nobody = try failure { try saved.restore(wide, from: "critic") }
    #expect(nobody.message == "the checkpoint holds no weights of critic")
    #expect(nobody.remedy == "It holds discriminator, generator.")
    let average = try failure { try saved.restore(wide, fromAverage: "discriminator") }
    #expect(average.message == "the checkpoint holds no moving average discriminator" && average.file == path)
    #expect(wide.state.bits == before && wideGenerator.state.bits == beforeGenerator)

    var extra = saved
    extra.tensors["discriminator.9.weight"] = Tensor(1)
    let fits = smallDiscriminator(&random)
    let fitsBefore = fits.state.bits
    #expect(
      try failure { try extra.restore(fits, from: "discriminator") }.message
        == "the weights hold 9.weight, which the model does not have")
    #expect(fits.state.bits == fitsBefore)
  }

  @Test func otherOptimisersAreRefused() throws {
    var training = SmallTraining(.adam, seed: 1)
    _ = training.train(1)
    let path = directory.file("a.safetensors")
    try training.checkpoint().write(to: path)
    let saved = try Checkpoint(reading: path)
    let parameters = training.generator.parameters
    for method in Method.allCases where ![.adam, .adamW].contains(method) {
      var other = method.optimizer()
      let error = try failure { try saved.restore(optimizer: &other, for: parameters, from: "generator") }
      #expect(error.message == "the state is that of the optimizer adam, not of \(type(of: other).kind)")
      #expect(error.file == path && error.place == "entry __optimizer.generator")
      #expect(other.state.isEmpty)
    }
    var adam = Method.adam.optimizer()
    let crossed = try failure { try saved.restore(optimizer: &adam, for: parameters, from: "discriminator") }
    #expect(crossed.message.contains("first_moment.0") && crossed.file == path)
    let fewer = try failure {
      try saved.restore(optimizer: &adam, for: Array(parameters.dropLast()), from: "generator")
    }
    #expect(fewer.message == "the optimizer has no place for first_moment.\(parameters.count - 1)")
    let none = try failure { try saved.restore(optimizer: &adam, for: parameters, from: "critic") }
    #expect(none.message == "the checkpoint holds no state of an optimizer for critic")
    var stepless = saved
    stepless.tensors["__optimizer.generator.step"] = nil
    let error = try failure { try stepless.restore(optimizer: &adam, for: parameters, from: "generator") }
    #expect(
      error.message == "the optimizer's number of steps is missing" && error.place == "entry __optimizer.generator")
    #expect(adam.state.bits == Method.adam.optimizer().state.bits)
  }

  @Test func damagedPartsAreNamed() throws {
    var training = SmallTraining(.sgd, seed: 1)
    let saved = training.checkpoint()
    func message(_ change: (inout Checkpoint) -> Void) throws -> String {
      var copy = saved
      change(&copy)
      return try failure { try training.restore(copy) }.description
    }
    #expect(try message { $0.metadata["step"] = nil }.contains("entry step: the checkpoint holds no number of steps"))
    #expect(try message { $0.metadata["step"] = "-1" }.contains("entry step: -1 is not a whole number of at least 0"))
    #expect(
      try message { $0.metadata["__ema.generator"] = "x" }.contains("entry __ema.generator: x is not a whole number"))
    #expect(
      try message { $0.tensors["__ema.generator.project.bias"] = nil }
        .contains("entry __ema.generator: project.bias is missing, and has shape [48] in the model"))
    #expect(
      try message { $0.tensors["__ema.generator.project.bias"] = Tensor(1) }
        .contains("project.bias has shape [], and has shape [48] in the model"))
    #expect(
      try message { $0.tensors["__ema.generator.more"] = Tensor(1) }
        .contains("more has shape [], and is missing in the model"))
    #expect(try message { $0.metadata["__random.training"] = nil }.contains("holds no random generator training"))
    let noise = String(repeating: "?", count: 10_000)
    let long = try message { $0.metadata["__random.training"] = noise }
    #expect(long.contains("is not the state of a random generator") && long.utf8.count < 400)
    #expect(try failure { try training.restore(Checkpoint()) }.remedy == "It holds no tensors at all.")
  }

  @Test func truncatedAndDamagedFilesAreErrors() throws {
    let path = directory.file("a.safetensors")
    try SmallTraining(.momentum, seed: 1).checkpoint().write(to: path)
    let bytes = try InputFile.contents(of: path)
    let archive = try InputFile.contents(of: golden + "layers.pth")
    for (bytes, name) in [(bytes, "cut.safetensors"), (archive, "cut.pth")] {
      for length in [0, 1, 7, 8, 9, 100, bytes.count / 2, bytes.count - 1] {
        let cut = try directory.write(name, bytes.prefix(length))
        let error = try failure { _ = try Checkpoint(reading: cut) }
        #expect(error.kind == .badData && error.file == cut, "\(length) bytes of \(name)")
      }
    }
    var damaged = bytes
    damaged[20] = 0
    let file = try directory.write("damaged.safetensors", damaged)
    #expect(try failure { _ = try Checkpoint(reading: file) }.file == file)
    #expect(try failure { _ = try Checkpoint(reading: directory.file("none")) }.kind == .missingInput)
  }

  @Test func saysWhichFieldDiffers() throws {
    var checkpoint = Checkpoint()
    checkpoint.metadata = [
      "architecture": "conditional-gan",
      "configuration": #"{"latent": 64, "generator": {"channels": [64, 32], "rate": 0.5}}"#,
    ]
    try checkpoint.write(to: directory.file("a.safetensors"))
    let saved = try Checkpoint(reading: directory.file("a.safetensors"))
    let same = #"{"generator":{"rate":0.5,"channels":[64,32]},"latent":64}"#
    try saved.expect(["architecture": "conditional-gan", "configuration": same])
    func message(_ fields: [String: String]) throws -> String {
      let error = try failure { try saved.expect(fields) }
      #expect(error.file == saved.path && error.remedy != nil)
      return error.message
    }
    #expect(
      try message(["architecture": "cyclegan", "configuration": same])
        == "architecture is conditional-gan in the checkpoint and cyclegan here")
    #expect(
      try message(["configuration": #"{"generator":{"rate":0.5,"channels":[64,16]},"latent":64}"#])
        == "configuration.generator.channels is [64,32] in the checkpoint and [64,16] here")
    #expect(
      try message(["configuration": #"{"generator":{"channels":[64,32]},"latent":64}"#])
        == "configuration.generator.rate is 0.5 in the checkpoint and missing here")
    #expect(try message(["configuration": "large"]).hasPrefix(#"configuration is {"generator": "#))
    #expect(try message(["classes": "[]"]) == "the checkpoint has no classes, which should be []")
  }

  // MARK: PyTorch's

  /// Tests/Golden/make_checkpoints.py.
  private let golden = repository + "/Tests/Golden/checkpoints/"

  @Test(arguments: ["layers.pth", "layers.safetensors"]) func giveWhatPyTorchGives(_ name: String) throws {
    let cases = try Checkpoint(reading: golden + "layers-cases.safetensors").tensors
    func tensor(_ name: String) throws -> Tensor { try #require(cases[name]) }
    let (image, sequence) = (try tensor("image"), try tensor("sequence"))
    let labels = try tensor("labels").values.map { Int($0) }
    func expect(_ found: Tensor, _ expected: Tensor) {
      #expect(found.shape == expected.shape)
      let difference = zip(found.values, expected.values).map { abs($0 - $1) }.max() ?? .infinity
      #expect(difference < 1e-4)
    }
    var random = random()
    let network = Layers(&random)
    let saved = try Checkpoint(reading: golden + name)
    try saved.restore(network)
    expect(network(image, sequence, labels), try tensor("output"))
    // A part of it.
    let features = Layers(&random).features
    try saved.restore(features, from: "features")
    expect(features(image, .inference), try tensor("features"))
    // Written by us, with current names, and read again.
    var copy = Checkpoint()
    copy.store(network)
    try copy.write(to: directory.file("copy.safetensors"))
    let again = Layers(&random)
    try Checkpoint(reading: directory.file("copy.safetensors")).restore(again)
    expect(again(image, sequence, labels), try tensor("output"))
  }

  @Test func sequentialsLoadByName() throws {
    var random = random()
    let network = Sequential([
      Conv2D(1, 2, kernel: [2, 3], using: &random), BatchNorm(2), Flatten(),
      Linear(8, 2, hasBias: false, using: &random),
    ])
    try Checkpoint(reading: golden + "model.pth").restore(network)
    let model = network.state.bits
    try Checkpoint(reading: golden + "model-4.pth").restore(network)
    #expect(network.state.bits == model)
    // The model within a checkpoint of training, which has an optimizer beside it.
    try Checkpoint(reading: golden + "training.pth").restore(network, from: "model")
    #expect(network.state.bits == model)
    #expect(
      try failure { try Checkpoint(reading: golden + "training.pth").restore(network) }.file == golden + "training.pth")
  }

  /// Tensors of every type, without elements and without axes.
  @Test(arguments: ["types.pth", "types.safetensors"]) func keepsAnyTensor(_ name: String) throws {
    let read = try Checkpoint(reading: golden + name)
    try read.write(to: directory.file("copy"))
    let copy = try Checkpoint(reading: directory.file("copy"))
    #expect(copy.tensors.bits == read.tensors.bits && copy.metadata == read.metadata)
    #expect(copy.tensors["empty-rows"]?.shape == [2, 0, 3] && copy.tensors["scalar"]?.scalar == 7)
  }
}

/// A network of every kind of layer, as Tests/Golden/make_checkpoints.py has it.
private final class Layers: Module {
  let features, sequence: Sequential
  private let embedding: Embedding

  init(_ random: inout Random) {
    features = Sequential([
      Conv2D(2, 4, kernel: [3, 2], stride: [2, 1], padding: [1, 0], using: &random), BatchNorm(4),
      Activation.leakyReLU(0.2),
      ConvTranspose2D(
        4, 6, kernel: [3, 4], stride: [2, 3], padding: [1], outputPadding: [0, 2], using: &random),
      InstanceNorm(6, isAffine: true), Activation.relu,
      Conv2D(6, 4, kernel: [3], dilation: [1, 2], groups: 2, isSpectral: true, using: &random),
      ConvTranspose2D(4, 3, kernel: [2], isSpectral: true, using: &random), Activation.tanh, Flatten(),
      Linear(3 * 4 * 16, 10, isSpectral: true, using: &random), LayerNorm([10]),
    ])
    sequence = Sequential([
      Conv1D(3, 8, kernel: 5, stride: 2, padding: 2, isSpectral: true, using: &random), Activation.silu,
      ConvTranspose1D(8, 2, kernel: 4, stride: 2, padding: 1, outputPadding: 1, using: &random), Flatten(),
      Linear(2 * 13, 10, hasBias: false, isSpectral: true, using: &random),
    ])
    embedding = Embedding(5, 10, using: &random)
  }

  func callAsFunction(_ image: Tensor, _ sequence: Tensor, _ labels: [Int]) -> Tensor {
    features(image, .inference) + embedding(labels, .inference) * self.sequence(sequence, .inference)
  }

  func visit(_ visitor: inout some StateVisitor) {
    visitor.visit(features, "features")
    visitor.visit(sequence, "sequence")
    visitor.visit(embedding, "embedding")
  }
}
