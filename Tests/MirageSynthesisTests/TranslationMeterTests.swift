import MirageAdversarial
import MirageEvaluation
import MirageLearning
import MirageStreams
import MirageSynthesis
import MirageTensors
import StreamsTestSupport
import Testing

/// What a translation in training is measured by, on generators that paint one shade.
@Suite struct TranslationMeterTests {
  /// Dark images are of class 0, bright ones of class 1; the feature is the mean.
  private struct Brightness: FeatureNetwork {
    let name = "brightness"

    func predictions(of images: Tensor) -> (features: Tensor, logits: Tensor) {
      let means = images.reshaped([images.shape[0], -1]).mean(axes: [1]).reshaped([-1, 1])
      return (means, concatenated([-means, means], axis: 1))
    }
  }

  /// A to B paints the shade `ab`, B to A paints `ba`: -1 or 1.
  private func trainee(_ ab: Float, _ ba: Float) throws -> CycleGANTrainee {
    var model = CycleGANModel()
    (model.blocks, model.filters, model.discriminatorLayers, model.discriminatorFilters) = (0, 1, 1, 1)
    let configuration = try CycleGANConfiguration(model, height: 12, width: 12, channelsA: 1, channelsB: 1)
    let domain = CycleGANTrainee.Domain(
      "x", coding: ImageCoding(height: 12, width: 12, channels: 1), images: .zeros([2, 12, 12, 1]))
    let trainee = try CycleGANTrainee(configuration, CycleGANRecipe(), a: domain, b: domain, seed: 1)
    for (network, shade) in [(trainee.gan.generatorAB, ab), (trainee.gan.generatorBA, ba)] {
      for parameter in network.parameters { parameter.value = .zeros(parameter.value.shape) }
      network.parameters.last { $0.value.shape == [1] }!.value = Tensor([20 * shade], shape: [1])
    }
    return trainee
  }

  /// A is of the shade -0.5, B of 0.25.
  @TensorActor
  private func meter(_ metric: TranslationWatching.Metric, classifier: Bool = true) throws -> TranslationMeter<
    CycleGANTrainee
  > {
    let coding = ImageCoding(height: 12, width: 12, channels: 1)
    func images(_ shade: Float) -> [Tensor] { [3, 2].map { .zeros([$0, 12, 12, 1]) + shade } }
    return try TranslationMeter(
      [
        .init(coding: coding, images: images(-0.5), classes: [0]),
        .init(coding: coding, images: images(0.25), classes: [1]),
      ], classifier: classifier ? Brightness() : nil, metric: metric)
  }

  @Test @TensorActor func distancesAreThoseOfTheShades() throws {
    let found = try meter(.fid).evaluate(trainee(1, -1))
    let values = Dictionary(uniqueKeysWithValues: found.measures)
    func expect(_ name: String, _ value: Double) { #expect(abs((values[name] ?? .nan) - value) < 1e-3, "\(name)") }
    expect("cycle-error-ab", 0.5)
    expect("cycle-error-ba", 0.75)
    expect("label-agreement-ab", 1)
    expect("label-agreement-ba", 1)
    expect("fid-ab", 0.75 * 0.75)
    expect("fid-ba", 0.5 * 0.5)
    #expect(abs((found.score ?? .nan) - 0.8125) < 1e-3)
    let wrong = Dictionary(uniqueKeysWithValues: try meter(.fid).evaluate(trainee(-1, -1)).measures)
    #expect(wrong["label-agreement-ab"] == 0 && wrong["label-agreement-ba"] == 1)
  }

  @Test @TensorActor func theMetricChoosesTheScore() throws {
    #expect(abs((try meter(.cycleError).evaluate(trainee(1, -1)).score ?? .nan) - 0.625) < 1e-3)
    #expect(try meter(.last).evaluate(trainee(1, -1)).score == nil)
    let plain = try meter(.last, classifier: false).evaluate(trainee(1, -1))
    #expect(plain.measures.allSatisfy { !$0.name.hasPrefix("fid") && !$0.name.hasPrefix("label") })
  }

  @Test(arguments: [(230, 500, 23), (230, 9, 9), (99, 500, 0)])
  func heldOutSamplesAreNotTrainedOn(_ count: Int, _ wanted: Int, _ expected: Int) async throws {
    let source = TestSource(count: count, classes: ["ant"])
    let set = try await TrainingSet(surveying: source.flow(in: Context()), isConditional: false, in: Context()) { _ in }
    let (rest, heldOut) = set.holdingOut(wanted)
    #expect(heldOut.positions.count == expected)
    #expect((rest.positions + heldOut.positions).sorted() == Array(0..<count))
    let gaps = zip(heldOut.positions, heldOut.positions.dropFirst()).map { $1 - $0 }
    #expect(gaps.allSatisfy { $0 <= count / max(1, expected) + 1 }, "spread over all")
  }
}
