import MirageSupport
import MirageNetworks
import MirageTensors
import Testing

@Suite struct SpectralNormTests {
  private func layer(_ row: GoldenRow) -> any Layer {
    var random = generator("spectral norm")
    return switch row.text("layer") {
    case "linear": Linear(7, 5, isSpectral: true, using: &random)
    case "convolution": Conv2D(2, 4, kernel: [3], padding: [1], isSpectral: true, using: &random)
    default: ConvTranspose2D(3, 2, kernel: [4], stride: [2], padding: [1], isSpectral: true, using: &random)
    }
  }

  /// Three forwards in training and one in inference. The legacy variant iterates in the other order, so its u and v
  /// become others in training; what it has come to is read under its old names, and used.
  @Test(arguments: GoldenRow.all("spectral-norm")) func forwardsArePyTorchs(_ row: GoldenRow) throws {
    let layer = layer(row)
    let (inputs, names) = (row.state("inputs"), row.decoded("names") as [String: String])
    try layer.load(Dictionary(uniqueKeysWithValues: names.map { ($1, inputs[$0]!) }))
    let state = layer.state
    #expect(state["parametrizations.weight.original"]?.bits == inputs["weight"]!.bits)
    #expect(state["parametrizations.weight.0._u"]?.bits == inputs["u"]!.bits)
    if row.text("variant") == "legacy" {
      let trained = row.rows("forwards")[2]
      try layer.load([
        names["weight"]!: inputs["weight"]!, names["bias"]!: inputs["bias"]!, names["u"]!: trained.tensor("u"),
        names["v"]!: trained.tensor("v"),
      ])
      return row.expect(layer(inputs["x"]!, .inference), row.rows("forwards")[3].tensor("output"), "the output")
    }
    for (step, forward) in row.rows("forwards").enumerated() {
      let isTraining = forward.text("mode") == "training"
      let output = layer(inputs["x"]!, isTraining ? training() : .inference)
      row.expect(output, forward.tensor("output"), "output \(step)")
      row.expect(layer.state["parametrizations.weight.0._u"]!, forward.tensor("u"), "u \(step)")
      row.expect(layer.state["parametrizations.weight.0._v"]!, forward.tensor("v"), "v \(step)")
      guard isTraining else { continue }
      let weight = layer.parameters.first { $0.value.shape == inputs["weight"]!.shape }!
      let gradient = output.gradients(wrt: [weight.leaf], seed: forward.tensor("seed"))[0]
      row.expect(gradient, forward.tensor("gradient"), "gradient \(step)")
    }
  }

  /// Fifteen iterations at the beginning come near the greatest singular value.
  @Test func aNewLayersWeightHasSpectralNormOne() throws {
    var random = generator("new")
    let linear = Linear(12, 9, hasBias: false, isSpectral: true, initialized: .normal(1), using: &random)
    let identity = Tensor((0..<144).map { $0 % 13 == 0 ? 1 : 0 }, shape: [12, 12])
    let matrix = linear(identity, .inference).values.map { Double($0) }
    let greatest = try LinearAlgebra.singularValues(matrix, rows: 12, columns: 9).values[0]
    #expect(greatest > 0.999 && greatest < 1.05)
  }

  @Test func inferenceMovesNothing() {
    var random = generator("inference")
    let layer = Conv2D(3, 4, kernel: [3], isSpectral: true, using: &random)
    let before = layer.state.mapValues(\.bits)
    _ = layer(.ones([1, 5, 5, 3]), .inference)
    #expect(layer.state.mapValues(\.bits) == before)
    _ = layer(.ones([1, 5, 5, 3]), training())
    #expect(layer.state["parametrizations.weight.0._u"]!.bits != before["parametrizations.weight.0._u"])
  }
}
