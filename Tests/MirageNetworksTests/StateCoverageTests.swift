import MirageNetworks
import MirageSupport
import MirageTensors
import NetworksTestSupport
import Testing

/// Returns whether `visit` shows every parameter and buffer that a layer stores.
@Suite struct StateCoverageTests {
  /// Each layer with state, with and without what is optional in it.
  static func layers() -> [any Module] {
    var random = generator("coverage")
    var layers: [any Module] = [
      BatchNorm(4), ConditionalBatchNorm(4, classes: 3), InstanceNorm(4), InstanceNorm(4, isAffine: true),
      LayerNorm([4]),
    ]
    for isSpectral in [false, true] {
      layers += [
        Embedding(3, 4, isSpectral: isSpectral, using: &random),
        SelfAttention(8, isSpectral: isSpectral, using: &random),
      ]
      for hasBias in [false, true] {
        layers +=
          [
            Linear(4, 2, hasBias: hasBias, isSpectral: isSpectral, using: &random),
            Conv2D(4, 2, kernel: [3], hasBias: hasBias, isSpectral: isSpectral, using: &random),
            Conv1D(4, 2, kernel: 3, hasBias: hasBias, isSpectral: isSpectral, using: &random),
            ConvTranspose2D(4, 2, kernel: [3], hasBias: hasBias, isSpectral: isSpectral, using: &random),
            ConvTranspose1D(4, 2, kernel: 3, hasBias: hasBias, isSpectral: isSpectral, using: &random),
          ] as [any Module]
      }
    }
    let block = Sequential([Conv2D(4, 4, kernel: [1], using: &random), BatchNorm(4), Activation.relu])
    layers += [ResidualBlock(block, shortcut: Conv2D(4, 4, kernel: [1], using: &random)), ResidualBlock(block)]
    return layers
  }

  @Test func layersShowAllTheirState() throws {
    var types: Set<String> = []
    for layer in Self.layers() {
      let coverage = StateCoverage(layer)
      #expect(coverage.forgotten.isEmpty)
      #expect(coverage.repeated.isEmpty)
      types.formUnion(coverage.types)
    }
    #expect(try modules(declaredIn: "MirageNetworks").subtracting(types) == [], "these have no case here")
  }

  // MARK: Whether a forgotten one is found

  private class Base: Module {
    let inherited = Buffer(.zeros([1]))
    func visit(_ visitor: inout some StateVisitor) {}
  }

  private final class Forgetful: Base {
    enum Choice { case none, some(Parameter) }

    let shown = Parameter(.zeros([1]))
    let plain = Parameter(.zeros([1]))
    let optional: Parameter? = Parameter(.zeros([1]))
    let list: [any Module]
    let table = ["key": (1, Parameter(.zeros([1])))]
    let choice = Choice.some(Parameter(.zeros([1])))

    override init() {
      var random = generator("forgetful")
      list = [Linear(1, 1, hasBias: false, using: &random)]
    }

    override func visit(_ visitor: inout some StateVisitor) {
      visitor.visit(shown, "shown")
      visitor.visit(shown, "again")
    }
  }

  @Test func whatIsForgottenIsFound() {
    let coverage = StateCoverage(Forgetful())
    #expect(coverage.count == 7)
    #expect(
      // An optional shows its value under a name of its own or, in release builds, as it is.
      coverage.forgotten.map { $0.replacing("optional.some", with: "optional") }.sorted() == [
        "Forgetful.choice.some", "Forgetful.inherited", "Forgetful.list.0.parameters.weight.parameter",
        "Forgetful.optional", "Forgetful.plain", "Forgetful.table.0.value.1",
      ])
    #expect(coverage.repeated == ["again"])
  }
}
