import MirageAdversarial
import MirageNetworks
import MirageSupport
import MirageTensors
import Testing

@Suite struct FamilyTests {
  @Test func familiesHaveTheirNames() throws {
    #expect(GANModel.Network.allCases.map(\.rawValue) == ["fully-connected", "dcgan", "residual"])
    #expect(GANModel.Network.allCases == [.fullyConnected, .dcgan, .residual])
    for network in GANModel.Network.allCases {
      #expect(try JSONValue(encoding: [network]) == .array([.string(network.rawValue)]))
      #expect(try JSONValue.array([.string(network.rawValue)]).decoded(as: [GANModel.Network].self) == [network])
    }
  }

  @Test func anUnknownNameIsAnError() throws {
    #expect(GANModel.Network(rawValue: "DCGAN") == nil)
    #expect(throws: DecodingError.self) {
      try JSONValue.array(["stylegan"]).decoded(as: [GANModel.Network].self)
    }
  }

  @Test(arguments: GANModel.Network.allCases, [[], [16_000], [16_000, 1], [1, 28, 28, 1]])
  func imageFamiliesRefuseOtherShapes(_ network: GANModel.Network, shape: [Int]) throws {
    var model = GANModel()
    model.network = network
    let error = #expect(throws: MirageError.self) {
      try GANConfiguration(model, shape: shape, classes: ["ant", "bee"])
    }
    #expect(error?.kind == .badPipeline && error?.place == "model.network" && error?.remedy != nil)
    let sizes = shape.map(String.init).joined(separator: " x ")
    #expect(
      error?.message == "\(network) makes images of height x width x channels, and the samples are \(sizes)")
  }

  /// A configuration of another shape has a text of its own, which decoding does not check.
  @Test func otherShapesAreListsInCheckpoints() throws {
    var value = try JSONValue(
      encoding: GANConfiguration(GANModel(), shape: [28, 28, 1], classes: ["ant", "bee"]))
    guard case .object(var fields) = value else { return #expect(Bool(false)) }
    for name in ["height", "width", "channels"] { fields[name] = nil }
    #expect(throws: DecodingError.self) { try JSONValue.object(fields).decoded(as: GANConfiguration.self) }
    fields["shape"] = [16_000, 1]
    value = .object(fields)
    let configuration = try value.decoded(as: GANConfiguration.self)
    #expect(configuration.shape == [16_000, 1])
    #expect(try JSONValue(encoding: configuration) == value)
  }

  /// A generator alone has the weights that it has beside a discriminator, and the discriminator those that follow.
  @Test(arguments: GANModel.Network.allCases) func networksAreBuiltAlone(_ network: GANModel.Network) throws {
    let gan = try Bars().gan(seed: 3) { model, _ in model.network = network }
    var random = Random(key: Random.Key(seed: 3, path: "gan"), sample: 0).derived("weights")
    #expect(gan.configuration.generator(using: &random).state.bits == gan.generator.state.bits)
    #expect(gan.configuration.discriminator(using: &random).state.bits == gan.discriminator.state.bits)
  }
}
