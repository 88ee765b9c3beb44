import MirageSupport
import MirageNetworks
import MirageTensors
import Testing

private struct Names: StateVisitor {
  var names: [String] = []
  var prefix = ""
  mutating func visit(_ parameter: Parameter, _ name: String) { names.append(prefix + name) }
  mutating func visit(_ buffer: Buffer, _ name: String) {}
  mutating func visit(_ module: any Module, _ name: String) {
    let outer = prefix
    prefix += name + "."
    module.visit(&self)
    prefix = outer
  }
}

@Suite struct LayerTests {
  @Test(arguments: GoldenRow.all("layers")) func valuesAndGradientsArePyTorchs(_ row: GoldenRow) throws {
    let inputs = row.state("inputs")
    let x = inputs["x"]!.tracked()
    var random = generator("layers")
    let output: Tensor
    var leaves = ["x": x]
    switch row.text("layer") {
    case "self-attention":
      let layer = SelfAttention(16, using: &random)
      // query_weight is query.weight.
      try layer.load(inputs.filter { $0.key != "x" }.mapKeys { $0.replacing("_", with: ".") })
      for (name, leaf) in zip(order(layer), layer.parameters.map(\.leaf)) {
        leaves[name.replacing(".", with: "_")] = leaf
      }
      output = layer(x, training())
    case "minibatch-deviation" where row.integer("features") == 1:
      output = MinibatchStandardDeviation(groupSize: row.integer("group"))(x, training())
    case "conditional-batch-norm":
      let layer = ConditionalBatchNorm(4, classes: 3)
      var state = layer.state
      state["embed.weight"] = concatenated([inputs["scale"]!, inputs["offset"]!], axis: 1)
      try layer.load(state)
      output = layer(x, row.decoded("labels"), training())
      let leaf = layer.parameters[0].leaf
      let gradient = output.gradients(wrt: [leaf], seed: row.tensor("seed"))[0]
      let gradients = row.inner("gradients")
      row.expect(gradient.sliced(axis: 1, 0..<4), gradients.tensor("scale"), "the gradient of the scale")
      row.expect(gradient.sliced(axis: 1, 4..<8), gradients.tensor("offset"), "the gradient of the offset")
    default: return  // two features, pixel norm and projection have no counterpart
    }
    row.expect(output, row.tensor("output"), "the output")
    for (name, leaf) in leaves {
      let gradient = output.gradients(wrt: [leaf], seed: row.tensor("seed"))[0]
      row.expect(gradient, row.inner("gradients").tensor(name), "the gradient of \(name)")
    }
  }

  /// The names of a module's parameters in the order of their visit.
  private func order(_ module: some Module) -> [String] {
    var names = Names()
    module.visit(&names)
    return names.names
  }

  @Test func aNewSelfAttentionIsTheIdentity() {
    var random = generator("attention")
    let x = Tensor.normal([2, 3, 4, 8], using: &random)
    #expect(SelfAttention(8, using: &random)(x, .inference).values == x.values)
  }

  @Test func aBatchThatIsNoMultipleOfTheGroupIsOneGroup() {
    var random = generator("minibatch")
    let x = Tensor.normal([5, 2, 2, 3], using: &random)
    let output = MinibatchStandardDeviation(groupSize: 4)(x, .inference)
    #expect(output.shape == [5, 2, 2, 4])
    let deviation = (x.variance(axes: [0]) + 1e-8).sqrt().mean().scalar
    #expect(output.sliced(axis: 3, 3..<4).values.allSatisfy { abs($0 - deviation) < 1e-6 })
    #expect(output.sliced(axis: 3, 0..<3).values == x.values)
  }

  // Pixels at (h, w) of channel c hold 100 c + 10 h + w; H ≠ W.

  @Test func flattenHasPyTorchsOrder() {
    func pixel(_ h: Int, _ w: Int, _ c: Int) -> Float { Float(100 * c + 10 * h + w) }
    let x = Tensor((0..<24).map { pixel($0 / 8, $0 / 2 % 4, $0 % 2) }, shape: [1, 3, 4, 2])
    let expected = (0..<24).map { pixel($0 / 4 % 3, $0 % 4, $0 / 12) }
    #expect(Flatten()(x, .inference).values == expected)
    let unflattened = Unflatten(channels: 2, sizes: [3, 4])(Tensor(expected, shape: [1, 24]), .inference)
    #expect(unflattened.shape == x.shape && unflattened.values == x.values)
  }

  @Test func flattenOfSequencesAndVectors() {
    let x = Tensor((0..<12).map { Float($0) }, shape: [2, 3, 2])  // N L C
    #expect(Flatten()(x, .inference).values == [0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11])
    #expect(Unflatten(channels: 2, sizes: [3])(Flatten()(x, .inference), .inference).values == x.values)
    #expect(Flatten()(Tensor.ones([2, 3]), .inference).shape == [2, 3])
  }

  @Test func convolutionsHaveTheirSettings() {
    var random = generator("settings")
    let image = Tensor.normal([2, 9, 8, 4], using: &random)
    let conv = Conv2D(
      4, 6, kernel: [3, 2], stride: [2, 1], padding: [1, 0], dilation: [1, 2], groups: 2, using: &random)
    let state = conv.state
    #expect(conv.state["weight"]!.shape == [6, 2, 3, 2])
    let expected = image.convolved(
      with: state["weight"]!, bias: state["bias"]!, stride: [2, 1], padding: [1, 0], dilation: [1, 2], groups: 2)
    #expect(conv(image, .inference).bits == expected.bits)
    let transposed = ConvTranspose2D(
      4, 6, kernel: [4], stride: [2], padding: [1], outputPadding: [1], groups: 2, using: &random)
    #expect(
      transposed.state["weight"]!.shape == [4, 3, 4, 4] && transposed(image, .inference).shape == [2, 19, 17, 6])
    let sequence = Tensor.normal([2, 9, 4], using: &random)
    let one = Conv1D(4, 6, kernel: 5, stride: 2, padding: 2, hasBias: false, using: &random)
    #expect(one.state.keys.sorted() == ["weight"] && one(sequence, .inference).shape == [2, 5, 6])
    let back = ConvTranspose1D(4, 6, kernel: 25, stride: 4, padding: 11, outputPadding: 1, using: &random)
    #expect(back(sequence, .inference).shape == [2, 36, 6])  // WaveGAN's
  }

  @Test func embeddingsAreRowsAndTheirGradientsAddUp() {
    var random = generator("embedding")
    let embedding = Embedding(4, 3, using: &random)
    let rows = embedding([2, 0, 2], training())
    let table = embedding.state["weight"]!.values
    #expect(rows.values == Array(table[6..<9] + table[0..<3] + table[6..<9]))
    #expect(embedding.gradients(of: rows.sum())[0].values == [1, 1, 1, 0, 0, 0, 2, 2, 2, 0, 0, 0])
  }

  @Test func dropoutKeepsTheMean() {
    let x = Tensor.ones([100_000])
    let kept = Dropout(0.3)(x, training("dropout")).values
    #expect(Set(kept) == [0, 1 / (1 - 0.3)])
    let zeros = Double(kept.count { $0 == 0 })
    #expect(abs(zeros - 30_000) < 5 * (100_000 * 0.3 * 0.7).squareRoot())
    #expect(abs(kept.reduce(0, +) / 100_000 - 1) < 0.02)
  }

  @Test func dropoutIsDeterminedByItsStream() {
    let x = Tensor.ones([64])
    let network = Sequential([Dropout(0.5), Dropout(0.5)])
    #expect(network(x, training("a")).values == network(x, training("a")).values)
    #expect(network(x, training("a")).values != network(x, training("b")).values)
    // Both layers drop, by streams of their own.
    #expect(Set(network(x, training("a")).values) == [0, 4])
    let quarter = network(Tensor.ones([100_000]), training("a")).values.count { $0 != 0 }
    #expect(abs(quarter - 25_000) < 700)
  }

  @Test func dropoutIsOffInInferenceAndMasksGradients() {
    let x = Tensor.ones([64]).tracked()
    #expect(Dropout(0.5)(x, .inference).bits == x.bits && Dropout(0)(x, training()).bits == x.bits)
    let y = Dropout(0.5)(x, training())
    #expect(y.gradients(wrt: [x])[0].values == y.values)  // 0 or 2 for both
  }

  @Test func parametersAreRecordedInTrainingOnly() {
    var random = generator("recorded")
    let network = Sequential([
      Conv2D(3, 8, kernel: [3], isSpectral: true, using: &random), BatchNorm(8), Activation.relu,
      SelfAttention(8, using: &random),
      Flatten(), Linear(72, 2, using: &random),
    ])
    let before = recordedOperations
    let output = network(.ones([2, 5, 5, 3]), .inference)
    #expect(!output.isTracked && recordedOperations == before)
    #expect(network(.ones([2, 5, 5, 3]), training()).isTracked)
  }
}

extension Dictionary {
  /// The same values under other keys.
  fileprivate func mapKeys<Other: Hashable>(_ transform: (Key) -> Other) -> [Other: Value] {
    Dictionary<Other, Value>(uniqueKeysWithValues: map { (transform($0.key), $0.value) })
  }
}
