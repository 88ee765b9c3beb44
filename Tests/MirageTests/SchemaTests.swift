import Foundation
import Mirage
import StreamsTestSupport
import TestSupport
import Testing

@Suite struct SchemaTests {
  @Test func schemaMentionsEveryComponentAndSetting() throws {
    let text = Registry.standard.schema.prettyText
    #expect(try JSONSerialization.jsonObject(with: Data(text.utf8)) is [String: Any])
    let schema = try JSONValue(parsing: text.utf8)
    #expect(schema.prettyText == text)
    for type in Registry.standard.types {
      let forms = try #require(schema["$defs"]?[type.kind.rawValue]?["anyOf"]?.items)
      let form = forms.first { $0["properties"]?[type.name] != nil }?["properties"]?[type.name]
      let settings = try #require(form?["properties"] ?? form?["anyOf"]?.items.first?["properties"], "\(type.name)")
      guard case .object(let fields) = settings else {
        Issue.record("\(type.name) has no fields")
        continue
      }
      #expect(fields.keys.sorted() == type.settings.map(\.key).sorted())
      #expect(fields.values.allSatisfy { $0["description"] != nil })
      // What needs no settings may stand as its name alone.
      let isBare = forms.contains { $0["const"] == .string(type.name) }
      #expect(isBare == type.settings.allSatisfy { $0.standard != nil })
    }
    for reference in text.matches(of: /"\$ref": "#\/\$defs\/([a-z]+)"/) {
      #expect(schema["$defs"]?[String(reference.1)] != nil)
    }
  }

  @Test func settingsAreDocumentedAlike() {
    func check(_ settings: [Setting], of path: String) {
      #expect(Set(settings.map(\.key)).count == settings.count, "\(path)")
      for setting in settings {
        #expect(setting.key.wholeMatch(of: /[a-z][a-z0-9]*(-[a-z]+)*/) != nil)
        let summary = setting.summary
        #expect(
          summary.first.map { !$0.isLowercase || summary.hasPrefix("gzip") } == true && summary.last != "."
            && !summary.contains("\n"), "\(path).\(setting.key)")
        if case .group(let members) = setting.type { check(members, of: "\(path).\(setting.key)") }
      }
    }
    for type in Registry.standard.types {
      #expect(type.summary.first?.isUppercase == true && !type.summary.hasSuffix("."), "\(type.name)")
      #expect(type.name.wholeMatch(of: /[a-z][a-z0-9]*(-[a-z0-9]+)*/) != nil)
      if let primary = type.primary { #expect(type.settings.contains { $0.key == primary }) }
      check(type.settings, of: type.name)
    }
  }

  /// A name means one thing wherever it stands: among the stages too, which are of two kinds.
  @Test func namesAreOfOneComponent() {
    for kinds in [[.source], [.augmentation, .stage], [.sink]] as [[ComponentKind]] {
      let names = Registry.standard.types.filter { kinds.contains($0.kind) }.map { $0.name }
      #expect(Set(names).count == names.count)
    }
  }

  /// A pipeline in Swift, and the same as a file.
  @Test func swiftAndYAMLAreTheSameValue() async throws {
    let data = repository + "/Samples/fashion-mnist"
    let swift = Pipeline(
      name: "both", seed: 3, policy: .skip(limit: 5), source: MNIST(directory: data, split: .test),
      stages: [
        Filter(classes: ["Bag", "Coat"]), Copies(2), Rotate(degrees: -15...15),
        RandomCrop(size: 28, padding: 2, mode: .reflect), Pad(padding: Padding(left: 1, top: 3, right: 1, bottom: 3)),
        Sometimes([OneOf([Brightness(factor: 0.5...1.5), GaussianNoise()], weights: [1, 2]), Invert()]),
        Erase(scale: 0.02...0.1), Scale(),
      ], sink: WebDatasetSink(directory: "out", samplesPerShard: 100))
    let file = try PipelineFile.parse(
      """
      name: both
      seed: 3
      on-error: skip
      skip-limit: 5
      source:
        mnist: { directory: \(data), split: test }
      stages:
        - filter: [Bag, 6]   # replaced below
        - copies: 2
        - rotate: 15
        - random-crop: { size: 28, padding: 2, mode: reflect }
        - pad: [1, 3]
        - sometimes:
            - one-of: { of: [{ brightness: [0.5, 1.5] }, gaussian-noise], weights: [1, 2] }
            - invert
        - erase: { scale: [0.02, 0.1] }
        - scale
      sink:
        webdataset: { directory: out, samples-per-shard: 100 }
      """, overrides: ["stages.0.filter=[Bag, Coat]"])
    #expect([file.name, "\(file.seed)", "\(file.policy)"] == [swift.name, "\(swift.seed)", "\(swift.policy)"])
    for (a, b) in zip([swift.source] + swift.stages + [swift.sink!], [file.source] + file.stages + [file.sink!]) {
      #expect(try a.description == b.description)
    }
    #expect(file.stages.count == swift.stages.count)
    let samples = try await (swift.fittedFlow(Run(seed: 3)).samples(), file.fittedFlow(Run(seed: 3)).samples())
    #expect(samples.0.count == samples.1.count && samples.0.count > 100)
    #expect(zip(samples.0, samples.1).allSatisfy { $0.id == $1.id && $0.bytes() == $1.bytes() })
  }

  /// What a component says of itself is what makes it again.
  @Test(arguments: RegistryTests.cases) func descriptionsAreSettings(_ one: RegistryTests.Case) throws {
    let component = try one.component()
    let text = try component.description.text
    let again = try PipelineFile.parse("source: {mnist: none}\nstages: [\(text)]").stages[0]
    #expect(try again.description == component.description)
  }
}

extension JSONValue {
  var items: [JSONValue] { if case .array(let items) = self { items } else { [] } }
}
