import MirageSupport
import MirageSynthesis
import Testing

/// Settings that are out of range or exclude each other.
@Suite struct EmissionTests {
  @Test func twoNumbersExcludeEachOther() {
    let error = #expect(throws: MirageError.self) { try Emission(perClass: 2, ratio: 1).check() }
    #expect(error?.message.contains("per-class and ratio") == true)
    #expect(error?.place == "emit.ratio")
  }

  @Test func aClassifierNeedsAThreshold() {
    #expect(throws: MirageError.self) { try Emission(classifier: "c.safetensors").check() }
  }

  @Test(arguments: [
    (Emission(perClass: -1), "per-class"), (Emission(ratio: -0.5), "ratio"), (Emission(ratio: .nan), "ratio"),
    (Emission(count: -3), "count"), (Emission(truncation: 0), "truncation"), (Emission(truncation: 11), "truncation"),
    (Emission(threshold: 1.5), "threshold"), (Emission(attempts: 0), "attempts"),
  ])
  func numbersOutOfRange(_ emission: Emission, _ setting: String) {
    let error = #expect(throws: MirageError.self) { try emission.check() }
    #expect(error?.place == "emit.\(setting)")
  }
}
