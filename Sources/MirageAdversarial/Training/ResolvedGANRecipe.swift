import MirageNetworks
import MirageSupport

extension GANRecipe {
  /// A checked recipe with all defaults filled in.
  package struct Resolved: Sendable, Equatable {
    /// Optimizer of both networks, with its parameters.
    package enum Optimization: Sendable, Equatable {
      /// Adam (Kingma and Ba 2015) with the decay rates of its means of gradients and squared gradients.
      case adam(beta1: Double, beta2: Double)
      /// RMSProp with PyTorch's defaults.
      case rmsprop
    }

    /// Bound on the gradient of the discriminator, besides its normalization.
    package enum Bound: Sendable, Equatable {
      /// No bound.
      case none
      /// Weights within ± the limit (WGAN; Arjovsky et al. 2017).
      case clipping(limit: Double)
      /// A penalty on gradients between real and generated samples (WGAN-GP; Gulrajani et al. 2017), with its weight.
      case gradientPenalty(weight: Double)
      /// A penalty on gradients at real samples (R1; Mescheder et al. 2018), with its weight.
      case r1(weight: Double)
    }

    /// Number of steps of the generator.
    package let steps: Int
    /// Number of real samples in a step of the discriminator.
    package let batch: Int
    /// Loss of both networks.
    package let loss: AdversarialLoss
    /// Number of steps of the discriminator before each of the generator.
    package let discriminatorSteps: Int
    /// Optimizer of both networks.
    package let optimization: Optimization
    /// Learning rate of the generator.
    package let learningRate: Double
    /// Learning rate of the discriminator.
    package let discriminatorLearningRate: Double
    /// Fraction of the steps after which the learning rates decay linearly to 0.
    package let decayFrom: Double
    /// Bound on the gradient of the discriminator.
    package let bound: Bound
    /// Augmentations of real and generated samples before the discriminator.
    package let augment: [DifferentiableAugmentation]
    /// Fraction of the generator's moving average that stays in each step.
    package let average: Double
  }
}

extension GANRecipe {
  /// Returns the checked recipe with all defaults filled in.
  ///
  /// - Throws: bad pipeline with `place` naming the setting, if settings exclude each other or are out of range.
  package func resolved(for model: GANModel) throws -> Resolved {
    try check(model)
    let bound: Resolved.Bound =
      switch loss {
      case .wasserstein: .clipping(limit: clip ?? 0.01)
      case .wassersteinPenalty: .gradientPenalty(weight: gradientPenalty ?? 10)
      case .hinge, .nonSaturating, .leastSquares: r1 > 0 ? .r1(weight: r1) : .none
      }
    let optimization: Resolved.Optimization =
      switch method {
      case .adam: .adam(beta1: betas?[0] ?? 0, beta2: betas?[1] ?? 0.9)
      case .rmsprop: .rmsprop
      }
    let rate = learningRate ?? loss.learningRate
    return Resolved(
      steps: steps, batch: batch, loss: loss, discriminatorSteps: discriminatorSteps ?? loss.discriminatorSteps,
      optimization: optimization, learningRate: rate, discriminatorLearningRate: discriminatorLearningRate ?? rate,
      decayFrom: decayFrom, bound: bound, augment: augment, average: average)
  }

  /// Optimizer, given or by default.
  var method: Method { optimizer ?? (loss == .wasserstein ? .rmsprop : .adam) }
}

extension AdversarialLoss {
  /// Learning rate that the loss is trained with by default.
  fileprivate var learningRate: Double {
    switch self {
    case .wasserstein: 5e-5
    case .wassersteinPenalty: 1e-4
    case .hinge, .nonSaturating, .leastSquares: 4e-4
    }
  }

  /// Number of steps of the discriminator before each of the generator, by default.
  fileprivate var discriminatorSteps: Int {
    switch self {
    case .wasserstein, .wassersteinPenalty: 5
    case .hinge, .nonSaturating, .leastSquares: 1
    }
  }
}

extension GANRecipe.Resolved {
  /// Returns a new optimizer.
  func optimizer(learningRate: Double) -> any Optimizer {
    switch optimization {
    case .adam(let beta1, let beta2): Adam(learningRate: Float(learningRate), betas: (Float(beta1), Float(beta2)))
    case .rmsprop: RMSProp(learningRate: Float(learningRate))
    }
  }

  /// Returns the factor of both learning rates in the step after `step` earlier ones, 1 to 0.
  package func learningRateFactor(at step: Int) -> Float {
    let start = Int(Double(steps) * decayFrom)
    return Schedule.linearDecay(after: start, over: steps - start).factor(at: step)
  }

  /// Recipe with every setting given.
  package var recipe: GANRecipe {
    var recipe = GANRecipe()
    (recipe.steps, recipe.batch, recipe.loss, recipe.discriminatorSteps) = (steps, batch, loss, discriminatorSteps)
    switch optimization {
    case .adam(let beta1, let beta2): (recipe.optimizer, recipe.betas) = (.adam, [beta1, beta2])
    case .rmsprop: recipe.optimizer = .rmsprop
    }
    (recipe.learningRate, recipe.discriminatorLearningRate) = (learningRate, discriminatorLearningRate)
    (recipe.decayFrom, recipe.augment, recipe.average) = (decayFrom, augment, average)
    switch bound {
    case .none: break
    case .clipping(let limit): recipe.clip = limit
    case .gradientPenalty(let weight): recipe.gradientPenalty = weight
    case .r1(let weight): recipe.r1 = weight
    }
    return recipe
  }
}

extension GANRecipe.Resolved: Encodable {
  /// Encodes the recipe's settings. Checkpoints are compared by this text, so it must not change.
  package func encode(to encoder: any Encoder) throws { try recipe.encode(to: encoder) }
}
