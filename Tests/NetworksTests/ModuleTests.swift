import Foundations
import Networks
import Tensors
import Testing

@Suite struct ModuleTests {
  @Test func statesHavePyTorchsNames() {
    var random = Random(key: Random.Key(seed: 1, path: "test"), sample: 0)
    let network = Sequential([
      Conv2D(3, 8, kernel: [3], using: &random), BatchNorm(8), Activation.relu, Flatten(),
      Linear(8, 2, isSpectral: true, using: &random),
    ])
    #expect(
      network.state.keys.sorted() == [
        "0.bias", "0.weight", "1.bias", "1.num_batches_tracked", "1.running_mean", "1.running_var", "1.weight",
        "4.bias", "4.parametrizations.weight.0._u", "4.parametrizations.weight.0._v",
        "4.parametrizations.weight.original",
      ])
  }
}
