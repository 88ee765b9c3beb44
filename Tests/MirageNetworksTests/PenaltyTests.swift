import MirageSupport
import MirageNetworks
import MirageTensors
import Testing

/// Penalties on a critic's gradient: gradients of gradients.
@Suite struct PenaltyTests {
  /// γ / 2 · E |∇ critic|² (Mescheder et al. 2018).
  private func r1(_ critic: Tensor, _ x: Tensor, gamma: Float) -> Tensor {
    let gradient = critic.sum().gradients(wrt: [x], differentiable: true)[0]
    return gradient.square().sum() * (gamma / 2 / Float(x.shape[0]))
  }

  /// λ · E (|∇ critic| - 1)² (Gulrajani et al. 2017).
  private func wassersteinPenalty(_ critic: Tensor, _ x: Tensor, weight: Float) -> Tensor {
    let gradient = critic.sum().gradients(wrt: [x], differentiable: true)[0]
    let lengths = gradient.square().sum(axes: Array(1..<x.rank)).sqrt()
    return (lengths - 1).square().mean() * weight
  }

  private func penalty(_ name: String, _ critic: Tensor, _ x: Tensor) -> Tensor {
    name == "r1" ? r1(critic, x, gamma: 10) : wassersteinPenalty(critic, x, weight: 10)
  }

  @Test(arguments: GoldenRow.all("penalties")) func valueAndGradientsArePyTorchs(_ row: GoldenRow) {
    let inputs = row.state("inputs")
    let names = ["x", "weight", "bias", "linear"]
    let leaves = names.map { inputs[$0]!.tracked() }
    let hidden = leaves[0].convolved(with: leaves[1], bias: leaves[2], padding: [1]).leakyReLU(0.2).tanh()
    let found = penalty(
      row.testDescription, matmul(Flatten()(hidden, .inference), leaves[3], transposeB: true), leaves[0])
    row.expect(found, row.tensor("output"), "the penalty")
    for (name, gradient) in zip(names, found.gradients(wrt: leaves)) {
      row.expect(gradient, row.inner("gradients").tensor(name), "the gradient of \(name)")
    }
  }

  /// Critics of every layer that WGAN-GP and R1 are used with. Biases far from 0 keep rectifiers away from their kinks,
  /// where differences mean nothing.
  private func critic(_ kind: String, _ random: inout Random) -> Sequential {
    let initializer = Initializer.normal(0.15)
    switch kind {
    case "convolution":
      return Sequential([
        Conv2D(2, 4, kernel: [3], stride: [2], padding: [1], initialized: initializer, using: &random),
        Activation.leakyReLU(0.2), Activation.tanh, Flatten(), Linear(24, 1, using: &random),
      ])
    case "transposed convolution":
      return Sequential([
        ConvTranspose2D(2, 3, kernel: [4], stride: [2], padding: [1], initialized: initializer, using: &random),
        Activation.leakyReLU(0.2), Activation.tanh, AveragePool(size: [2]), Flatten(), Linear(60, 1, using: &random),
      ])
    case "layer norm":
      return Sequential([
        Conv2D(2, 4, kernel: [3], padding: [1], initialized: initializer, using: &random), LayerNorm([5, 4, 4]),
        Activation.silu, Flatten(), Linear(80, 1, using: &random),
      ])
    case "instance norm":
      return Sequential([
        Conv2D(2, 4, kernel: [3], padding: [1], initialized: initializer, using: &random),
        InstanceNorm(4, isAffine: true), Activation.leakyReLU(0.2), Activation.tanh, Flatten(),
        Linear(80, 1, using: &random),
      ])
    default:
      return Sequential([
        Conv2D(2, 4, kernel: [4], stride: [2], padding: [1], isSpectral: true, using: &random), Activation.softplus,
        Flatten(), Linear(16, 1, isSpectral: true, using: &random),
      ])
    }
  }

  @Test(
    arguments: ["convolution", "transposed convolution", "layer norm", "instance norm", "spectral norm"],
    ["r1", "wgan-gp"])
  func gradientIsTheLimitOfDifferences(kind: String, name: String) {
    var random = generator(kind)
    let network = critic(kind, &random)
    for (index, parameter) in network.parameters.enumerated() where parameter.value.rank == 1 && index < 4 {
      // Offsets behind an instance norm of 20 numbers: |x̂| ≤ √19.
      let far = Tensor((0..<parameter.value.count).map { $0 % 2 == 0 ? 5 : -5 }, shape: parameter.value.shape)
      if kind != "layer norm" && (kind != "instance norm" || index == 3) { parameter.value = parameter.value + far }
    }
    // In inference, as spectral vectors move in training. Its parameters are plain there: track the input alone, and
    // take gradients with respect to parameters in a training that moves nothing.
    let isSpectral = kind == "spectral norm"
    let start = Tensor.uniform([2, 5, 4, 2], in: -1...1, using: &random)
    let direction = Tensor.uniform(start.shape, in: -1...1, using: &random)
    let directions = network.parameters.map { Tensor.uniform($0.value.shape, in: -1...1, using: &random) * 0.3 }
    let values = network.parameters.map(\.value)
    func place(_ step: Float) -> (x: Tensor, mode: Mode) {
      if !isSpectral {
        for (index, parameter) in network.parameters.enumerated() {
          parameter.value = values[index] + directions[index] * step
        }
      }
      return ((start + direction * step).tracked(), isSpectral ? .inference : training())
    }
    func value(_ step: Float) -> Double {
      let (x, mode) = place(step)
      return Double(penalty(name, network(x, mode), x).scalar)
    }
    let h: Float = 1 / 32
    let expected = (8 * (value(h) - value(-h)) - (value(2 * h) - value(-2 * h))) / (12 * Double(h))
    let (x, mode) = place(0)
    let found = penalty(name, network(x, mode), x)
    let targets = [x] + (isSpectral ? [] : network.parameters.map(\.leaf))
    let slopes = zip(found.gradients(wrt: targets), [direction] + directions).map { Double(($0 * $1).sum().scalar) }
    #expect(abs(slopes.reduce(0, +) - expected) < 1e-3 * (0.01 + Double(found.scalar) + abs(expected)))
    #expect(abs(expected) > 1e-4)  // there is something to compare
  }
}
