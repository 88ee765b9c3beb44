import MirageAdversarial
import MirageSupport
import MirageNetworks
import MirageTensors
import Testing

/// Trainings of seconds, which bring what is generated nearer to the data, by a measure.
@Suite struct TrainingTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var network = GANModel.Network.dcgan
    let conditioning: GANModel.Conditioning
    let loss: AdversarialLoss
    let normalization: GANModel.Normalization
    let steps: Int
    var betas: [Double]?
    var testDescription: String { "\(network), \(conditioning), \(loss), \(normalization)" }
  }

  static let cases = [
    Case(conditioning: .projection, loss: .hinge, normalization: .spectral, steps: 600),
    Case(conditioning: .concatenated, loss: .nonSaturating, normalization: .batch, steps: 400, betas: [0.5, 0.999]),
    Case(conditioning: .none, loss: .wassersteinPenalty, normalization: .layer, steps: 120),
    Case(
      network: .fullyConnected, conditioning: .projection, loss: .hinge, normalization: .spectral, steps: 300),
    Case(
      network: .fullyConnected, conditioning: .auxiliaryClassifier, loss: .hinge, normalization: .spectral, steps: 300),
  ]

  @Test(arguments: cases) func bringsSamplesNearerToTheData(_ one: Case) throws {
    try onOneThread {
      let gan = try Bars().gan { model, recipe in
        (model.network, model.conditioning, model.normalization) = (one.network, one.conditioning, one.normalization)
        (model.generatorWidth, model.discriminatorWidth) = (8, 8)
        (recipe.loss, recipe.steps, recipe.batch) = (one.loss, one.steps, 24)
        (recipe.learningRate, recipe.betas, recipe.average) = (1e-3, one.betas, 0.98)
      }
      let before = try Quality(gan)
      gan.train(one.steps)
      let after = try Quality(gan)
      #expect(after.distance * 3 < before.distance, "\(before.distance) became \(after.distance)")
      if one.conditioning != .none { #expect(before.agreement < 0.6 && after.agreement > 0.95) }
    }
  }
}

/// How far what the averaged generator makes is from bars.
private struct Quality {
  /// The squared Fréchet distance of pixels taken as independent, averaged over the classes.
  private(set) var distance: Float = 0
  /// The part of the samples that are nearest to the mean image of their own class.
  private(set) var agreement: Float = 0

  init(_ gan: GAN) throws {
    var random = randomNumbers("quality")
    let generator = gan.configuration.generator(using: &random)
    try generator.load(gan.average.state)
    let (bars, each) = (Bars(), 128)
    let real = (0..<3).map { bars.batch(each, using: &random, only: $0).images }
    func made(_ label: Int, _ count: Int) -> Tensor {
      generator(gan.configuration.latents(count, using: &random), [Int](repeating: label, count: count), .inference)
    }
    guard !gan.configuration.classes.isEmpty else {
      distance = frechet(made(0, 3 * each), concatenated(real, axis: 0))
      return
    }
    for label in 0..<3 {
      let images = made(label, each)
      distance += frechet(images, real[label]) / 3
      let distances = real.map { (images - $0.mean(axes: [0])).square().sum(axes: [1, 2, 3]).values }
      let hits = (0..<each).count { index in distances.allSatisfy { distances[label][index] <= $0[index] } }
      agreement += Float(hits) / Float(3 * each)
    }
  }

  private func frechet(_ x: Tensor, _ y: Tensor) -> Float {
    let means = (x.mean(axes: [0]) - y.mean(axes: [0])).square().sum().scalar
    return means + (x.variance(axes: [0]).sqrt() - y.variance(axes: [0]).sqrt()).square().sum().scalar
  }
}
