import MirageSupport
import MirageSynthesis
import Testing

/// How many synthetic samples there are.
@Suite struct EmissionTests {
  @Test func twoNumbersExcludeEachOther() {
    let error = #expect(throws: MirageError.self) { try Emission(perClass: 2, ratio: 1).check() }
    #expect(error?.message.contains("per-class and ratio") == true)
    #expect(error?.place == "emit.ratio")
  }

  @Test func aClassifierNeedsAThreshold() {
    #expect(throws: MirageError.self) { try Emission(classifier: "c.safetensors").check() }
  }
}
