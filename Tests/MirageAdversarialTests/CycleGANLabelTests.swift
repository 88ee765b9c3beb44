import MirageAdversarial
import MirageNetworks
import MirageSupport
import MirageTensors
import Testing

/// Classes that are kept by a classifier which is trained along.
@Suite(.serialized) struct CycleGANLabelTests {
  private final class Reader: Layer {
    private let linear: Linear

    init() {
      var random = Random(key: Random.Key(seed: 3, path: "reader"), sample: 0)
      linear = Linear(64, 2, using: &random)
    }

    func callAsFunction(_ images: consuming Tensor, _ mode: Mode) -> Tensor {
      linear(images.reshaped([images.shape[0], 64]), mode)
    }

    func visit(_ visitor: inout some StateVisitor) { linear.visit(&visitor) }
  }

  /// Images whose right half is light, of class 0, and whose lower half is, of class 1.
  private let images = Tensor(
    (0..<4 * 64).map { place -> Float in
      let (y, x) = (place / 8 % 8, place % 8)
      return (place / 64 % 2 == 0 ? x : y) < 4 ? -0.5 : 0.5
    }, shape: [4, 8, 8, 1])
  private let labels = [0, 1, 0, 1]

  private func gan(_ change: (inout CycleGANRecipe) -> Void = { _ in }) throws -> CycleGAN {
    var (model, recipe) = (CycleGANModel(), CycleGANRecipe())
    (model.blocks, model.filters, model.discriminatorLayers, model.discriminatorFilters) = (1, 4, 1, 4)
    (recipe.identityWeight, recipe.labels, recipe.learningRate) = (0, .kept, 0.01)
    change(&recipe)
    let configuration = try CycleGANConfiguration(model, height: 8, width: 8, channelsA: 1, channelsB: 1)
    return try CycleGAN(configuration, recipe, classifier: Reader(), seed: 1)
  }

  /// The classifier's losses are those of its answers before the step, to the images and to their translations.
  @Test func measuresAreTheCrossEntropies() throws {
    let gan = try gan { $0.labelWeight = 3 }
    let classifier = try #require(gan.classifier)
    func entropy(_ images: Tensor) -> Float {
      Losses.crossEntropy(logits: classifier(images, .inference), labels: labels).scalar
    }
    var random = Random(key: Random.Key(seed: 0, path: "none"), sample: 0)
    let (real, fake) = (entropy(images), entropy(gan.translatedToB(images, using: &random)))
    let measures = gan.step(images, -images, labels: labels)
    #expect(abs(try #require(measures.classifierReal) - real) < 1e-5)
    #expect(abs(try #require(measures.classifierFake) - fake) < 1e-5)
    let cycle = 10 * (try #require(measures.cycleA) + #require(measures.cycleB))
    let sum = measures.adversarialAB + measures.adversarialBA + cycle + 3 * (real + fake)
    #expect(abs(measures.generatorLoss - sum) < 1e-3, "\(measures)")
  }

  /// The generator to B answers for the classes of its translations, that to A does not.
  @Test func labelsDecideWhatTheGeneratorLearns() throws {
    func weights(_ labels: [Int]) throws -> (ab: [String: Tensor], classifier: [String: Tensor]) {
      let gan = try gan { ($0.cycleWeight, $0.cycleWeightBack) = (0, 0) }
      _ = gan.step(images, -images, labels: labels)
      return (gan.generatorAB.state, try #require(gan.classifier).state)
    }
    let (own, other) = (try weights(labels), try weights([1, 0, 1, 0]))
    #expect(own.ab.contains { $0.value.values != other.ab[$0.key]!.values })
    #expect(own.classifier.contains { $0.value.values != other.classifier[$0.key]!.values })
  }

  @Test func theClassifierLearnsTheClasses() throws {
    let gan = try gan { ($0.cycleWeight, $0.cycleWeightBack) = (0, 0) }
    let first = gan.step(images, -images, labels: labels)
    var last = first
    for _ in 0..<30 { last = gan.step(images, -images, labels: labels) }
    for measure in [\CycleGAN.Measures.classifierReal, \.classifierFake] {
      let (before, after) = (try #require(first[keyPath: measure]), try #require(last[keyPath: measure]))
      #expect(after < 0.7 * before, "\(before) and \(after)")
    }
  }
}
