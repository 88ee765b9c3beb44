import MirageAdversarial
import MirageSupport
import MirageNetworks
import MirageTensors
import Testing

/// What settings are refused, with which words, and what is left out becomes.
@Suite struct ConfigurationTests {
  private func refusal(
    _ change: (inout GANModel) -> Void = { _ in }, height: Int = 32, width: Int = 32, channels: Int = 3,
    classes: [String] = ["ant", "bee"]
  ) -> MirageError? {
    var model = GANModel()
    change(&model)
    do {
      _ = try GANConfiguration(model, shape: [height, width, channels], classes: classes)
    } catch {
      return error as? MirageError
    }
    return nil
  }

  @Test func imagesThatNetworksCannotMakeAreRefused() {
    #expect(refusal() == nil)
    for side in [0, 1, 7, 8, 14, 30, 33, 450] {
      let error = refusal(height: side)
      #expect(error?.message == "dcgan cannot make images of \(side) x 32" && error?.place == "model.network")
      #expect(error?.kind == .badPipeline && error?.remedy?.contains("28, 32, 64 or 128") == true)
      #expect(
        refusal({ $0.network = .residual }, width: side)?.message == "residual cannot make images of 32 x \(side)")
    }
    let large = refusal({ $0.network = .residual }, height: 128, width: 128)
    #expect(large?.message == "residual networks for images of 128 x 128" && large?.place == "model.network")
    #expect(refusal({ $0.network = .residual }, height: 64, width: 64) == nil)
    #expect(refusal(height: 256, width: 256) == nil && refusal(height: 512, width: 32) == nil)
    #expect(refusal(height: 512, width: 512)?.message == "dcgan cannot make images of 512 x 512")
    let flat = refusal({ $0.network = .fullyConnected }, height: 64, width: 65)
    #expect(flat?.message == "a fully connected network for images of 64 x 65" && flat?.place == "model.network")
    #expect(refusal({ $0.network = .fullyConnected }, height: 64, width: 64) == nil)
    #expect(refusal({ $0.network = .fullyConnected }, height: 3, width: 17) == nil)
    for channels in [0, 2, 4] {
      #expect(refusal(channels: channels)?.message == "images of \(channels) channels")
    }
  }

  /// What a damaged file may hold: no number of it is trusted.
  @Test func numbersOutOfRangeAreRefused() {
    for network in GANModel.Network.allCases {
      for (height, width) in [(-32, -32), (0, 0), (Int.max, Int.max), (1 << 40, 32), (32, 1 << 40), (-1, -4)] {
        #expect(refusal({ $0.network = network }, height: height, width: width)?.place == "model.network")
      }
      for number in [Int.min, -1, 0, 1 << 20, Int.max] {
        let settings: [(String, WritableKeyPath<GANModel, Int>)] = [
          ("latent", \.latent), ("generator-width", \.generatorWidth), ("discriminator-width", \.discriminatorWidth),
        ]
        for (name, path) in settings {
          let error = refusal {
            $0.network = network
            $0[keyPath: path] = number
          }
          #expect(error?.kind == .badPipeline && error?.place == "model.\(name)")
          #expect(error?.message.hasSuffix("not \(number)") == true)
        }
      }
    }
  }

  @Test(arguments: GANModel.Conditioning.allCases) func classesAreNeededWhereNetworksAreConditioned(
    _ conditioning: GANModel.Conditioning
  ) throws {
    for classes in [[], ["ant"]] {
      let error = refusal({ $0.conditioning = conditioning }, classes: classes)
      if conditioning == .none {
        #expect(error == nil)
      } else {
        #expect(
          error?.message
            == "conditioning \(conditioning.rawValue) needs at least two classes, and the data has \(classes.count)")
        #expect(error?.place == "model.conditioning" && error?.remedy != nil)
      }
    }
    var model = GANModel()
    model.conditioning = conditioning
    let configuration = try GANConfiguration(model, shape: [28, 28, 1], classes: ["ant", "bee"])
    #expect(configuration.classes == (conditioning == .none ? [] : ["ant", "bee"]))
    #expect(try JSONValue(encoding: configuration).decoded(as: GANConfiguration.self) == configuration)
  }

  /// The widest layers have 512 channels.
  @Test func layersAreNotWiderThan512() throws {
    var model = GANModel()
    (model.normalization, model.generatorWidth, model.discriminatorWidth) = (.none, 200, 260)
    let configuration = try GANConfiguration(model, shape: [16, 16, 1], classes: ["ant", "bee"])
    var random = randomNumbers("wide")
    let generator = configuration.generator(using: &random)
    let discriminator = configuration.discriminator(using: &random)
    let (made, judged) = (generator.state.mapValues(\.shape), discriminator.state.mapValues(\.shape))
    #expect(made["project.weight"] == [512 * 16, 64] && made["ups.0.weight"] == [512, 400, 4, 4])
    #expect(made["ups.1.weight"] == [400, 200, 4, 4] && made["out.weight"] == [1, 200, 3, 3])
    #expect(judged["layers.0.weight"] == [260, 1, 4, 4] && judged["layers.2.weight"] == [512, 260, 4, 4])
    #expect(judged["layers.4.weight"] == [512, 512, 3, 3] && judged["head.linear.weight"] == [1, 512])
  }

  // MARK: Recipes

  private func resolved(
    _ loss: AdversarialLoss = .hinge, _ normalization: GANModel.Normalization = .layer,
    _ change: (inout GANRecipe) -> Void = { _ in }
  ) throws -> GANRecipe.Resolved {
    var (model, recipe) = (GANModel(), GANRecipe())
    (model.normalization, recipe.loss) = (normalization, loss)
    change(&recipe)
    return try recipe.resolved(for: model)
  }

  @Test(arguments: AdversarialLoss.allCases) func whatIsLeftOutIsTheLosssOwn(_ loss: AdversarialLoss) throws {
    let recipe = try resolved(loss)
    switch loss {
    case .wasserstein:
      #expect(recipe.discriminatorSteps == 5 && recipe.optimization == .rmsprop && recipe.learningRate == 5e-5)
      #expect(recipe.bound == .clipping(limit: 0.01))
    case .wassersteinPenalty:
      #expect(recipe.discriminatorSteps == 5 && recipe.learningRate == 1e-4)
      #expect(recipe.bound == .gradientPenalty(weight: 10) && recipe.optimization == .adam(beta1: 0, beta2: 0.9))
    default:
      #expect(recipe.discriminatorSteps == 1 && recipe.learningRate == 4e-4)
      #expect(recipe.bound == .none && recipe.optimization == .adam(beta1: 0, beta2: 0.9))
    }
    #expect(recipe.discriminatorLearningRate == recipe.learningRate)
    // What is resolved stays as it is.
    var model = GANModel()
    model.normalization = .layer
    #expect(try recipe.recipe.resolved(for: model) == recipe)
    // What is given is kept.
    let given = try resolved(loss) {
      ($0.discriminatorSteps, $0.optimizer, $0.learningRate, $0.discriminatorLearningRate) = (3, .adam, 1e-3, 4e-3)
      $0.betas = [0.1, 0.2]
    }
    #expect(given.discriminatorSteps == 3 && given.optimization == .adam(beta1: 0.1, beta2: 0.2))
    #expect(given.learningRate == 1e-3 && given.discriminatorLearningRate == 4e-3)
  }

  private func refusal(
    _ loss: AdversarialLoss = .hinge, _ normalization: GANModel.Normalization = .layer,
    _ change: (inout GANRecipe) -> Void
  ) -> MirageError? {
    do {
      _ = try resolved(loss, normalization, change)
    } catch {
      let refused = error as? MirageError
      #expect(refused?.kind == .badPipeline)
      #expect(refused?.remedy != nil || refused?.message.contains(" must be ") == true)
      return refused
    }
    return nil
  }

  @Test func settingsThatExcludeEachOtherAreRefused() {
    for loss in AdversarialLoss.allCases where loss != .wassersteinPenalty {
      let error = refusal(loss) { $0.gradientPenalty = 10 }
      #expect(error?.place == "train.gradient-penalty" && error?.message.contains("not to \(loss.rawValue)") == true)
    }
    for loss in AdversarialLoss.allCases where loss != .wasserstein {
      let error = refusal(loss) { $0.clip = 0.01 }
      #expect(error?.place == "train.clip" && error?.message.contains("not to \(loss.rawValue)") == true)
    }
    for loss in [AdversarialLoss.wasserstein, .wassersteinPenalty] {
      #expect(refusal(loss) { $0.r1 = 1 }?.place == "train.r1")
    }
    #expect(refusal(.hinge, .batch) { $0.r1 = 1 }?.place == "train.r1")
    #expect(refusal(.wassersteinPenalty, .batch) { _ in }?.place == "model.normalization")
    #expect(refusal(.wasserstein, .spectral) { _ in }?.place == "model.normalization")
    #expect(refusal(.wasserstein) { $0.betas = [0.5, 0.9] }?.place == "train.betas")
    #expect(refusal(.hinge) { ($0.optimizer, $0.betas) = (.rmsprop, [0.5, 0.9]) }?.place == "train.betas")
    for betas in [[], [0.5], [0.5, 0.9, 0.9], [0.5, 1], [-0.1, 0.9], [.nan, 0.9]] {
      #expect(refusal { $0.betas = betas }?.place == "train.betas")
    }
  }

  @Test func numbersThatNoTrainingHasAreRefused() {
    func places(_ changes: [(inout GANRecipe) -> Void], _ loss: AdversarialLoss = .hinge) -> Set<String?> {
      Set(changes.map { refusal(loss, .layer, $0)?.place })
    }
    #expect(places([{ $0.steps = 0 }, { $0.steps = -5 }]) == ["train.steps"])
    #expect(places([{ $0.batch = 1 }, { $0.batch = 0 }, { $0.batch = -1 }]) == ["train.batch"])
    #expect(places([{ $0.discriminatorSteps = 0 }, { $0.discriminatorSteps = -1 }]) == ["train.discriminator-steps"])
    let rates = [0, -1e-4, Double.nan, .infinity]
    #expect(places(rates.map { rate in { $0.learningRate = rate } }) == ["train.learning-rate"])
    #expect(
      places(rates.map { rate in { $0.discriminatorLearningRate = rate } }) == ["train.discriminator-learning-rate"])
    #expect(places([-0.1, 1.1, .nan].map { part in { $0.decayFrom = part } }) == ["train.decay-from"])
    #expect(places([-1, .nan, .infinity].map { weight in { $0.r1 = weight } }) == ["train.r1"])
    #expect(places([-0.1, 1, .nan].map { part in { $0.average = part } }) == ["train.average"])
    #expect(places([0, -1, .nan, .infinity].map { clip in { $0.clip = clip } }, .wasserstein) == ["train.clip"])
    let penalties = [-1, Double.nan, .infinity].map { weight in
      { (recipe: inout GANRecipe) in recipe.gradientPenalty = weight }
    }
    #expect(places(penalties, .wassersteinPenalty) == ["train.gradient-penalty"])
  }

  /// The part of the training with whole learning rates, then equal parts down to zero.
  @Test func learningRatesDecay() throws {
    func factors(_ decayFrom: Double, _ steps: Int = 8) throws -> [Float] {
      let recipe = try resolved {
        ($0.steps, $0.decayFrom) = (steps, decayFrom)
      }
      return (0...steps).map { recipe.learningRateFactor(at: $0) }
    }
    #expect(try factors(0.5) == [1, 1, 1, 1, 1, 0.75, 0.5, 0.25, 0])
    #expect(try factors(0) == [1, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125, 0])
    // The last is that of a step beyond the end.
    #expect(try factors(1).allSatisfy { $0 == 1 })
    #expect(try factors(0.5, 1) == [1, 0])
  }
}
