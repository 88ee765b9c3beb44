import MirageAdversarial
import MirageNetworks
import MirageSupport
import MirageTensors
import NetworksTestSupport
import Testing

/// Returns whether `visit` shows every parameter and buffer of every family's networks.
@Suite struct StateCoverageTests {
  private func check(_ networks: [any Module], _ types: inout Set<String>, _ what: String) {
    for network in networks {
      let coverage = StateCoverage(network)
      #expect(coverage.count > 0 && coverage.forgotten.isEmpty && coverage.repeated.isEmpty, "\(what)")
      types.formUnion(coverage.types)
    }
  }

  @Test func networksShowAllTheirState() throws {
    var types: Set<String> = []
    var random = randomNumbers("coverage")
    for network in GANModel.Network.allCases {
      for conditioning in GANModel.Conditioning.allCases {
        for normalization in GANModel.Normalization.allCases {
          for output in GANModel.Output.allCases {
            var model = GANModel()
            (model.network, model.conditioning, model.normalization) = (network, conditioning, normalization)
            (model.output, model.latent, model.generatorWidth, model.discriminatorWidth) = (output, 5, 4, 4)
            let configuration = try GANConfiguration(
              model, shape: [32, 32, 3], classes: ["ant", "bee"])
            check(
              [configuration.generator(using: &random), configuration.discriminator(using: &random)], &types,
              "\(network), \(conditioning), \(normalization), \(output)")
          }
        }
      }
    }
    check(
      [
        ResNetGenerator(blocks: 2, filters: 2, using: &random),
        ResNetGenerator(blocks: 1, filters: 2, normalization: .none, using: &random),
        NearIdentityGenerator(UNetGenerator(downs: 5, filters: 2, using: &random), channels: 3),
        PatchDiscriminator(layers: 2, filters: 2, using: &random), PixelDiscriminator(filters: 2, using: &random),
      ], &types, "CycleGAN")
    check([ProjectionHeads(channels: [2, 3], width: 4, using: &random)], &types, "CUT")
    #expect(try modules(declaredIn: "MirageAdversarial").subtracting(types) == [], "these have no case here")
  }
}
