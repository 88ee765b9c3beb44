import MirageSupport
import MirageNetworks
import MirageTensors
import Testing

@Suite struct InitializerTests {
  /// The rows that stand for one of ours: rectifiers' by their fan-in.
  private static func initializer(_ row: GoldenRow) -> Initializer? {
    let name = row.text("initializer")
    if name.hasPrefix("xavier-normal") { return .xavierNormal(gain: row.float("gain")) }
    if name.hasPrefix("xavier-uniform") { return .xavierUniform(gain: row.float("gain")) }
    if name.hasPrefix("default") { return .uniformFanIn }
    guard row.text("mode") == "fan-in", ["relu", "leaky-relu"].contains(row.text("activation")) else { return nil }
    return name.hasPrefix("kaiming-normal")
      ? .heNormal(slope: row.float("slope")) : .heUniform(slope: row.float("slope"))
  }

  static let rows = GoldenRow.all("initializers").filter { initializer($0) != nil }

  @Test func thereAreRows() { #expect(InitializerTests.rows.count == 40) }

  @Test(arguments: rows) func boundsAndDeviationsArePyTorchs(_ row: GoldenRow) throws {
    let initializer = try #require(InitializerTests.initializer(row))
    var random = generator(row.testDescription)
    let shape: [Int] = row.decoded("shape")
    var values: [Float] = []
    while values.count < 20_000 {
      values +=
        row.text("initializer") == "default-bias"
        ? initializer.bias(shape[0], weights: shape, using: &random).values
        : initializer.tensor(shape, using: &random).values
    }
    let n = Float(values.count)
    let mean = values.reduce(0, +) / n
    if row.has("bound") {
      let bound = row.float("bound")
      #expect(values.allSatisfy { abs($0) <= bound } && values.max()! > 0.999 * bound && values.min()! < -0.999 * bound)
      #expect(abs(mean) < 5 * bound / (3 * n).squareRoot())
    } else {
      let deviation = row.float("deviation")
      let found = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / n).squareRoot()
      #expect(abs(mean) < 5 * deviation / n.squareRoot() && abs(found / deviation - 1) < 5 / (2 * n).squareRoot())
      #expect(values.max()! > 3 * deviation)  // not a uniform one
    }
  }

  @Test func onlyPyTorchsInitializerHasBiases() {
    var random = generator("bias")
    for initializer: Initializer in [.normal(), .xavierUniform(), .heNormal(), .orthogonal()] {
      #expect(initializer.bias(5, weights: [5, 3], using: &random).values == [0, 0, 0, 0, 0])
    }
  }

  @Test(arguments: [[4, 4], [3, 7], [7, 3], [6, 2, 3, 3], [16, 1, 2, 2], [1, 5]])
  func orthogonalRowsOrColumnsAreOrthonormal(shape: [Int]) {
    var random = generator("orthogonal")
    let matrix = Initializer.orthogonal(gain: 2).tensor(shape, using: &random).reshaped([shape[0], -1])
    let isTall = matrix.shape[0] > matrix.shape[1]
    let squares = matmul(matrix, matrix, transposeA: isTall, transposeB: !isTall)
    let size = squares.shape[0]
    let expected = Tensor((0..<size * size).map { $0 % (size + 1) == 0 ? 4 : 0 }, shape: [size, size])
    #expect(distance(squares, expected) < 1e-5)
  }

  @Test func layersBeginAsTheyAreTold() {
    var random = generator("layers")
    let layers: [any Module] = [
      Linear(300, 40, initialized: .normal(0.02), using: &random),
      Conv2D(30, 40, kernel: [3], initialized: .normal(0.02), using: &random),
      Conv1D(30, 40, kernel: 9, initialized: .normal(0.02), using: &random),
      ConvTranspose2D(30, 40, kernel: [3], initialized: .normal(0.02), using: &random),
      ConvTranspose1D(30, 40, kernel: 9, initialized: .normal(0.02), using: &random),
    ]
    for layer in layers {
      let weight = layer.state["weight"]!
      #expect(abs(weight.variance().scalar.squareRoot() - 0.02) < 0.001)
      #expect(layer.state["bias"]!.values.allSatisfy { $0 == 0 })
    }
  }
}
