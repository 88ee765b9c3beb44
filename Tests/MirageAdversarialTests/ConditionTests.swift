import MirageAdversarial
import MirageNetworks
import MirageSupport
import MirageTensors
import Testing

@Suite struct ConditionTests {
  private let latents: Tensor
  private let samples: Tensor
  private let labels = [2, 0, 1, 1]

  init() {
    var random = randomNumbers("condition")
    latents = .normal([4, 8], using: &random)
    samples = .uniform([4, 16, 16, 1], in: -1...1, using: &random)
  }

  private func oneHot(_ labels: [Int]) -> Tensor {
    Tensor(labels.flatMap { label in (0..<3).map { $0 == label ? 1 : 0 } }, shape: [labels.count, 3])
  }

  private func gan(_ network: GANModel.Network, _ conditioning: GANModel.Conditioning) throws -> GAN {
    let gan = try Bars().gan { model, _ in (model.network, model.conditioning) = (network, conditioning) }
    // Scales and offsets of the classes differ only after some steps.
    gan.train(3)
    return gan
  }

  @Test(arguments: GANModel.Network.allCases, GANModel.Conditioning.allCases)
  func oneHotVectorsAreLabels(_ network: GANModel.Network, _ conditioning: GANModel.Conditioning) throws {
    let gan = try gan(network, conditioning)
    let vectors = Condition.vectors(oneHot(labels))
    func differ(_ x: Tensor, _ y: Tensor) -> Float { (x - y).abs().values.max()! }
    let made = gan.generator(latents, labels, .inference)
    #expect(differ(gan.generator(latents, vectors, .inference), made) < 1e-5)
    let prediction = gan.discriminator(samples, labels, .inference)
    #expect(differ(gan.discriminator(samples, vectors, .inference).logits, prediction.logits) < 1e-5)
    // Only conditioned networks read it.
    let others = gan.generator(latents, [0, 1, 2, 0], .inference)
    #expect((differ(others, made) > 0) == (conditioning != .none))
  }

  /// The projection is linear in the condition: half of each class gives the mean of both logits.
  @Test func vectorsMixClasses() throws {
    let gan = try gan(.dcgan, .projection)
    func logits(_ vectors: Tensor) -> Tensor { gan.discriminator(samples, .vectors(vectors), .inference).logits }
    let (one, other) = (oneHot([0, 0, 0, 0]), oneHot([2, 2, 2, 2]))
    let mixed = logits((one + other) * 0.5)
    let mean = (logits(one) + logits(other)) * 0.5
    #expect(zip(mixed.values, mean.values).allSatisfy { abs($0 - $1) < 1e-4 * (1 + abs($1)) })
    #expect(zip(logits(one).values, logits(other).values).contains { abs($0 - $1) > 1e-3 })
  }

  /// The gradient reaches a vector, as terms on codes need it.
  @Test(arguments: [GANModel.Conditioning.concatenated, .projection, .auxiliaryClassifier])
  func gradientsReachVectors(_ conditioning: GANModel.Conditioning) throws {
    let gan = try gan(.dcgan, conditioning)
    let vectors = oneHot(labels).tracked()
    let made = gan.generator(latents, .vectors(vectors), .training(randomNumbers("mode")))
    let slope = made.square().sum().gradients(wrt: [vectors])[0]
    #expect(slope.shape == [4, 3] && slope.values.contains { abs($0) > 1e-6 })
  }
}
