import Mirage
import TestSupport
import Testing

/// Every operation that Pillow or torchvision defines, held against what they give (Tests/Golden/make_golden.py).
@Suite struct GoldenTests {
  static let folder = repository + "/Tests/Golden/"

  struct Case: Decodable, Sendable, CustomTestStringConvertible {
    let name, input, stage, output: String
    let settings: JSONValue
    let parameters: JSONValue
    let tolerance: Int
    let fraction: Double
    var testDescription: String { name }
  }

  static let cases: [Case] = {
    let text = try! InputFile.contents(of: folder + "cases.json")
    guard case .array(let cases) = try! JSONValue(parsing: text) else { return [] }
    return cases.map { try! $0.decoded(as: Case.self) }
  }()

  @Test func thereAreCases() { #expect(Self.cases.count > 100) }

  @Test(arguments: cases) func agrees(_ one: Case) throws {
    let pipeline = try PipelineFile.parse(
      "source: {mnist: none}\nstages: [{\(one.stage): \(try settings(one).text)}]")
    let augmentation = try #require(pipeline.stages[0] as? any Augmentation)
    let image = try Image(decoding: InputFile.contents(of: Self.folder + one.input))
    var sample = Sample(id: SampleID(index: 0), origin: Origin(one.input), content: .image(image))
    try apply(augmentation, one.parameters, to: &sample)
    let expected = try Image(decoding: InputFile.contents(of: Self.folder + one.output))
    let actual = sample.bytes()
    try #require(
      [actual.height, actual.width, actual.channels] == [expected.height, expected.width, expected.channels])
    let differences = zip(actual.pixels, expected.pixels).map { abs(Int($0) - Int($1)) }
    #expect(differences.max()! <= one.tolerance, "largest difference")
    #expect(Double(differences.filter { $0 > 1 }.count) / Double(differences.count) <= one.fraction)
  }

  /// The case's settings; a range that must be given is that of the drawn parameter.
  private func settings(_ one: Case) throws -> JSONValue {
    guard case .object(var settings) = one.settings else { return one.settings }
    let type = try #require(Registry.standard.type(one.stage, among: [.augmentation]))
    for setting in type.settings where setting.standard == nil {
      settings[setting.key] = settings[setting.key] ?? one.parameters[setting.key]
    }
    return .object(settings)
  }

  private func apply<A: Augmentation>(_ augmentation: A, _ parameters: JSONValue, to sample: inout Sample) throws {
    try augmentation.apply(parameters.decoded(as: A.Parameters.self), to: &sample)
  }

  struct Codec: Decodable, Sendable, CustomTestStringConvertible {
    let file, pixels: String
    let width, height: Int
    var testDescription: String { file }
  }

  static let codecs: [Codec] = {
    let text = try! InputFile.contents(of: folder + "codecs.json")
    guard case .array(let cases) = try! JSONValue(parsing: text) else { return [] }
    return cases.map { try! $0.decoded(as: Codec.self) }
  }()

  /// What is decoded is what Pillow decodes, byte for byte.
  @Test(arguments: codecs) func decodes(_ one: Codec) throws {
    let actual = try Image(decoding: InputFile.contents(of: Self.folder + one.file))
    let expected = try Image(decoding: InputFile.contents(of: Self.folder + one.pixels))
    #expect([actual.width, actual.height] == [one.width, one.height])
    #expect(actual == expected)
  }
}
