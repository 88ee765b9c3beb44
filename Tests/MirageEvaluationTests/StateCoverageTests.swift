import MirageEvaluation
import MirageNetworks
import MirageSupport
import NetworksTestSupport
import Testing

/// True if `visit` shows every parameter and buffer of the networks that measure.
@Suite struct StateCoverageTests {
  @Test func networksShowAllTheirState() throws {
    var random = Random(key: Random.Key(seed: 1, path: "coverage"), sample: 0)
    let configuration = ImageClassifier.Configuration(height: 32, width: 32, channels: 3, classes: ["ant", "bee"])
    var types: Set<String> = []
    for network in [
      try ImageClassifier(configuration, using: &random), try InceptionNetwork(InceptionTests.checkpoint),
    ]
      as [any Module]
    {
      let coverage = StateCoverage(network)
      #expect(coverage.count > 0 && coverage.forgotten.isEmpty && coverage.repeated.isEmpty)
      types.formUnion(coverage.types)
    }
    #expect(try modules(declaredIn: "MirageEvaluation").subtracting(types) == [], "these have no case here")
  }
}
